#include "collectors/redis_sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "collectors/foreign_text.h"
#include "collectors/redis_cluster.h"
#include "collectors/redis_info.h"
#include "collectors/redis_latency.h"
#include "collectors/redis_metrics.h"
#include "collectors/redis_problems.h"
#include "collectors/redis_sentinel.h"

namespace tierwatch {
namespace {

using namespace redis;
using Kind = RedisReply::Kind;

constexpr std::size_t kMaxCommands = 400;
constexpr std::size_t kMaxNames = 64;
constexpr double kMaxOffset = 1e18;  // fits into an integer
// Divisors and not factors: 33 / 1e6 is the double nearest to 0.000033, 33 * 1e-6 is not.
constexpr double kMicroseconds = 1e6;
constexpr double kMilliseconds = 1e3;

// The replies on their way to samples.
class Replies {
 public:
  Replies(const SampleTime& time, RedisProcess& process)
      : time_(time), now_(static_cast<double>(time.wall) / 1e3), process_(process) {}

  Sample Read(const RedisReplies& replies) && {
    ReadInfoReply(replies.info);
    if (problems_.Accept("SLOWLOG", replies.slowlog_length, Kind::kInteger)) {
      AddUnlessNegative(kSlowlogEntries, static_cast<double>(replies.slowlog_length.integer));
    }
    if (problems_.Accept("SLOWLOG", replies.slowlog_newest, Kind::kArray))
      ReadSlowlog(replies.slowlog_newest.items);
    if (problems_.Accept("LATENCY LATEST", replies.latency_events, Kind::kArray)) {
      ReadEvents(replies.latency_events.items);
    }
    if (problems_.Accept("LATENCY HISTOGRAM", replies.latency_histograms, Kind::kArray)) {
      ReadHistograms(replies.latency_histograms.items);
    }
    Sample sample;
    sample.members = ReadRedisCluster(replies, families_, problems_);
    if (!sample.members) sample.members = ReadRedisSentinel(replies, families_, problems_);
    sample.families = std::move(families_).Take();
    sample.errors = std::move(problems_).Take();
    return sample;
  }

 private:
  void AddUnlessNegative(const MetricInfo& metric, double value) {
    if (value >= 0) families_.Add(metric, {}, value);
  }

  void ReadInfoReply(const RedisReply& reply) {
    if (reply.IsError() && IsUnknownCommand(reply)) problems_.Add(RedisError(reply).In("INFO"));
    if (!problems_.Accept("INFO", reply, Kind::kText)) return;
    Result<RedisInfo> info = RedisInfo::Parse(reply.text);
    if (!info.ok()) {
      problems_.Add(std::move(info).error());
      return;
    }
    info_ = std::move(info).value();
    ReadIdentity();
    AddInfoMetrics(kInfoMetrics, info_, "INFO", families_, problems_);
    ReadReplication();
    ReadKeyspace();
    ReadCommands();
    ReadPercentiles();
    ReadErrors();
  }

  void ReadIdentity() {
    const auto text = [this](std::string_view key) {
      return LabelText(info_.Text(key).value_or(""));
    };
    // A Valkey gives the Redis version that it is compatible with as redis_version.
    const std::string valkey = text("valkey_version");
    const std::string version = valkey.empty() ? text("redis_version") : valkey;
    if (!version.empty()) {
      families_.Add(kInfo,
                    {valkey.empty() ? "redis" : "valkey", version, text("redis_mode"),
                     text("maxmemory_policy")},
                    1);
    }
    if (const std::optional<double> micros = info_.Number("server_time_usec"))
      now_ = *micros / kMicroseconds;
    const std::optional<double> uptime = info_.Number("uptime_in_seconds");
    if (uptime && *uptime >= 0) {
      const double start = std::floor(now_ - *uptime);
      const std::string run_id = text("run_id");
      if (run_id.empty() || run_id != process_.run_id) process_ = {run_id, start, false, {}};
      families_.Add(kStartTime, {}, process_.start_time);
    }
    for (const auto& [mode, key] :
         {std::pair{"system", "used_cpu_sys"}, {"user", "used_cpu_user"}}) {
      const std::optional<double> seconds = info_.Number(key);
      if (seconds && *seconds >= 0) families_.Add(kCpu, {mode}, *seconds);
    }
  }

