// The whole of it on real servers: Redis, PostgreSQL with a replica, the demo's backend as a
// process of its own, Prometheus scraping tierwatch, and a webhook receiver that is told what
// happened.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "base/http_client.h"
#include "base/labels.h"
#include "tests/support/http_sink.h"
#include "tests/support/postgres_server.h"
#include "tests/support/redis_server.h"

namespace tierwatch {
namespace {

std::string Loopback(int port) { return "127.0.0.1:" + std::to_string(port); }

std::string ReplaceAll(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string UrlEscape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr char kHex[] = "0123456789ABCDEF";
    if (std::isalnum(byte) != 0) {
      escaped += c;
    } else {
      escaped += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return escaped;
}

// The series of one line of the text format.
Labels SeriesOfLine(const std::string& line) {
  std::vector<Label> labels;
  const std::size_t brace = line.find('{');
  const std::size_t end = std::min(brace, line.find(' '));
  labels.push_back({"__name__", line.substr(0, end)});
  std::size_t at = brace < line.find(' ') ? brace + 1 : line.size();
  while (at < line.size() && line[at] != '}') {
    const std::size_t equals = line.find('=', at);
    Label label{line.substr(at, equals - at), ""};
    for (at = equals + 2; line[at] != '"'; ++at) {
      if (line[at] == '\\') ++at;
      label.value += line[at - 1] == '\\' && line[at] == 'n' ? '\n' : line[at];
    }
    labels.push_back(label);
    at += line[at + 1] == ',' ? 2 : 1;
  }
  return Labels(labels);
}

class EndToEnd : public testing::Test {
 protected:
  EndToEnd() : replica_(primary_, "rep1") {
    primary_.Sql(
        "create table events(at timestamptz not null, id bigint) partition by range(at);"
        "create table events_now partition of events for values from (now() - interval '1 day') to "
        "(now() + interval "
        "'3 days');");
    backend_ = std::make_unique<Process>(std::vector<std::string>{
        TIERWATCH_BINARY, "demo", "backend", "--listen", Loopback(backend_port_), "--redis",
        redis_.url(), "--faults", "none"});
    EXPECT_TRUE(WaitForPort(backend_port_)) << backend_->Output();
    StartTierwatch();
    StartPrometheus();
  }

  void StartTierwatch() {
    std::string rules = ReadFile(SourcePath("rules/cache.yml"));
    for (const char* duration : {"1m", "5m", "10m", "15m"}) {
      rules = ReplaceAll(rules, std::string("duration: ") + duration, "duration: 1s");
    }
    dir_.Write("cache.yml", rules);
    dir_.Write("signals.yml", ReadFile(SourcePath("rules/signals.yml")));
    std::string config = R"(
global: {sample_interval: 500ms, sample_timeout: 2s, evaluation_interval: 500ms,
         self_labels: {job: tierwatch, instance: "$SELF"}}
storage: {path: ":memory:"}
collectors:
  cache_health: [{service: orgs-api, targets: ["http://$BACKEND"], expected_tiering: L1L2L3}]
  database_health: [{service: orgs-api, targets: ["http://$BACKEND"]}]
  redis: [{service: cache-l3, targets: ["$REDIS"]}]
  replicas: [{service: orgs-db, primary: "$PRIMARY", replicas: ["$REPLICA"], expected_replicas: 1}]
  partitions: [{service: orgs-db, targets: ["$PRIMARY"]}]
rule_files: [cache.yml]
signal_files: [signals.yml]
alerting:
  route: {receiver: phone, group_by: [alertname, service], group_wait: 0s, group_interval: 1s}
  receivers: [{name: phone, webhook_configs: [{url: "$PHONE"}]}]
web: {listen_address: "$SELF"}
)";
    const std::pair<const char*, std::string> values[] = {
        {"$SELF", Loopback(port_)},   {"$BACKEND", Loopback(backend_port_)},
        {"$REDIS", redis_.url()},     {"$PRIMARY", primary_.url()},
        {"$REPLICA", replica_.url()}, {"$PHONE", phone_.Url("/page")}};
    for (const auto& [name, value] : values) config = ReplaceAll(config, name, value);
    config = dir_.Write("tierwatch.yml", config);
    tierwatch_ = std::make_unique<Process>(
        std::vector<std::string>{TIERWATCH_BINARY, "run", "--config", config});
    EXPECT_TRUE(WaitForPort(port_)) << tierwatch_->Output();
  }

  void StartPrometheus() {
    const std::string config =
        dir_.Write("prometheus.yml",
                   "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: tierwatch\n"
                   "  static_configs: [{targets: ['" +
                       Loopback(port_) + "']}]\n");
    prometheus_ = std::make_unique<Process>(std::vector<std::string>{
        "prometheus", "--config.file=" + config, "--storage.tsdb.path=" + dir_.path() + "/tsdb",
        "--web.listen-address=" + Loopback(prometheus_port_), "--log.level=warn"});
    EXPECT_TRUE(WaitForPort(prometheus_port_)) << prometheus_->Output();
  }

  std::string Get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    const Result<HttpResponse> response = http_.Send(request);
    return response.ok() && response->status == 200 ? response->body : "";
  }

  // The instant vector that a server of Prometheus's API answers; empty where it does not.
  nlohmann::json Query(int port, const std::string& expr) {
    const std::string body =
        Get("http://" + Loopback(port) + "/api/v1/query?query=" + UrlEscape(expr));
    const auto answer = nlohmann::json::parse(body, nullptr, false);
    return answer.is_object() ? answer.value("/data/result"_json_pointer, nlohmann::json::array())
                              : nlohmann::json::array();
  }

