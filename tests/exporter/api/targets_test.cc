// targets, scrape_pools, metadata and targets/metadata. Shapes and messages are those of
// prometheus/web/api/v1/api.go; what the metrics are is the code's own table.
#include "exporter/api/targets.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/exporter/api/ask.h"

namespace tierwatch {
namespace {

using nlohmann::json;

TargetStatus Target(const std::string& collector, const std::string& address) {
  TargetStatus status;
  status.collector = collector;
  status.labels = {{"service", "cache"}, {"target", address}};
  status.interval = Millis(15'000);
  status.timeout = Millis(2'500);
  return status;
}

class TargetsApi : public testing::Test {
 protected:
  TargetsApi() {
    targets_ = {Target("redis", "b:6379"), Target("cache_health", "a:4000"),
                Target("redis", "a:6379")};
    targets_[0].sampled = targets_[0].up = true;
    targets_[0].last_sampled = 1'700'000'000'000;
    targets_[0].last_duration_seconds = 0.5;
    targets_[1].sampled = true;
    targets_[1].last_sampled = 1'700'000'000'000;
    targets_[1].errors = {Error{"GET /cache/health: refused", Reason::kConnect}};
  }
  HttpReply Ask(std::string_view path, const std::string& query) const {
    return api::Ask(endpoints_, path, query);
  }
  json Data(std::string_view path, const std::string& query) const {
    const HttpReply reply = Ask(path, query);
    EXPECT_EQ(reply.status, 200) << query << *reply.body;
    return json::parse(*reply.body)["data"];
  }

  std::vector<TargetStatus> targets_;
  const std::vector<Endpoint> endpoints_ = api::TargetEndpoints([this] { return targets_; });
};

TEST_F(TargetsApi, TellsATargetWithAllThatIsKnownOfIt) {
  const json all = Data("targets", "");
  ASSERT_EQ(all["activeTargets"].size(), 3u);
  EXPECT_EQ(all["activeTargets"][1], json::parse(R"({
    "discoveredLabels": {"__address__": "b:6379", "__scrape_interval__": "15s",
                         "__scrape_timeout__": "2s500ms", "job": "redis"},
    "labels": {"service": "cache", "target": "b:6379"}, "scrapePool": "redis",
    "scrapeUrl": "b:6379", "globalUrl": "b:6379", "lastError": "",
    "lastScrape": "2023-11-14T22:13:20Z", "lastScrapeDuration": 0.5, "health": "up",
    "scrapeInterval": "15s", "scrapeTimeout": "2s500ms"})"));
  const json& down = all["activeTargets"][0];
  EXPECT_EQ(down["health"], "down");
  EXPECT_EQ(down["lastError"], "GET /cache/health: refused");
  const json& unknown = all["activeTargets"][2];
  EXPECT_EQ(unknown["health"], "unknown");
  EXPECT_EQ(unknown["lastScrape"], "0001-01-01T00:00:00Z");
}

TEST_F(TargetsApi, FiltersByStateAndPool) {
  const json none = json::array(), counted = {{"cache_health", 0}, {"redis", 0}};
  const struct {
    const char* query;
    std::vector<std::string> active;  // sorted by pool
    json dropped_counts;
  } cases[] = {
      {"", {"a:4000", "b:6379", "a:6379"}, counted},
      {"state=any", {"a:4000", "b:6379", "a:6379"}, counted},
      {"state=ACTIVE", {"a:4000", "b:6379", "a:6379"}, nullptr},
      {"state=dropped", {}, counted},
      {"state=lost", {}, nullptr},
      {"scrapePool=redis", {"b:6379", "a:6379"}, counted},
      {"scrapePool=cache_health&state=active", {"a:4000"}, nullptr},
      {"scrapePool=none", {}, counted},
  };
  for (const auto& [query, active, dropped_counts] : cases) {
    const json data = Data("targets", query);
    std::vector<std::string> found;
    for (const json& target : data["activeTargets"]) found.push_back(target["scrapeUrl"]);
    EXPECT_EQ(found, active) << query;
    EXPECT_EQ(data["droppedTargets"], none) << query;
    EXPECT_EQ(data["droppedTargetCounts"], dropped_counts) << query;
  }
  EXPECT_EQ(*Ask("scrape_pools", "").body,
            R"({"status":"success","data":{"scrapePools":["cache_health","redis"]}})");
}

TEST_F(TargetsApi, TellsMetadataOfWhatIsWatched) {
  EXPECT_EQ(*Ask("metadata", "metric=tierwatch_target_up").body,
            R"({"status":"success","data":{"tierwatch_target_up":[{"type":"gauge","help":)"
            R"("1 if the last sampling reached the target, else 0.","unit":""}]}})");
  const json all = Data("metadata", "");
  EXPECT_EQ(all["tierwatch_target_errors_total"][0]["type"], "counter");
  EXPECT_EQ(all["tierwatch_rule_evaluation_duration_seconds"][0]["type"], "histogram");
  EXPECT_TRUE(all.contains("tierwatch_redis_up"));
  EXPECT_TRUE(all.contains("tierwatch_build_info"));
  EXPECT_FALSE(all.contains("tierwatch_replica_lag_seconds")) << "nobody watches replicas";
  for (const auto& [name, entries] : all.items()) EXPECT_EQ(entries.size(), 1u) << name;

  const std::pair<const char*, std::size_t> sizes[] = {
      {"limit=2", 2},
      {"limit=0", 0},
      {"limit=-1", all.size()},
      {"limit_per_metric=1", all.size()},
      {"limit_per_metric=0", all.size()},
      {"limit=1&metric=tierwatch_target_up", 1},
      {"metric=nothing", 0},
  };
  for (const auto& [query, size] : sizes) EXPECT_EQ(Data("metadata", query).size(), size) << query;
  targets_.clear();
  EXPECT_FALSE(Data("metadata", "").contains("tierwatch_target_up"));
  EXPECT_TRUE(Data("metadata", "").contains("tierwatch_build_info"));
}

TEST_F(TargetsApi, TellsMetadataByTarget) {
  EXPECT_EQ(Data("targets/metadata", "metric=tierwatch_target_up&match_target={target=\"a:6379\"}"),
            json::parse(R"([{"target": {"service": "cache", "target": "a:6379"}, "type": "gauge",
                       "help": "1 if the last sampling reached the target, else 0.",
                       "unit": ""}])"));
  const json one = Data("targets/metadata", "match_target={target=\"a:4000\"}");
  ASSERT_FALSE(one.empty());
  EXPECT_TRUE(one[0].contains("metric"));
  // A target that was begun is told whole.
  EXPECT_EQ(Data("targets/metadata", "limit=1"), one);
  EXPECT_EQ(Data("targets/metadata", "limit=0"), json::array());
  EXPECT_EQ(Data("targets/metadata", "metric=tierwatch_target_up").size(), 3u);
  EXPECT_EQ(Data("targets/metadata", "metric=tierwatch_target_up&limit=2").size(), 2u);
  EXPECT_EQ(Data("targets/metadata", "match_target={target=\"none\"}"), json::array());
}

TEST_F(TargetsApi, RefusesWhatItCannotRead) {
  const struct {
    const char* path;
    const char* query;
    const char* error;
  } cases[] = {
      {"metadata", "limit=x", "limit must be a number"},
      {"metadata", "limit=1.5", "limit must be a number"},
      {"metadata", "limit_per_metric=x", "limit_per_metric must be a number"},
      {"targets/metadata", "limit=x", "limit must be a number"},
      {"targets/metadata", "match_target={",
       R"(invalid parameter \"match_target\": 1:2: parse error: )"
       R"(unexpected end of input inside braces)"},
  };
  for (const auto& [path, query, error] : cases) {
    const HttpReply reply = Ask(path, query);
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(*reply.body,
              std::string(R"({"status":"error","errorType":"bad_data","error":")") + error + "\"}")
        << path << " " << query;
  }
}

TEST_F(TargetsApi, TellsWhatStatementsSay) {
  EXPECT_EQ(Data("statements", ""), json::array());
  targets_[2].statement_texts = std::make_shared<std::vector<StatementText>>(
      std::vector<StatementText>{{"orgs", "-7", "SELECT $1"}, {"crm", "8", "SELECT \"x\""}});
  const json crm = json::parse(R"({"target": {"service": "cache", "target": "a:6379"},
                                   "database": "crm", "queryid": "8", "text": "SELECT \"x\""})");
  EXPECT_EQ(Data("statements", "").size(), 2u);
  EXPECT_EQ(Data("statements", "queryid=8"), json::array({crm}));
  EXPECT_EQ(Data("statements", "database=crm"), json::array({crm}));
  EXPECT_EQ(Data("statements", "database=orgs&queryid=8"), json::array());
}

}  // namespace
}  // namespace tierwatch
