#include "collectors/database_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <utility>

#include "collectors/backend.h"
#include "collectors/claims.h"
#include "collectors/database_health_metrics.h"
#include "collectors/foreign_text.h"
#include "collectors/json.h"

namespace tierwatch {
namespace {

using namespace database_health;

constexpr std::size_t kMaxNames = 64;
constexpr std::string_view kStates[] = {"healthy", "degraded", "unhealthy", "error", "unknown"};

// The answers on their way to samples: each endpoint adds what none before it has claimed.
class Answers {
 public:
  struct Endpoint {
    std::string_view path;
    Result<std::string> DatabaseHealthAnswers::*body;
    void (Answers::*read)(const Json&);
  };
  static const Endpoint kEndpoints[5];

  Sample Read(const DatabaseHealthAnswers& answers, std::optional<double> expected_replicas) && {
    if (expected_replicas) claims_.Add(kReplicasExpected, {}, *expected_replicas);
    for (const auto& [path, body, read] : kEndpoints) {
      Result<Json> root = Parse(answers.*body);
      if (!root.ok()) {
        claims_.Problem(std::move(root).error().In(path));
        continue;
      }
      ++endpoints_read_;
      ReportFailure(path, *root);
      (this->*read)(*root);
    }
    Sample sample = std::move(claims_).Take();
    sample.up = endpoints_read_ > 0;
    if (!sample.up) sample.errors.resize(1);  // one server that is down is one failure, not five
    return sample;
  }

 private:
  static Result<Json> Parse(const Result<std::string>& body) {
    if (!body.ok()) return Error{body.error()};
    Result<Json> root = Json::Parse(*body);
    if (root.ok() && !root->IsMap()) return Error{"no map of figures", Reason::kParse};
    return root;
  }

  // Failures come under HTTP 200 too.
  void ReportFailure(std::string_view path, const Json& root) {
    const std::optional<std::string> error = root["error"].Text();
    if (!error && root["status"].Text() != "error") return;
    const std::string detail = error ? *error : root["message"].Text().value_or("no detail");
    claims_.Problem(Error{"the backend says that it failed: " + detail}.In(path));
  }

  void ReadLag(const Json& root) {
    for (const Json& replica : root["replicas"].items()) {
      const std::optional<std::string> name = replica["name"].Text();
      if (!name) {
        claims_.Problem({"a replica without a name", Reason::kParse});
        continue;
      }
      const bool failed = replica["status"].Text() == "error";
      Lag(*name, replica["lagSeconds"], failed);
    }
    Number(kReplicas, {}, root["summary"]["totalReplicas"]);
    Number(kReplicasHealthy, {}, root["summary"]["healthyReplicas"]);
  }

  void ReadStatus(const Json& root) {
    const Json& primary = root["primary"];
    const Json& replicas = root["replicas"];
    Flag(kPrimaryHealthy, {}, primary["healthy"]);
    Pool("primary", primary["connections"]);
    Number(kReplicas, {}, replicas["count"]);
    Number(kReplicasHealthy, {}, replicas["healthy"]);
    for (const auto& [name, lag] : replicas["lag"].members()) Lag(name, lag, false);
    for (const auto& [name, healthy] : replicas["health"].members()) {
      if (IsBounded(name)) Flag(kReplicaHealthy, {LabelText(name)}, healthy);
    }
    for (const auto& [name, pool] : replicas["connections"].members()) Pool(name, pool);
  }

  void ReadHealth(const Json& root) {
    Flag(kReplicationHealthy, {}, root["healthy"]);
    Flag(kReplicasEnabled, {}, root["replicasEnabled"]);
    Number(kReplicas, {}, root["replicaCount"]);
  }

  void ReadPools(const Json& root) {
    Pool("primary", root["primary"]);
    for (const auto& [name, pool] : root["replicas"].members()) Pool(name, pool);
  }

  void ReadDashboard(const Json& root) {
    const Json& components = root["components"];
    const Json& replicas = components["database"]["replicas"];
    Flag(kReplicasEnabled, {}, replicas["enabled"]);
    Number(kReplicas, {}, replicas["total"]);
    Number(kReplicasHealthy, {}, replicas["healthy"]);
    for (const auto& [name, lag] : replicas["lag"].members()) Lag(name, lag, false);
    Pool("primary", components["database"]["connections"]);
    Number(kPartitions, {}, components["partitions"]["count"]);
    Flag(kPartitionRouting, {}, components["partitions"]["enabled"]);
    Number(kInvalidationQueue, {}, components["invalidation"]["queueSize"]);
    for (const std::string_view severity : {"critical", "warning"}) {
      Number(kAlerts, {severity}, root["alerts"][severity]);
    }
    const std::optional<std::string> status = root["overallStatus"].Text();
    if (status) claims_.State(kStatus, *status, kStates);
    for (const std::string_view name : {"cache", "database", "partitions", "invalidation"}) {
      Component(name, components[name]["status"].Text().value_or(""));
    }
  }

  // A word that is neither good nor bad ("disabled") says nothing about health.
  void Component(std::string_view name, std::string_view status) {
    constexpr std::string_view kBad[] = {"degraded", "unhealthy", "error",
                                         "critical", "warning",   "down"};
    if (status == "healthy") claims_.Add(kComponentHealthy, {name}, 1);
    if (std::find(std::begin(kBad), std::end(kBad), status) != std::end(kBad)) {
      claims_.Add(kComponentHealthy, {name}, 0);
    }
  }

