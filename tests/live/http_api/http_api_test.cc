// Asks Prometheus's HTTP API of a live Prometheus 2.42 and of tierwatch, which hold the same
// samples: status and JSON must be equal, but for what is documented to have changed since.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alerts/series/store.h"
#include "base/http_client.h"
#include "base/log.h"
#include "exporter/api/api.h"
#include "tests/live/http_api/documented_changes.h"
#include "tests/support/prometheus/prometheus_server.h"

namespace tierwatch {
namespace {

using nlohmann::json;

class HttpApiDifferential : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!PrometheusServer::Exists()) return;
    prometheus_ = std::make_unique<PrometheusServer>();
    const std::vector<series::Sample> samples = Samples();
    prometheus_->Write(samples);
    for (const series::Sample& sample : samples) {
      store_.Append("test", std::vector<series::Sample>{sample});
    }
    server_ =
        HttpServer::Start({.listen_address = "127.0.0.1:0"},
                          api::ApiEndpoints({.engine = engine_,
                                             .store = store_,
                                             .clock = clock_,
                                             .groups = [] { return std::vector<GroupStatus>(); },
                                             .targets = [] { return std::vector<TargetStatus>(); },
                                             .reloads = [] { return ReloadStatus{}; },
                                             .setup = {}}),
                          *logger_)
            .value();
    ours_ = fmt::format("http://127.0.0.1:{}", server_->port());
    theirs_ = prometheus_->url();
  }
  static void TearDownTestSuite() {
    server_.reset();
    prometheus_.reset();
  }
  void SetUp() override {
    if (!PrometheusServer::Exists()) GTEST_SKIP() << "no prometheus on this machine";
  }

  static series::StoreOptions KeepAll() {
    series::StoreOptions options;
    options.retention = Millis(0);
    return options;
  }

  static std::vector<series::Sample> Samples() {
    std::vector<series::Sample> samples;
    for (TimestampMs time = 1'000'000; time <= 1'600'000; time += 15'000) {
      const double n = static_cast<double>(time - 1'000'000) / 15'000;
      const auto add = [&](Labels labels, double value) {
        samples.push_back({std::move(labels), time, value});
      };
      add({{"__name__", "hits_total"}, {"tier", "L1"}, {"job", "cache"}}, 10 * n);
      add({{"__name__", "hits_total"}, {"tier", "L2"}, {"job", "cache"}}, 3.25 * n);
      add({{"__name__", "hits_total"}, {"tier", "L3"}, {"job", "redis"}}, 1e22 * n);
      add({{"__name__", "load"}, {"text", "a \"b\"\\c\n\xc3\xa4"}}, 1e-7 * n);
      if (n < 20) add({{"__name__", "gone"}, {"job", "old"}}, n);
      for (const char* le : {"0.1", "1", "+Inf"}) {
        add({{"__name__", "latency_seconds_bucket"}, {"le", le}},
            n * (std::string_view(le) == "0.1" ? 1
                 : std::string_view(le) == "1" ? 4
                                               : 5));
      }
    }
    return samples;
  }

  static ApiAnswer Read(const Result<HttpResponse>& response) {
    if (!response.ok()) return {0, response.error().message};
    return {response->status, json::parse(response->body, nullptr, false)};
  }
  static ApiAnswer Ask(const std::string& server, const ApiRequest& request) {
    HttpRequest http;
    http.method = request.method;
    http.url = fmt::format("{}/api/v1/{}", server, request.path);
    http.body = request.body;
    if (!request.body.empty())
      http.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    ApiAnswer answer = Read(HttpClient({}).Send(http));
    if (answer.body.is_discarded()) answer.body = nullptr;
    return answer;
  }

  static void Compare(const std::vector<ApiRequest>& requests) {
    std::size_t explained = 0;
    for (const ApiRequest& request : requests) {
      const ApiAnswer theirs = Ask(theirs_, request);
      const ApiAnswer ours = Ask(ours_, request);
      if (theirs.status == ours.status && theirs.body == ours.body) continue;
      const bool documented = IsDocumented(request, theirs, ours);
      explained += documented;
      EXPECT_TRUE(documented) << request.method << " " << request.path << " " << request.body
                              << "\ntheirs: " << theirs.status << " " << theirs.body.dump()
                              << "\nours:   " << ours.status << " " << ours.body.dump();
    }
    RecordProperty("requests", static_cast<int>(requests.size()));
    RecordProperty("documented", static_cast<int>(explained));
  }

  static inline std::unique_ptr<PrometheusServer> prometheus_;
  static inline std::unique_ptr<Logger> logger_ = MakeNullLogger();
  static inline const SystemClock clock_;
  static inline const promql::Engine engine_{promql::EngineOptions{}};
  static inline series::Store store_{KeepAll()};
  static inline std::unique_ptr<HttpServer> server_;
  static inline std::string theirs_, ours_;
};