  void AddTimeBefore(const MetricInfo& metric, std::string_view seconds_ago) {
    const std::optional<double> seconds = info_.Number(seconds_ago);
    if (seconds && *seconds >= 0) families_.Add(metric, {}, std::floor(now_ - *seconds));
  }

  void ReadReplication() {
    const std::string_view role = info_.Text("role").value_or("");
    process_.is_replica = role == "slave";
    if (role == "master" || role == "slave") {
      families_.Add(kRole, {"primary"}, role == "master" ? 1 : 0);
      families_.Add(kRole, {"replica"}, role == "slave" ? 1 : 0);
    }
    AddTimeBefore(kReplicationLastIo, "master_last_io_seconds_ago");
    AddTimeBefore(kReplicationLinkDownSince, "master_link_down_since_seconds");
    const std::optional<double> offset =
        info_.Number(role == "slave" ? "slave_repl_offset" : "master_repl_offset");
    if (offset && *offset >= 0) {
      families_.Add(kReplicationOffset, {}, *offset);
      if (*offset < kMaxOffset) process_.stream.Add(time_.steady, static_cast<Lsn>(*offset));
    }
    std::set<std::string> names;
    for (const auto& [number, value] : info_.WithPrefix("slave")) {
      if (!ParseNumber(number)) continue;  // slave_repl_offset and its like
      const RedisInfo::Fields fields = RedisInfo::ParseFields(value);
      const auto ip = RedisInfo::Text(fields, "ip");
      const auto port = RedisInfo::Text(fields, "port");
      if (!ip || !port) continue;
      const std::string name = LabelText(fmt::format("{}:{}", *ip, *port));
      if (problems_.IsNew(names, name, kMaxNames, "replicas")) ReadReplica(name, fields);
    }
  }

  void ReadReplica(const std::string& name, const RedisInfo::Fields& fields) {
    const auto state = RedisInfo::Text(fields, "state");
    if (!state) return;
    families_.Add(kReplicaOnline, {name}, *state == "online" ? 1 : 0);
    if (*state != "online") return;
    const auto silence = RedisInfo::Number(fields, "lag");
    if (silence && *silence >= 0)
      families_.Add(kReplicaLastAck, {name}, std::floor(now_ - *silence));
    const auto sent = info_.Number("master_repl_offset");
    const auto acknowledged = RedisInfo::Number(fields, "offset");
    // The two are read together, so the difference can't be negative but by nonsense.
    if (!sent || !acknowledged || *acknowledged < 0 || *sent < *acknowledged) return;
    if (*sent >= kMaxOffset) return;
    families_.Add(kReplicationLagBytes, {name}, *sent - *acknowledged);
    const auto lag = process_.stream.LagOf(static_cast<Lsn>(*acknowledged), time_.steady);
    if (lag) families_.Add(kReplicationLag, {name}, lag->seconds);
  }

  void ReadKeyspace() {
    std::set<std::string> names;
    for (const auto& [number, value] : info_.WithPrefix("db")) {
      if (!ParseNumber(number)) continue;
      const std::string name = "db" + LabelText(number);
      if (!problems_.IsNew(names, name, kMaxNames, "databases")) continue;
      const RedisInfo::Fields fields = RedisInfo::ParseFields(value);
      AddField(kKeys, name, fields, "keys");
      AddField(kExpiringKeys, name, fields, "expires");
      const auto ttl = RedisInfo::Number(fields, "avg_ttl");
      if (ttl && *ttl > 0) families_.Add(kAverageTtl, {name}, *ttl / kMilliseconds);
    }
    // Redis lists no empty database: where the section is there, db0 is known to have no key.
    if (info_.HasSection("Keyspace") && !names.contains("db0")) {
      families_.Add(kKeys, {"db0"}, 0);
      families_.Add(kExpiringKeys, {"db0"}, 0);
    }
  }

  void ReadCommands() {
    std::set<std::string> names;
    for (const auto& [command, value] : info_.WithPrefix("cmdstat_")) {
      const std::string name = LabelText(command);
      if (!problems_.IsNew(names, name, kMaxCommands, "commands")) continue;
      const RedisInfo::Fields fields = RedisInfo::ParseFields(value);
      AddField(kCommands, name, fields, "calls");
      AddField(kCommandDuration, name, fields, "usec", kMicroseconds);
      AddField(kCommandsRejected, name, fields, "rejected_calls");
      AddField(kCommandsFailed, name, fields, "failed_calls");
    }
  }

