#include "collectors/redis_sentinel.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "collectors/foreign_text.h"

namespace tierwatch {
namespace {

using Kind = RedisReply::Kind;
constexpr auto kGauge = prometheus::MetricType::Gauge;
constexpr std::size_t kMaxReplicas = 1'000;

constexpr MetricInfo kPrimaryInfo{"tierwatch_redis_sentinel_primary_info",
                                  kGauge,
                                  "The server that the sentinel holds for the primary.",
                                  {"master", "primary"}};
constexpr MetricInfo kPrimaryOk{
    "tierwatch_redis_sentinel_primary_ok",
    kGauge,
    "Whether the sentinel reaches the primary; 0 as soon as it alone takes it to be down.",
    {"master"}};
constexpr MetricInfo kReplicas{"tierwatch_redis_sentinel_replicas",
                               kGauge,
                               "Replicas that the sentinel knows, by whether it reaches them.",
                               {"master", "state"}};
constexpr MetricInfo kSentinels{"tierwatch_redis_sentinel_sentinels",
                                kGauge,
                                "Sentinels that watch the primary, with this one.",
                                {"master"}};
constexpr MetricInfo kQuorum{"tierwatch_redis_sentinel_quorum",
                             kGauge,
                             "Sentinels that must agree that the primary is down.",
                             {"master"}};
constexpr MetricInfo kQuorumOk{
    "tierwatch_redis_sentinel_quorum_ok",
    kGauge,
    "Whether enough sentinels can be reached to agree on and to authorize a failover.",
    {"master"}};
constexpr MetricInfo kEpoch{
    "tierwatch_redis_sentinel_epoch", kGauge, "Rises with each failover.", {"master"}};
constexpr MetricInfo kFailover{"tierwatch_redis_sentinel_failover_in_progress",
                               kGauge,
                               "Whether the sentinel is in the midst of a failover.",
                               {"master"}};
constexpr MetricInfo kMetrics[] = {kPrimaryInfo, kPrimaryOk, kReplicas, kSentinels,
                                   kQuorum,      kQuorumOk,  kEpoch,    kFailover};

// A list of field, value, field, value, …
std::string_view Field(const RedisReply& reply, std::string_view name) {
  for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2) {
    if (reply.items[i].text == name) return reply.items[i + 1].text;
  }
  return "";
}

bool HasFlag(const RedisReply& reply, std::string_view flag) {
  const std::vector<std::string_view> flags = SplitWords(Field(reply, "flags"), ',');
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

bool IsReached(const RedisReply& reply) {
  return !HasFlag(reply, "s_down") && !HasFlag(reply, "o_down") && !HasFlag(reply, "disconnected");
}

std::string Address(const RedisReply& reply) {
  return HostPort(Field(reply, "ip"), Field(reply, "port"));
}

void AddNumber(const MetricInfo& metric, const std::string& master, const RedisReply& reply,
               std::string_view field, double more, FamilySet& families) {
  const std::optional<double> number = ParseNumber(Field(reply, field));
  if (number && *number >= 0) families.Add(metric, {master}, *number + more);
}

void ReadPrimary(const std::string& master, const RedisReply& reply, FamilySet& families) {
  families.Add(kPrimaryInfo, {master, LabelText(Address(reply))}, 1);
  families.Add(kPrimaryOk, {master}, IsReached(reply) ? 1 : 0);
  AddNumber(kSentinels, master, reply, "num-other-sentinels", 1, families);
  AddNumber(kQuorum, master, reply, "quorum", 0, families);
  AddNumber(kEpoch, master, reply, "config-epoch", 0, families);
  families.Add(kFailover, {master}, HasFlag(reply, "failover_in_progress") ? 1 : 0);
}

void ReadReplicas(const std::string& master, const std::vector<RedisReply>& replicas,
                  FamilySet& families, RedisProblems& problems, Members& members) {
  if (replicas.size() > kMaxReplicas) {
    return problems.Add(fmt::format("SENTINEL REPLICAS: over {}", kMaxReplicas), Reason::kLimit);
  }
  int reached = 0, down = 0;
  for (const RedisReply& replica : replicas) {
    std::string address = Address(replica);
    if (address.empty()) {
      problems.Add("SENTINEL REPLICAS: a replica without an address");
      continue;
    }
    ++(IsReached(replica) ? reached : down);
    members.addresses.push_back(std::move(address));
  }
  families.Add(kReplicas, {master, "ok"}, reached);
  families.Add(kReplicas, {master, "down"}, down);
}

}  // namespace

std::span<const MetricInfo> RedisSentinelMetrics() { return kMetrics; }

std::optional<Members> ReadRedisSentinel(const RedisReplies& replies, FamilySet& families,
                                         RedisProblems& problems) {
  const RedisReply& primary = replies.sentinel_primary;
  if (!problems.Accept("SENTINEL MASTER", primary, Kind::kArray)) return std::nullopt;
  const std::string master = LabelText(Field(primary, "name"));
  std::string address = Address(primary);
  if (master.empty() || address.empty()) {
    problems.Add("SENTINEL MASTER: no name or no address");
    return std::nullopt;
  }
  ReadPrimary(master, primary, families);
  const RedisReply& quorum = replies.sentinel_quorum;
  const bool none = quorum.IsError("NOQUORUM");
  if (none || problems.Accept("SENTINEL CKQUORUM", quorum, Kind::kText))
    families.Add(kQuorumOk, {master}, none ? 0 : 1);
  if (!problems.Accept("SENTINEL REPLICAS", replies.sentinel_replicas, Kind::kArray))
    return std::nullopt;
  Members members{{std::move(address)}, ""};
  ReadReplicas(master, replies.sentinel_replicas.items, families, problems, members);
  return members;
}

}  // namespace tierwatch