  void Lag(std::string_view raw_name, const Json& lag, bool failed) {
    if (!IsBounded(raw_name)) return;
    const std::string name = LabelText(raw_name);
    const std::optional<double> seconds = lag.Number();
    if (failed || (seconds && *seconds < 0)) {
      // What another endpoint says of this replica's lag would hide the failure.
      if (IsFirst(kLag, {name})) {
        claims_.Problem(
            {fmt::format("replica {}: the backend says that it could not read the lag", name)});
      }
      return;
    }
    Number(kLag, {name}, lag);
  }

  // The seed's endpoints name the figures as PostgreSQL's view does; newer ones in camel case.
  void Pool(std::string_view raw_name, const Json& pool) {
    if (!pool.IsMap() || !IsBounded(raw_name)) return;
    const std::string name = LabelText(raw_name);
    const auto figure = [&pool](std::string_view state) -> const Json& {
      const Json& snake = pool[fmt::format("{}_connections", state)];
      return snake.IsNull() ? pool[fmt::format("{}Connections", state)] : snake;
    };
    for (const std::string_view state : {"active", "idle", "waiting"}) {
      Number(kPoolConnections, {name, state}, figure(state));
    }
    Number(kPoolSize, {name}, figure("total"));
  }

  // Names become label values: at most so many of them.
  bool IsBounded(std::string_view name) {
    if (name.empty()) return false;
    if (names_.size() < kMaxNames) names_.emplace(name);
    if (names_.contains(name)) return true;
    if (!std::exchange(too_many_, true)) {
      claims_.Problem({fmt::format("over {} replicas", kMaxNames), Reason::kLimit});
    }
    return false;
  }

  bool IsFirst(const MetricInfo& info, Claims::LabelValues labels) {
    std::string key(info.name);
    for (const std::string_view label : labels) key.append(1, '\0').append(label);
    return given_.insert(std::move(key)).second;
  }

  void Number(const MetricInfo& info, Claims::LabelValues labels, const Json& value) {
    if (!value.IsNull() && IsFirst(info, labels)) claims_.Number(info, labels, value);
  }

  void Flag(const MetricInfo& info, Claims::LabelValues labels, const Json& value) {
    if (!value.IsNull() && IsFirst(info, labels)) claims_.Flag(info, labels, value);
  }

  Claims claims_;
  std::set<std::string, std::less<>> names_;
  std::set<std::string> given_;
  bool too_many_ = false;
  int endpoints_read_ = 0;
};

constexpr Answers::Endpoint Answers::kEndpoints[5] = {
    {"/database/replicas/lag", &DatabaseHealthAnswers::lag, &Answers::ReadLag},
    {"/database/replicas/status", &DatabaseHealthAnswers::status, &Answers::ReadStatus},
    {"/database/replicas/health", &DatabaseHealthAnswers::health, &Answers::ReadHealth},
    {"/database/connection-pool/stats", &DatabaseHealthAnswers::pools, &Answers::ReadPools},
    {"/monitoring/dashboard", &DatabaseHealthAnswers::dashboard, &Answers::ReadDashboard}};

class DatabaseHealth final : public Collector {
 public:
  DatabaseHealth(const std::string& url, HttpOptions http, std::optional<double> expected_replicas)
      : backend_(url, std::move(http)), expected_replicas_(expected_replicas) {}

  Sample Collect(const SampleContext& context) override {
    DatabaseHealthAnswers answers;
    int left = std::size(Answers::kEndpoints);
    for (const Answers::Endpoint& endpoint : Answers::kEndpoints) {
      // An endpoint that hangs leaves the others their share of the time.
      answers.*endpoint.body = Get(endpoint.path, context.Remaining() / left--, context.stop);
    }
    return DatabaseHealthSample(answers, expected_replicas_);
  }

 private:
  Result<std::string> Get(std::string_view path, Millis timeout, std::stop_token stop) {
    Result<HttpResponse> answer = backend_.Get(path, timeout, std::move(stop));
    if (!answer.ok()) return std::move(answer).error();
    if (answer->status / 100 != 2) return StatusError(answer->status);
    return std::move(answer->body);
  }

  Backend backend_;
  const std::optional<double> expected_replicas_;
};

}  // namespace

std::span<const MetricInfo> DatabaseHealthMetrics() { return kMetrics; }

Sample DatabaseHealthSample(const DatabaseHealthAnswers& answers,
                            std::optional<double> expected_replicas) {
  return Answers().Read(answers, expected_replicas);
}

CollectorEntry ReadDatabaseHealth(YamlMap& entry, std::string_view, CollectorResources&) {
  BackendKeys keys = ReadBackendKeys(entry);
  const std::optional<std::int64_t> expected = entry.Int("expected_replicas");
  if (expected && *expected < 0) {
    entry.diagnostics().Add(entry.Where("expected_replicas"),
                            "expected_replicas must not be negative");
  }
  std::optional<double> replicas;
  if (expected) replicas = static_cast<double>(*expected);
  auto make = [http = std::move(keys.http), replicas](const std::string& url) -> Result<Target> {
    Result<std::string> name = BackendName(url);
    if (!name.ok()) return std::move(name).error();
    return Target{std::move(name).value(), std::make_unique<DatabaseHealth>(url, http, replicas)};
  };
  return {std::move(keys.targets), std::move(make)};
}

}  // namespace tierwatch
