// status/…, alertmanagers and notifications.
#include "exporter/api/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/exporter/api/ask.h"
#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

using nlohmann::json;

class StatusApi : public testing::Test {
 protected:
  StatusApi() {
    for (const char* tier : {"L1", "L2", "L3"}) Add({{"__name__", "hits"}, {"tier", tier}});
    Add({{"__name__", "load"}, {"tier", "L1"}});
    groups_[0].file = "rules/cache.yml";
    targets_[0].collector = "redis";
    targets_[0].labels = {{"service", "l3"}, {"target", "a:6379"}};
  }
  void Add(Labels labels) {
    store_.Append("test", std::vector<series::Sample>{{std::move(labels), clock_.Now(), 1}});
  }
  json Data(std::string_view path, const std::string& query = "") const {
    const HttpReply reply = api::Ask(endpoints_, path, query);
    EXPECT_EQ(reply.status, 200) << path << *reply.body;
    return json::parse(*reply.body)["data"];
  }

  FakeClock clock_{1'700'000'000'250};
  series::Store store_;
  const promql::Engine engine_{{.lookback = Millis(60'000)}};
  ReloadStatus reloads_{.successful = true, .taken_at = 1'700'000'000'000};
  std::vector<GroupStatus> groups_{1};
  std::vector<TargetStatus> targets_{1};
  const std::vector<Endpoint> endpoints_ =
      api::StatusEndpoints({.engine = engine_,
                            .store = store_,
                            .clock = clock_,
                            .setup = {.started = 1'699'999'999'000,
                                      .listen_address = "127.0.0.1:9917",
                                      .external_url = "http://watch",
                                      .external_labels = {{"region", "eu"}},
                                      .evaluation_interval = Millis(15'000),
                                      .retention = Millis(7'200'000)},
                            .groups = [this] { return groups_; },
                            .targets = [this] { return targets_; },
                            .reloads = [this] { return reloads_; }});
};

TEST_F(StatusApi, BuildInfoIsThatOfThePrometheusWhoseApiThisIs) {
  const json info = Data("status/buildinfo");
  EXPECT_EQ(info["version"], "3.14.0");
  EXPECT_FALSE(info.contains("features")) << "Grafana would take us for Mimir";
  for (const char* key : {"revision", "branch", "buildUser", "buildDate", "goVersion"})
    EXPECT_TRUE(info[key].is_string()) << key;
}

TEST_F(StatusApi, RuntimeInfoTellsOfReloads) {
  json info = Data("status/runtimeinfo");
  EXPECT_EQ(info["startTime"], "2023-11-14T22:13:19Z");
  EXPECT_EQ(info["serverTime"], "2023-11-14T22:13:20.25Z");
  EXPECT_EQ(info["reloadConfigSuccess"], true);
  EXPECT_EQ(info["lastConfigTime"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(info["storageRetention"], "2h");
  reloads_ = {.successful = false, .taken_at = 1'700'000'060'000};
  info = Data("status/runtimeinfo");
  EXPECT_EQ(info["reloadConfigSuccess"], false);
  EXPECT_EQ(info["lastConfigTime"], "2023-11-14T22:14:20Z");
}

TEST_F(StatusApi, FlagsAreTextsAsInPrometheus) {
  const json flags = Data("status/flags");
  const std::pair<const char*, const char*> cases[] = {
      {"query.lookback-delta", "1m"},           {"query.timeout", "2m"},
      {"query.max-samples", "50000000"},        {"query.max-concurrency", "20"},
      {"storage.tsdb.retention.time", "2h"},    {"web.external-url", "http://watch"},
      {"web.listen-address", "127.0.0.1:9917"},
  };
  for (const auto& [name, value] : cases) EXPECT_EQ(flags[name], value) << name;
}

TEST_F(StatusApi, ShowsTheConfiguration) {
  EXPECT_EQ(Data("status/config")["yaml"],
            "global:\n  evaluation_interval: 15s\n  external_labels:\n    region: \"eu\"\n"
            "rule_files:\n- \"rules/cache.yml\"\n"
            "collectors:\n  redis:\n- targets: [\"a:6379\"]\n  labels: {service: \"l3\"}\n");
}

TEST_F(StatusApi, CountsWhatThereIsMostOf) {
  EXPECT_EQ(Data("status/tsdb"), json::parse(R"({
    "headStats": {"numSeries": 4, "numLabelPairs": 5, "chunkCount": 0, "minTime": 0, "maxTime": 0},
    "seriesCountByMetricName": [{"name": "hits", "value": 3}, {"name": "load", "value": 1}],
    "labelValueCountByLabelName": [{"name": "tier", "value": 3}, {"name": "__name__", "value": 2}],
    "memoryInBytesByLabelName": [{"name": "__name__", "value": 8}, {"name": "tier", "value": 6}],
    "seriesCountByLabelValuePair": [
      {"name": "__name__=hits", "value": 3}, {"name": "tier=L1", "value": 2},
      {"name": "__name__=load", "value": 1}, {"name": "tier=L2", "value": 1},
      {"name": "tier=L3", "value": 1}]})"));
  const json one = Data("status/tsdb", "limit=1");
  for (const char* key : {"seriesCountByMetricName", "labelValueCountByLabelName",
                          "memoryInBytesByLabelName", "seriesCountByLabelValuePair"}) {
    EXPECT_EQ(one[key].size(), 1u) << key;
  }
  EXPECT_EQ(one["headStats"]["numSeries"], 4);
  for (const char* query : {"limit=0", "limit=-1", "limit=x"}) {
    const HttpReply reply = api::Ask(endpoints_, "status/tsdb", query);
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_EQ(*reply.body, R"({"status":"error","errorType":"bad_data","error":)"
                           R"("limit must be a positive number"})");
  }
}

TEST_F(StatusApi, AnswersWhatHasNoLikeHere) {
  EXPECT_EQ(Data("status/walreplay"), json::parse(R"({"min": 0, "max": 0, "current": 0})"));
  EXPECT_EQ(Data("alertmanagers"),
            json::parse(R"({"activeAlertmanagers": [], "droppedAlertmanagers": []})"));
  EXPECT_EQ(Data("notifications"), json::array());
}

}  // namespace
}  // namespace tierwatch