TEST_F(HttpApiDifferential, AnswersQueriesAlike) {
  std::vector<ApiRequest> requests;
  for (const char* query : {"1%2B1",
                            "1e23",
                            "-0",
                            "NaN",
                            "-Inf",
                            "%22text%22",
                            "%22a%5C%22b%22",
                            "hits_total",
                            "hits_total%7Btier%3D%22L1%22%7D",
                            "load",
                            "gone",
                            "nothing",
                            "sum(hits_total)",
                            "hits_total%5B1m%5D",
                            "rate(hits_total%5B1m%5D)",
                            "sum+by+(job)+(hits_total)",
                            "topk(1%2Chits_total)",
                            "hits_total+offset+1m",
                            "hits_total%5B100s%3A30s%5D",
                            "histogram_quantile(0.9%2Clatency_seconds_bucket)",
                            "time()",
                            "vector(1)",
                            "scalar(load)",
                            "hits_total+%3E+bool+5",
                            "absent(nothing)",
                            "",
                            "1%2B",
                            "foo(",
                            "hits_total%5B",
                            "%7B%7D",
                            "sum(",
                            "rate(hits_total)",
                            "hits_total%2Bon()hits_total",
                            "1+%2B+%22a%22",
                            "label_replace(vector(1)%2C%22a%22%2C%22b%22%2C%22c%22%2C%22(%22)"}) {
    requests.push_back({fmt::format("query?time=1500&query={}", query)});
  }
  for (const char* rest : {"time=1500.5",
                           "time=1970-01-01T00:25:00Z",
                           "time=1970-01-01T00:25:00.250%2B00:00",
                           "time=soon",
                           "time=NaN",
                           "time=1e300",
                           "time=-5",
                           "time=2000",
                           "time=1500&timeout=5s",
                           "time=1500&timeout=0.5",
                           "time=1500&timeout=abc",
                           "time=1500&timeout=-1",
                           "time=1500&timeout=0",
                           "time=1497&lookback_delta=5s",
                           "time=1508&lookback_delta=5",
                           "time=1500&lookback_delta=x",
                           "time=1500&stats=true",
                           "time=1500&stats=all",
                           "time=1500&limit=1",
                           "time=1500&limit=x",
                           "time=1500&limit=-1",
                           "time=1500&unknown=1"}) {
    requests.push_back({fmt::format("query?query=hits_total&{}", rest)});
    requests.push_back({"query", "POST", fmt::format("query=hits_total&{}", rest)});
  }
  requests.push_back({"query?query=load", "POST", "query=hits_total&time=1500"});
  Compare(requests);
}

TEST_F(HttpApiDifferential, AnswersRangesAlike) {
  std::vector<ApiRequest> requests;
  for (const char* query :
       {"hits_total", "rate(hits_total%5B1m%5D)", "1", "time()", "gone", "nothing", "%22a%22",
        "hits_total%5B1m%5D", "sum(hits_total)", "1%2B", "", "load"}) {
    requests.push_back({fmt::format("query_range?start=1005&end=1605&step=60&query={}", query)});
    requests.push_back(
        {"query_range", "POST", fmt::format("start=1005&end=1605&step=60&query={}", query)});
  }
  for (const char* rest : {"start=1000&end=1600&step=15s",
                           "start=1000&end=1600&step=1m30s",
                           "start=1000&end=1600&step=7.5",
                           "start=1000&end=1000&step=1",
                           "start=1600&end=1000&step=1",
                           "start=1000&end=1600&step=0",
                           "start=1000&end=1600&step=-1",
                           "start=1000&end=1600",
                           "start=1000&step=1",
                           "end=1000&step=1",
                           "start=x&end=1600&step=1",
                           "start=1000&end=x&step=1",
                           "start=1000&end=1600&step=x",
                           "start=0&end=11000&step=1",
                           "start=0&end=11001&step=1",
                           "start=1000&end=1600&step=1e300",
                           "start=1970-01-01T00:20:00Z&end=1970-01-01T00:22:00Z&step=30",
                           "start=1000&end=1600&step=60&timeout=x",
                           "start=1000&end=1600&step=60&timeout=0",
                           "start=1000&end=1600&step=60&lookback_delta=10s",
                           "start=1000&end=1600&step=60&stats=all",
                           "start=1000.123&end=1600.456&step=60",
                           "start=1000&end=1600&step=60&limit=1"}) {
    requests.push_back({fmt::format("query_range?query=hits_total&{}", rest)});
  }
  Compare(requests);
}

