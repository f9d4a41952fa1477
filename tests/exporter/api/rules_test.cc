// rules and alerts: filters, pages and the JSON of both kinds of rules. Shapes and messages are
// those of prometheus/web/api/v1/api.go.
#include "exporter/api/rules.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/exporter/api/ask.h"

namespace tierwatch {
namespace {

using nlohmann::json;

// printf 'b.yml;cache' | sha256sum
constexpr const char* kToken = "d7c474a1e3f86b83796c055f850aa51f54c47eb618b87ea7e24a0900a4d65305";

RuleStatus Recording(const std::string& name) {
  RuleStatus status;
  status.rule.kind = Rule::Kind::kRecording;
  status.rule.name = name;
  status.rule.expr_text = "sum(hits)";
  return status;
}

RuleStatus Alerting(const std::string& name, const std::string& severity) {
  RuleStatus status;
  status.rule.name = name;
  status.rule.expr_text = "up == 0";
  status.rule.hold = Millis(90'500);
  status.rule.keep_firing = Millis(60'000);
  status.rule.labels = {{"severity", Template::Plain(severity)}};
  status.rule.annotations = {
      {"summary", std::get<Template>(Template::Compile("{{ $labels.tier }} is down"))}};
  return status;
}

GroupStatus Group(const std::string& file, const std::string& name) {
  GroupStatus group;
  group.file = file;
  group.name = name;
  return group;
}

Alert MakeAlert(const std::string& tier, AlertState state) {
  Alert alert;
  alert.labels = {{"alertname", "Down"}, {"severity", "critical"}, {"tier", tier}};
  alert.annotations = {{"summary", tier + " is down"}};
  alert.state = state;
  alert.active_at = 1'700'000'000'250;
  alert.value = 1'500;
  return alert;
}

class RulesApi : public testing::Test {
 protected:
  RulesApi() {
    GroupStatus a = Group("a.yml", "zz"), b = Group("b.yml", "cache"), c = Group("b.yml", "base");
    b.interval = Millis(15'000);
    b.limit = 7;
    b.last_evaluation = 1'700'000'000'000;
    b.last_duration_seconds = 0.25;
    b.rules = {Recording("hits:sum"), Alerting("Down", "critical"), Alerting("Slow", "warning")};
    b.rules[0].last_evaluation = 1'700'000'000'000;
    b.rules[0].last_error = "rule hits:sum: no";
    b.rules[1].last_evaluation = 1'700'000'000'000;
    b.rules[1].last_duration_seconds = 0.125;
    b.rules[1].alerts = {MakeAlert("L2", AlertState::kPending),
                         MakeAlert("L1", AlertState::kFiring)};
    b.rules[1].alerts[1].keep_firing_since = 1'700'000'060'000;
    a.rules = {Alerting("Down", "warning")};
    c.rules = {Recording("load:sum")};
    c.rules[0].rule.labels = {{"team", Template::Plain("{{ cache }}")}};
    groups_ = {b, a, c};  // told by file and name, not as they come
  }

  json Data(const std::string& query) const {
    const HttpReply reply = api::Ask(endpoints_, "rules", query);
    EXPECT_EQ(reply.status, 200) << query << *reply.body;
    return json::parse(*reply.body)["data"];
  }
  // "GROUP: RULE RULE; …"
  std::string Names(const std::string& query) const {
    std::string names;
    const json data = Data(query);
    for (const json& group : data["groups"]) {
      names += (names.empty() ? "" : "; ") + group["name"].get<std::string>() + ":";
      for (const json& rule : group["rules"]) names += " " + rule["name"].get<std::string>();
    }
    return names;
  }

  std::vector<GroupStatus> groups_;
  const std::vector<Endpoint> endpoints_ = api::RuleEndpoints([this] { return groups_; });
};

TEST_F(RulesApi, TellsARuleWithAllThatIsKnownOfIt) {
  const json alert_head = json::parse(R"({
    "labels": {"alertname": "Down", "severity": "critical", "tier": "L2"},
    "annotations": {"summary": "L2 is down"}, "state": "pending",
    "activeAt": "2023-11-14T22:13:20.25Z", "value": "1.5e+03"})");
  const json wanted = json::parse(R"json({
    "name": "cache", "file": "b.yml", "interval": 15, "limit": 7, "evaluationTime": 0.25,
    "lastEvaluation": "2023-11-14T22:13:20Z",
    "rules": [
      {"name": "hits:sum", "query": "sum(hits)", "health": "err", "lastError": "rule hits:sum: no",
       "evaluationTime": 0, "lastEvaluation": "2023-11-14T22:13:20Z", "type": "recording"},
      {"state": "firing", "name": "Down", "query": "up == 0", "duration": 90.5, "keepFiringFor": 60,
       "labels": {"severity": "critical"}, "annotations": {"summary": "{{ $labels.tier }} is down"},
       "alerts": [], "health": "ok", "evaluationTime": 0.125,
       "lastEvaluation": "2023-11-14T22:13:20Z", "type": "alerting"},
      {"state": "unknown", "name": "Slow", "query": "up == 0", "duration": 90.5,
       "keepFiringFor": 60, "labels": {"severity": "warning"},
       "annotations": {"summary": "{{ $labels.tier }} is down"}, "alerts": [], "health": "unknown",
       "evaluationTime": 0, "lastEvaluation": "0001-01-01T00:00:00Z", "type": "alerting"}]})json");
  json group = Data("rule_group[]=cache")["groups"][0];
  const json alerts = std::exchange(group["rules"][1]["alerts"], json::array());
  EXPECT_EQ(group, wanted) << group.dump(1);
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[0], alert_head);
  EXPECT_EQ(alerts[1]["state"], "firing");
  EXPECT_EQ(alerts[1]["keepFiringSince"], "2023-11-14T22:14:20Z");
  // A recording rule's labels are plain text.
  EXPECT_EQ(Data("rule_group[]=base")["groups"][0]["rules"][0]["labels"],
            json::parse(R"({"team": "{{ cache }}"})"));
}

TEST_F(RulesApi, TellsAlertsOfAllGroups) {
  const HttpReply reply = api::Ask(endpoints_, "alerts", "");
  EXPECT_EQ(reply.status, 200);
  const json alerts = json::parse(*reply.body)["data"]["alerts"];
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts, Data("rule_name[]=Down&rule_group[]=cache")["groups"][0]["rules"][0]["alerts"]);
}

TEST_F(RulesApi, WithoutRulesTheListsAreEmpty) {
  groups_.clear();
  EXPECT_EQ(*api::Ask(endpoints_, "rules", "").body,
            R"({"status":"success","data":{"groups":[]}})");
  EXPECT_EQ(*api::Ask(endpoints_, "alerts", "").body,
            R"({"status":"success","data":{"alerts":[]}})");
}

TEST_F(RulesApi, AnAlertingRuleIsAsBadAsItsWorstAlert) {
  RuleStatus& rule = groups_[0].rules[1];
  const auto state = [&] {
    return Data("rule_name[]=Down&rule_group[]=cache")["groups"][0]["rules"][0]["state"];
  };
  rule.alerts.pop_back();
  EXPECT_EQ(state(), "pending");
  rule.alerts.clear();
  EXPECT_EQ(state(), "inactive");
}

TEST_F(RulesApi, FiltersByEverything) {
  const std::string all = "zz: Down; base: load:sum; cache: hits:sum Down Slow";
  const std::pair<const char*, std::string> cases[] = {
      {"", all},
      {"type=alert", "zz: Down; cache: Down Slow"},
      {"type=RECORD", "base: load:sum; cache: hits:sum"},
      {"rule_name[]=Down", "zz: Down; cache: Down"},
      {"rule_name[]=Slow&rule_name[]=load:sum", "base: load:sum; cache: Slow"},
      {"rule_name[]=none", ""},
      {"rule_group[]=zz&rule_group[]=base", "zz: Down; base: load:sum"},
      {"file[]=b.yml", "base: load:sum; cache: hits:sum Down Slow"},
      {"file[]=b.yml&rule_group[]=zz", ""},
      {"file%5B%5D=a.yml", "zz: Down"},
      {"match[]={severity=\"warning\"}", "zz: Down; cache: Slow"},
      {"match[]={severity=\"warning\"}&match[]={severity=\"critical\"}",
       "zz: Down; cache: Down Slow"},
      {"match[]={severity=\"critical\",team=\"\"}&type=alert", "cache: Down"},
      {"match[]={team=\"{{ cache }}\"}", "base: load:sum"},
      {"exclude_alerts=true", all},
      {"group_limit=10", all},
  };
  for (const auto& [query, names] : cases) EXPECT_EQ(Names(query), names) << query;
}

TEST_F(RulesApi, LeavesAlertsOutWhereAskedTo) {
  for (const char* yes : {"true", "1", "t", "TRUE"}) {
    const json group =
        Data(std::string("rule_group[]=cache&exclude_alerts=") + yes)["groups"][0]["rules"];
    EXPECT_TRUE(group[1].contains("alerts") && group[1]["alerts"].is_null()) << yes;
    EXPECT_EQ(group[1]["state"], "firing");
    EXPECT_FALSE(group[0].contains("alerts"));
  }
  for (const char* no : {"false", "0", "F", ""}) {
    const json group =
        Data(std::string("rule_group[]=cache&exclude_alerts=") + no)["groups"][0]["rules"];
    EXPECT_EQ(group[1]["alerts"].size(), 2u) << no;
  }
}

TEST_F(RulesApi, GivesPagesOfGroups) {
  json page = Data("group_limit=2");
  EXPECT_EQ(Names("group_limit=2"), "zz: Down; base: load:sum");
  ASSERT_TRUE(page.contains("groupNextToken"));
  EXPECT_EQ(page["groupNextToken"], kToken);
  const std::string next = std::string("group_limit=2&group_next_token=") + kToken;
  EXPECT_EQ(Names(next), "cache: hits:sum Down Slow");
  EXPECT_FALSE(Data(next).contains("groupNextToken"));
  // A page that holds all has no next one, and groups that filters empty don't count.
  EXPECT_FALSE(Data("group_limit=3").contains("groupNextToken"));
  EXPECT_FALSE(Data("group_limit=1&rule_name[]=Slow").contains("groupNextToken"));
  EXPECT_EQ(Names("group_limit=1&type=alert"), "zz: Down");
  EXPECT_EQ(Data("group_limit=1&type=alert")["groupNextToken"], kToken);
}

TEST_F(RulesApi, RefusesWhatItCannotRead) {
  const std::pair<const char*, const char*> cases[] = {
      {"type=x", R"(invalid parameter \"type\": not supported value \"x\")"},
      {"exclude_alerts=maybe",
       R"(invalid parameter \"exclude_alerts\": error converting exclude_alerts: )"
       R"(strconv.ParseBool: parsing \"maybe\": invalid syntax)"},
      {"match[]={}", "match[] must contain at least one non-empty matcher"},
      {"group_limit=0",
       R"(invalid parameter \"group_limit\": group_limit needs to be greater than 0)"},
      {"group_limit=-2",
       R"(invalid parameter \"group_limit\": group_limit needs to be greater than 0)"},
      {"group_limit=x",
       R"(invalid parameter \"group_limit\": group_limit needs to be a valid number: )"
       R"(strconv.ParseInt: parsing \"x\": invalid syntax)"},
      {"group_limit=99999999999",
       R"(invalid parameter \"group_limit\": group_limit needs to be a valid number: )"
       R"(strconv.ParseInt: parsing \"99999999999\": value out of range)"},
      {"group_next_token=abc",
       R"(invalid parameter \"group_next_token\": group_limit needs to be present in order to )"
       R"(paginate over the groups)"},
      {"group_limit=1&group_next_token=abc",
       R"(invalid parameter \"group_next_token\": invalid group_next_token 'abc'. were rule groups )"
       R"(changed?)"},
  };
  for (const auto& [query, error] : cases) {
    const HttpReply reply = api::Ask(endpoints_, "rules", query);
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(*reply.body,
              std::string(R"({"status":"error","errorType":"bad_data","error":")") + error + "\"}")
        << query;
  }
}

}  // namespace
}  // namespace tierwatch
