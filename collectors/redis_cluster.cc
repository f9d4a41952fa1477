#include "collectors/redis_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/foreign_text.h"
#include "collectors/redis_cluster_metrics.h"
#include "collectors/redis_info.h"

namespace tierwatch {
namespace {

using namespace redis;
using Kind = RedisReply::Kind;
using Words = std::vector<std::string_view>;

constexpr std::size_t kMaxNodes = 1'000;
constexpr int kSlots = 16'384;

// A line of CLUSTER NODES: id, ip:port@bus[,hostname[,…]], flags, id of the primary, ping, pong,
// epoch, link, slots and ranges of slots, "[slot->-id]" and "[slot-<-id]" for slots that move.
struct Node {
  std::string_view id, primary;
  std::string address;  // "" where it has none that can be connected to
  Words flags;
  bool linked = false;
  int slots = 0, importing = 0, migrating = 0;

  bool Is(std::string_view flag) const {
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
  }
  std::string_view Role() const { return Is("master") ? "primary" : "replica"; }
  std::string_view State() const {
    if (Is("fail") || Is("noaddr")) return "failed";
    if (Is("fail?") || (!linked && !Is("myself"))) return "suspected";
    return "ok";
  }
};

// By its IP address; by the name that it announces where it keeps that to itself.
std::string Address(std::string_view text) {
  const Words parts = SplitWords(text, ',');
  if (parts.empty()) return "";
  const std::string_view endpoint = parts[0].substr(0, parts[0].find('@'));
  const std::size_t colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return "";
  std::string_view host = endpoint.substr(0, colon);
  const bool named = parts.size() > 1 && parts[1].find('=') == std::string_view::npos;
  if ((host.empty() || host == "?") && named) host = parts[1];
  return HostPort(host, endpoint.substr(colon + 1));
}

std::optional<int> Slot(std::string_view text) {
  int slot = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), slot);
  if (code != std::errc{} || end != text.data() + text.size() || slot < 0 || slot >= kSlots)
    return std::nullopt;
  return slot;
}

bool AddSlots(std::string_view word, Node& node) {
  if (word[0] == '[') {
    node.importing += word.find("-<-") != std::string_view::npos ? 1 : 0;
    node.migrating += word.find("->-") != std::string_view::npos ? 1 : 0;
    return true;
  }
  const std::size_t dash = word.find('-');
  const std::optional<int> first = Slot(word.substr(0, dash));
  const std::optional<int> last =
      dash == std::string_view::npos ? first : Slot(word.substr(dash + 1));
  if (!first || !last || *last < *first) return false;
  node.slots += *last - *first + 1;
  return true;
}

std::optional<Node> ParseNode(std::string_view line) {
  constexpr std::size_t kId = 0, kAddress = 1, kFlags = 2, kPrimary = 3, kLink = 7, kFirstSlot = 8;
  const Words words = SplitWords(line, ' ');
  if (words.size() < kFirstSlot) return std::nullopt;
  Node node{words[kId], words[kPrimary], Address(words[kAddress]), SplitWords(words[kFlags], ',')};
  node.linked = words[kLink] == "connected";
  for (std::size_t i = kFirstSlot; i < words.size(); ++i) {
    if (!AddSlots(words[i], node)) return std::nullopt;
  }
  return node.slots <= kSlots ? std::optional(std::move(node)) : std::nullopt;
}

std::vector<Node> ParseNodes(std::string_view text, RedisProblems& problems) {
  std::vector<Node> nodes;
  bool told = false;
  for (std::string_view line : SplitWords(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (nodes.size() == kMaxNodes) {
      problems.Add(fmt::format("CLUSTER NODES: over {} nodes", kMaxNodes), Reason::kLimit);
      break;
    }
    std::optional<Node> node = ParseNode(line);
    if (node && !node->Is("handshake")) nodes.push_back(std::move(*node));
    if (!node && !std::exchange(told, true)) problems.Add("CLUSTER NODES: a line that is no node");
  }
  return nodes;
}

void CountNodes(const std::vector<Node>& nodes, FamilySet& families) {
  std::map<std::pair<std::string_view, std::string_view>, int> counts;
  std::map<std::string_view, int> replicas;  // that are well, by the id of their primary
  for (const Node& node : nodes) {
    ++counts[{node.Role(), node.State()}];
    if (node.Is("slave") && node.State() == "ok") ++replicas[node.primary];
  }
  for (const std::string_view role : {"primary", "replica"}) {
    for (const std::string_view state : {"ok", "suspected", "failed"})
      families.Add(kClusterNodes, {role, state}, counts[{role, state}]);
  }
  const auto alone = std::count_if(nodes.begin(), nodes.end(), [&](const Node& node) {
    return node.Is("master") && node.slots > 0 && !replicas.contains(node.id);
  });
  families.Add(kClusterPrimariesAlone, {}, static_cast<double>(alone));
}

Members ReadNodes(std::string_view text, FamilySet& families, RedisProblems& problems) {
  const std::vector<Node> nodes = ParseNodes(text, problems);
  Members members;
  for (const Node& node : nodes) {
    if (node.Is("myself")) {
      families.Add(kClusterNodeSlots, {}, node.slots);
      families.Add(kClusterSlotsMoving, {"in"}, node.importing);
      families.Add(kClusterSlotsMoving, {"out"}, node.migrating);
      members.self = node.address;
    }
    if (!node.address.empty() && !node.Is("noaddr")) members.addresses.push_back(node.address);
  }
  if (!nodes.empty()) CountNodes(nodes, families);
  return members;
}

void ReadState(std::string_view text, FamilySet& families, RedisProblems& problems) {
  const Result<RedisInfo> info = RedisInfo::Parse(text);
  if (!info.ok()) return problems.Add("CLUSTER INFO: no key");
  AddInfoMetrics(kClusterInfoMetrics, *info, "CLUSTER INFO", families, problems);
  for (const std::string_view state : {"assigned", "ok", "pfail", "fail"}) {
    const auto slots = info->Number(fmt::format("cluster_slots_{}", state));
    if (slots && *slots >= 0) families.Add(kClusterSlots, {state}, *slots);
  }
}

}  // namespace

std::span<const MetricInfo> RedisClusterMetrics() {
  static const std::vector<MetricInfo> kAll = [] {
    std::vector<MetricInfo> all(std::begin(kClusterNamed), std::end(kClusterNamed));
    for (const InfoMetric& row : kClusterInfoMetrics) all.push_back(row.metric);
    return all;
  }();
  return kAll;
}

std::optional<Members> ReadRedisCluster(const RedisReplies& replies, FamilySet& families,
                                        RedisProblems& problems) {
  if (problems.Accept("CLUSTER INFO", replies.cluster_info, Kind::kText))
    ReadState(replies.cluster_info.text, families, problems);
  if (!problems.Accept("CLUSTER NODES", replies.cluster_nodes, Kind::kText)) return std::nullopt;
  return ReadNodes(replies.cluster_nodes.text, families, problems);
}

}  // namespace tierwatch