TEST_F(HttpApiDifferential, AnswersSeriesAndLabelsAlike) {
  std::vector<ApiRequest> requests;
  for (const char* choice :
       {"", "match[]=hits_total", "match[]=%7Bjob%3D%22cache%22%7D", "match[]=nothing",
        "match[]=load&match[]=gone", "match[]=%7B%7D", "match[]=%7Bjob%3D%22%22%7D",
        "match[]=%7Bjob%3D~%22.*%22%7D", "match[]=%7Bjob%3D~%22.%2B%22%7D", "match[]=x%5B5m%5D",
        "match[]=1%2B1", "match[]=", "match[]=hits_total&start=1000&end=1600",
        "match[]=hits_total&start=x", "match[]=hits_total&end=x",
        "match[]=hits_total&start=1970-01-01T00:20:00Z", "match[]=hits_total&limit=1",
        "match[]=hits_total&limit=x",
        "match[]=hits_total&start=-292273086-05-16T16:47:06Z"
        "&end=292277025-08-18T07:12:54.999999999Z"}) {
    for (const char* path : {"series", "labels", "label/job/values", "label/__name__/values"})
      requests.push_back({fmt::format("{}?{}", path, choice)});
  }
  for (const char* path :
       {"label/tier/values", "label/nothing/values", "label/a.b/values", "label/a-b/values",
        "label/U__tier/values", "label/1/values", "label/text/values"})
    requests.push_back({path});
  requests.push_back({"labels", "POST", "match[]=load"});
  requests.push_back({"series", "POST", "match[]=load"});
  requests.push_back({"series", "POST", "a=b"});
  Compare(requests);
}

TEST_F(HttpApiDifferential, AnswersTheRestAlike) {
  std::vector<ApiRequest> requests;
  for (const char* query : {"a%2Bb", "sum(a)by(b)", "1%2B", "", "foo(",
                            "sum(rate(http_requests_total%7Bjob%3D%"
                            "22prometheus%22%2Cinstance%3D%22a%22%7D%5B5m%5D))"
                            "+by+(job)+%2F+sum(rate(http_requests_total%7Bjob%"
                            "3D%22prometheus%22%7D%5B5m%5D))+by+(job)"
                            "+%3E+-histogram_quantile(0.9%2Csum+by+(le)(rate("
                            "latency_seconds_bucket%5B5m%5D)))"}) {
    requests.push_back({fmt::format("format_query?query={}", query)});
    requests.push_back({"format_query", "POST", fmt::format("query={}", query)});
  }
  for (const char* path :
       {"query_exemplars?query=a&start=1&end=2", "query_exemplars?query=a&start=2&end=1",
        "query_exemplars?query=a&start=x", "query_exemplars?query=1%2B&start=1&end=2",
        "parse_query?query=a%2Bb", "rules?type=alert", "rules?type=record", "rules?type=x", "rules",
        "alerts", "alertmanagers", "status/walreplay", "metadata?limit=x", "metadata?metric=none",
        "targets/metadata?limit=x", "targets/metadata?match_target=%7B", "targets/metadata",
        "nothing"})
    requests.push_back({path});
  // Methods.
  for (const char* path : {"query", "query_range", "labels", "series", "rules", "alerts", "targets",
                           "metadata", "label/job/values", "status/buildinfo", "format_query"}) {
    for (const char* method : {"PUT", "DELETE", "OPTIONS"}) {
      const bool drops = std::string_view(path) == "series" && std::string_view(method) == "DELETE";
      if (!drops) requests.push_back({path, method});
    }
  }
  for (const char* path : {"rules", "alerts", "targets", "metadata", "label/job/values"})
    requests.push_back({path, "POST", "a=b"});
  Compare(requests);
}

TEST_F(HttpApiDifferential, ShowsItselfWithTheSameKeys) {
  for (const char* path : {"status/runtimeinfo", "status/buildinfo", "status/config", "status/tsdb",
                           "targets", "scrape_pools"}) {
    const ApiAnswer theirs = Ask(theirs_, {path});
    const ApiAnswer ours = Ask(ours_, {path});
    if (theirs.status == 404) continue;  // newer than 2.42
    ASSERT_EQ(ours.status, 200) << path;
    for (const auto& [key, value] : theirs.body["data"].items()) {
      ASSERT_TRUE(ours.body["data"].contains(key)) << path << " " << key;
      EXPECT_EQ(std::string_view(ours.body["data"][key].type_name()), value.type_name())
          << path << " " << key;
    }
  }
}

TEST_F(HttpApiDifferential, CountsTheSameSeries) {
  const json theirs = Ask(theirs_, {"status/tsdb"}).body["data"];
  const json ours = Ask(ours_, {"status/tsdb"}).body["data"];
  EXPECT_EQ(ours["headStats"]["numSeries"], theirs["headStats"]["numSeries"]);
  // Of equal counts, any may be among the ten.
  const auto counts = [](const json& list) {
    std::vector<std::uint64_t> all;
    for (const json& item : list) all.push_back(item["value"]);
    return all;
  };
  for (const char* key : {"seriesCountByMetricName", "labelValueCountByLabelName",
                          "memoryInBytesByLabelName", "seriesCountByLabelValuePair"}) {
    EXPECT_EQ(counts(ours[key]), counts(theirs[key])) << key;
  }
}

}  // namespace
}  // namespace tierwatch
