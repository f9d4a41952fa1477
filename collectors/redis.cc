// An entry of redis in the configuration, read: what its addresses mean and what is watched there.
#include "collectors/redis.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/http_client.h"
#include "collectors/redis_cluster.h"
#include "collectors/redis_collector.h"
#include "collectors/redis_metrics.h"
#include "collectors/redis_sentinel.h"

namespace tierwatch {
namespace {

using namespace redis;

constexpr int kDefaultPort = 6379;
constexpr int kSentinelPort = 26379;

// What an entry says of all its servers; a URL's own user and password win.
struct Entry {
  RedisOptions server;    // how to reach a server
  RedisOptions sentinel;  // how to reach a sentinel
  RedisWatch watch;
};

// The database of "/2", or of the "?db=2" after the path of a Unix socket.
Result<int> ParseDatabase(std::string_view text) {
  if (text.empty()) return 0;
  int database = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, database);
  if (code == std::errc{} && stop == end && database >= 0) return database;
  return Error{"the database of a Redis URL must be a number", Reason::kParse};
}

Result<void> SetAddress(const Url& url, int default_port, RedisOptions& options) {
  std::string_view database = url.path;
  if (url.scheme == "unix") {
    const std::size_t query = std::min(url.path.find('?'), url.path.size());
    options.address.socket = url.path.substr(0, query);
    database.remove_prefix(query);
    if (!url.host.empty() || options.address.socket.empty())
      return Error{"the URL of a Unix socket is unix:///path[?db=number]", Reason::kParse};
    if (!database.empty() && !database.starts_with("?db="))
      return Error{"only ?db=number may follow the path of a Unix socket", Reason::kParse};
    database.remove_prefix(std::min<std::size_t>(database.size(), 4));
  } else {
    options.address.host = url.host;
    options.address.port = url.port == 0 ? default_port : url.port;
    options.address.tls = url.scheme == "rediss";
    database.remove_prefix(database.empty() ? 0 : 1);
  }
  const Result<int> number = ParseDatabase(database);
  if (!number.ok()) return Error{number.error()};
  options.database = *number;
  return {};
}

// What stands before the host of a member: nodes of a cluster take the user and password of the URL
// that led to them, a sentinel's are its own.
std::string MemberPrefix(const std::string& address, const Url& url, RedisKind kind) {
  if (url.scheme == "unix") return "redis://";
  const std::string scheme = url.scheme + "://";
  const std::size_t at = address.find('@');
  const bool inherits = kind == RedisKind::kClusterNode && at != std::string::npos;
  return inherits ? scheme + address.substr(scheme.size(), at + 1 - scheme.size()) : scheme;
}

Result<Target> MakeTarget(const std::string& address, const Entry& entry, RedisKind kind) {
  const Result<Url> url = ParseUrl(address);
  if (!url.ok()) return Error{url.error()};
  const bool sentinel = kind == RedisKind::kSentinel;
  const int default_port = sentinel ? kSentinelPort : kDefaultPort;
  RedisOptions options = sentinel ? entry.sentinel : entry.server;
  if (Result<void> set = SetAddress(*url, default_port, options); !set.ok())
    return std::move(set).error();
  if (kind != RedisKind::kServer && options.database != 0)
    return Error{"sentinels and nodes of a cluster have no numbered databases", Reason::kParse};
  if (!url->user.empty()) options.username = url->user;
  if (!url->password.empty()) options.password = Secret{url->password, ""};
  RedisWatch watch = entry.watch;
  watch.kind = kind;
  watch.members = MemberPrefix(address, *url, kind);
  if (sentinel) {
    watch.tier.clear();
    watch.keys.reset();
  }
  const std::string& socket = options.address.socket;
  std::string name = socket.empty() ? url->HostPort(default_port) : "unix:" + socket;
  return Target{std::move(name), MakeRedisCollector(std::move(options), std::move(watch))};
}

void ReadLogin(YamlMap& map, RedisOptions& options) {
  options.username = map.String("username").value_or("");
  options.password = ReadSecret(map, "password");
  if (options.username.empty() || !options.password.empty()) return;
  map.diagnostics().Add(map.Where("username"), "a username needs a password or password_file");
}

// The kind of the entry's targets.
RedisKind ReadKind(YamlMap& entry, Entry& read) {
  const bool cluster = entry.Bool("cluster").value_or(false);
  const YamlNode* node = entry.Get("sentinel");
  if (node == nullptr) return cluster ? RedisKind::kClusterNode : RedisKind::kServer;
  YamlMap sentinel(*node, "sentinel", entry.diagnostics());
  sentinel.Require("master");
  read.watch.primary = sentinel.String("master").value_or("");
  ReadLogin(sentinel, read.sentinel);
  if (cluster) {
    entry.diagnostics().Add(entry.Where("cluster"),
                            "a cluster needs no sentinels: give one of sentinel and cluster");
  }
  return RedisKind::kSentinel;
}

}  // namespace

std::span<const MetricInfo> RedisMetrics() {
  static const std::vector<MetricInfo> kAll = [] {
    std::vector<MetricInfo> all(std::begin(kNamed), std::end(kNamed));
    for (const InfoMetric& row : kInfoMetrics) all.push_back(row.metric);
    for (const auto& more : {RedisClusterMetrics(), RedisSentinelMetrics(), RedisKeyMetrics()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return kAll;
}

CollectorEntry ReadRedis(YamlMap& entry, std::string_view, CollectorResources&) {
  Entry read;
  std::vector<std::string> targets = ReadTargets(entry, {"redis", "rediss", "unix"});
  ReadLogin(entry, read.server);
  if (const YamlNode* tls = entry.Get("tls")) {
    read.server.address.tls_options = ReadTlsOptions(*tls, entry.diagnostics());
  }
  read.sentinel.address.tls_options = read.server.address.tls_options;
  read.watch.tier = entry.String("tier").value_or("");
  if (const YamlNode* keys = entry.Get("keys")) {
    read.watch.keys = ReadKeySampling(*keys, entry.diagnostics());
  }
  const RedisKind kind = ReadKind(entry, read);
  for (const std::string& target : targets) {
    const Result<Target> made = MakeTarget(target, read, kind);
    if (!made.ok()) entry.diagnostics().Add(entry.Where("targets"), made.error().message);
  }
  CollectorEntry result{std::move(targets), [read, kind](const std::string& address) {
                          return MakeTarget(address, read, kind);
                        }};
  if (kind == RedisKind::kServer) return result;
  const RedisKind member = kind == RedisKind::kSentinel ? RedisKind::kServer : kind;
  result.make_member = [read, member](const std::string& address) {
    return MakeTarget(address, read, member);
  };
  return result;
}

}  // namespace tierwatch