  // The one value of a query, NaN where there is not exactly one.
  double Value(int port, const std::string& expr) {
    const nlohmann::json result = Query(port, expr);
    if (result.size() != 1) return std::nan("");
    return std::strtod(result[0]["value"][1].get<std::string>().c_str(), nullptr);
  }

  std::set<std::string> SeriesOnPage() {
    std::set<std::string> series;
    std::istringstream page(Get("http://" + Loopback(port_) + "/metrics"));
    for (std::string line; std::getline(page, line);) {
      if (!line.empty() && line[0] != '#') series.insert(SeriesOfLine(line).ToString());
    }
    return series;
  }

  std::set<std::string> SeriesInPrometheus() {
    std::set<std::string> series;
    for (const nlohmann::json& sample :
         Query(prometheus_port_, R"({job="tierwatch", __name__=~"tierwatch_.*|process_.*"})")) {
      Labels labels;
      for (const auto& [name, value] : sample["metric"].items())
        labels.Set(name, value.get<std::string>());
      labels.Remove("job");
      labels.Remove("instance");
      series.insert(labels.ToString());
    }
    return series;
  }

  // True as soon as the phone was told of `alertname` with this status.
  bool Told(const std::string& alertname, const std::string& status) {
    return WaitUntil(
        [&] {
          for (const SinkRequest& request : phone_.Requests()) {
            const auto page = nlohmann::json::parse(request.body, nullptr, false);
            if (!page.is_object()) continue;
            for (const nlohmann::json& alert : page.value("alerts", nlohmann::json::array())) {
              if (alert["labels"]["alertname"] == alertname && alert["status"] == status)
                return true;
            }
          }
          return false;
        },
        Millis{60'000});
  }

  TempDir dir_;
  HttpClient http_{HttpOptions{}};
  HttpSink phone_;
  RedisServer redis_;
  TestPostgres primary_;
  TestPostgres replica_;
  const int backend_port_ = FreePort();
  const int port_ = FreePort();
  const int prometheus_port_ = FreePort();
  std::unique_ptr<Process> backend_, tierwatch_, prometheus_;
};

TEST_F(EndToEnd, PrometheusSeesWhatTierwatchShowsAndThePhoneIsTold) {
  ASSERT_TRUE(WaitUntil([&] { return Value(prometheus_port_, R"(up{job="tierwatch"})") == 1; },
                        Millis{30'000}));
  ASSERT_TRUE(
      WaitUntil([&] { return Value(port_, "sum(tierwatch_target_up)") == 5; }, Millis{30'000}))
      << Get("http://" + Loopback(port_) + "/metrics") << tierwatch_->Output();

  std::set<std::string> shown, seen;
  EXPECT_TRUE(WaitUntil(
      [&] {
        shown = SeriesOnPage();
        seen = SeriesInPrometheus();
        return shown == seen;
      },
      Millis{30'000}));
  EXPECT_GT(shown.size(), 200u);
  EXPECT_EQ(shown, seen);

  for (const char* expr : {"sum(tierwatch_partitions)", "sum by (le) (tierwatch_target_up)",
                           "count(tierwatch_target_up == 1)"}) {
    EXPECT_EQ(Value(port_, expr), Value(prometheus_port_, expr)) << expr;
  }

  const ProcessResult lint = RunProcess(
      {"sh", "-c", "curl -fsS http://" + Loopback(port_) + "/metrics | promtool check metrics"});
  EXPECT_EQ(lint.status, 0) << lint.output;
  EXPECT_EQ(lint.output, "") << "promtool has nothing to say of a clean page";

  EXPECT_TRUE(phone_.Requests().empty()) << "nothing is wrong yet: " << phone_.Requests()[0].body;
  redis_.Stop();
  EXPECT_TRUE(Told("CacheBackendDown", "firing")) << tierwatch_->Output();
  EXPECT_EQ(Value(port_, "tierwatch_redis_up"), 0);
  redis_.Start();
  EXPECT_TRUE(Told("CacheBackendDown", "resolved")) << tierwatch_->Output();
}

TEST_F(EndToEnd, LagGrowsWhileAReplicaIsAwayAndThePrimaryWrites) {
  const std::string lag = "tierwatch_replica_lag_seconds";
  ASSERT_TRUE(WaitUntil([&] { return Value(port_, lag) >= 0; }, Millis{30'000}))
      << tierwatch_->Output();
  EXPECT_TRUE(WaitUntil([&] { return Value(port_, lag) == 0; }, Millis{30'000}))
      << "an idle primary: no lag";
  // The replica goes on answering, but its receiver can't reach the primary any more.
  replica_.Sql("alter system set primary_conninfo = 'host=127.0.0.1 port=1'");
  replica_.Sql("select pg_reload_conf()");
  const auto write = [&] {
    primary_.Sql("insert into events select now(), generate_series(1, 100)");
  };
  double first = 0;
  EXPECT_TRUE(WaitUntil(
      [&] {
        write();
        first = Value(port_, lag);
        return first > 1;
      },
      Millis{60'000}))
      << first;
  double second = 0;
  EXPECT_TRUE(WaitUntil(
      [&] {
        write();
        second = Value(port_, lag);
        return second > first + 2;
      },
      Millis{60'000}))
      << second;
  EXPECT_EQ(Value(port_, "sum(tierwatch_replica_streaming)"), 0);
}

}  // namespace
}  // namespace tierwatch