  void ReadPercentiles() {
    std::set<std::string> names;
    for (const auto& [command, value] : info_.WithPrefix("latency_percentiles_usec_")) {
      const std::string name = LabelText(command);
      if (!problems_.IsNew(names, name, kMaxCommands, "latency percentiles")) continue;
      const RedisInfo::Fields fields = RedisInfo::ParseFields(value);
      AddField(kCommandLatencyP50, name, fields, "p50", kMicroseconds);
      AddField(kCommandLatencyP99, name, fields, "p99", kMicroseconds);
      AddField(kCommandLatencyP999, name, fields, "p99.9", kMicroseconds);
    }
  }

  void ReadErrors() {
    std::set<std::string> names;
    for (const auto& [code, value] : info_.WithPrefix("errorstat_")) {
      const std::string name = LabelText(code);
      if (!problems_.IsNew(names, name, kMaxNames, "codes of errors")) continue;
      AddField(kErrors, name, RedisInfo::ParseFields(value), "count");
    }
  }

  void AddField(const MetricInfo& metric, const std::string& label, const RedisInfo::Fields& fields,
                std::string_view field, double divisor = 1) {
    const std::optional<double> value = RedisInfo::Number(fields, field);
    if (value && *value >= 0) families_.Add(metric, {label}, *value / divisor);
  }

  // The newest entry: [id, time, duration, …]. Ids count from 0 for as long as the process lives.
  void ReadSlowlog(const std::vector<RedisReply>& entries) {
    if (entries.empty()) return;
    const std::vector<RedisReply>& entry = entries[0].items;
    if (entry.empty() || entry[0].kind != Kind::kInteger || entry[0].integer < 0) {
      return problems_.Add("SLOWLOG: no id");
    }
    families_.Add(kSlowCommands, {}, static_cast<double>(entry[0].integer) + 1);
  }

  // [event, time in s, latest in ms, longest in ms] each.
  void ReadEvents(const std::vector<RedisReply>& events) {
    std::set<std::string> names;
    for (const RedisReply& event : events) {
      const std::vector<RedisReply>& parts = event.items;
      const auto number = [&](std::size_t i) {
        return parts[i].kind == Kind::kInteger && parts[i].integer >= 0;
      };
      if (parts.size() < 4 || parts[0].kind != Kind::kText || !number(1) || !number(2) ||
          !number(3)) {
        problems_.Add("LATENCY LATEST: no event");
        continue;
      }
      const std::string name = LabelText(parts[0].text);
      if (!problems_.IsNew(names, name, kMaxNames, "latency events")) continue;
      families_.Add(kLatencyEventTime, {name}, static_cast<double>(parts[1].integer));
      families_.Add(kLatencyEventLatest, {name},
                    static_cast<double>(parts[2].integer) / kMilliseconds);
      families_.Add(kLatencyEventMax, {name},
                    static_cast<double>(parts[3].integer) / kMilliseconds);
    }
  }

  // command, [calls, n, histogram_usec, [bound, count up to it, …]], command, …
  void ReadHistograms(const std::vector<RedisReply>& replies) {
    std::set<std::string> names;
    for (std::size_t i = 0; i + 1 < replies.size(); i += 2) {
      const std::string name = LabelText(replies[i].text);
      if (name.empty() || !problems_.IsNew(names, name, kMaxCommands, "latency histograms"))
        continue;
      std::optional<prometheus::ClientMetric::Histogram> histogram =
          ParseLatencyHistogram(replies[i + 1]);
      if (!histogram) {
        problems_.Add("LATENCY HISTOGRAM: counts that are none");
        continue;
      }
      const std::optional<std::string_view> stats =
          info_.Text(fmt::format("cmdstat_{}", replies[i].text));
      const auto micros = RedisInfo::Number(RedisInfo::ParseFields(stats.value_or("")), "usec");
      histogram->sample_sum = micros && *micros >= 0 ? *micros / kMicroseconds
                                                     : std::numeric_limits<double>::quiet_NaN();
      families_.AddHistogram(kCommandLatency, {name}, std::move(*histogram));
    }
  }

  const SampleTime time_;
  double now_;  // by the server's clock, in seconds
  RedisProcess& process_;
  RedisInfo info_;
  FamilySet families_;
  RedisProblems problems_;
};

}  // namespace

Sample RedisSample(const RedisReplies& replies, const SampleTime& time, RedisProcess& process) {
  return Replies(time, process).Read(replies);
}

}  // namespace tierwatch
