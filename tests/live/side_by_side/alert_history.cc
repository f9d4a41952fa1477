#include "tests/live/side_by_side/alert_history.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/http_client.h"

namespace tierwatch {
namespace {

using Json = nlohmann::json;

struct Points {
  Json labels;
  std::map<TimestampMs, double> values;
};

std::vector<Points> Ask(const std::string& url, const std::string& metric, TimestampMs from,
                        TimestampMs to) {
  const TimestampMs age = SystemClock().Now() - from;
  const Result<std::string> answer =
      PrometheusClient(url).Query(fmt::format("{}[{}s]", metric, age / 1000 + 2));
  EXPECT_TRUE(answer.ok()) << answer.error().message;
  std::vector<Points> series;
  if (!answer.ok()) return series;
  Json parsed = Json::parse(*answer);
  for (Json& one : parsed["data"]["result"]) {
    Points points{std::move(one["metric"]), {}};
    points.labels.erase("__name__");
    for (const Json& value : one["values"]) {
      const auto time = static_cast<TimestampMs>(std::llround(value[0].get<double>() * 1000));
      if (time >= from && time <= to) points.values[time] = std::stod(value[1].get<std::string>());
    }
    series.push_back(std::move(points));
  }
  return series;
}

// The states of one alert at times of evaluations.
struct States {
  std::string group;
  std::map<TimestampMs, std::string> state;
  std::map<TimestampMs, double> since;
};

std::vector<AlertChange> Changes(const States& states, const std::vector<TimestampMs>& slots) {
  std::vector<AlertChange> changes;
  std::size_t found = 0;
  for (const TimestampMs slot : slots) {
    const auto at = states.state.find(slot);
    found += at == states.state.end() ? 0 : 1;
    const std::string state = at == states.state.end() ? "inactive" : at->second;
    if (!changes.empty() && changes.back().state == state) continue;
    const auto since = states.since.find(slot);
    changes.push_back({state, slot, since == states.since.end() ? 0 : since->second});
  }
  EXPECT_EQ(found, states.state.size()) << "an alert has samples in no evaluation of its group";
  return changes;
}

}  // namespace

std::size_t GroupSlots::Missed() const {
  if (times.empty()) return 0;
  const auto whole = static_cast<double>(times.back() - times.front());
  return static_cast<std::size_t>(std::llround(whole / static_cast<double>(interval.count()))) + 1 -
         times.size();
}

AlertGroups ReadAlertGroups(const std::string& url) {
  HttpRequest request;
  request.url = url + "/api/v1/rules";
  const Result<HttpResponse> response = HttpClient({}).Send(request);
  EXPECT_TRUE(response.ok()) << response.error().message;
  AlertGroups groups;
  if (!response.ok()) return groups;
  const Json parsed = Json::parse(response->body);
  for (const Json& group : parsed["data"]["groups"]) {
    const std::string name = group["name"];
    groups.intervals[name] = Millis(std::llround(group["interval"].get<double>() * 1000));
    groups.rules += group["rules"].size();
    for (const Json& rule : group["rules"])
      if (rule["type"] == "alerting") groups.of_alert[rule["name"]] = name;
  }
  return groups;
}

AlertHistory ReadAlertHistory(const std::string& url, const AlertGroups& groups, TimestampMs from,
                              TimestampMs to) {
  AlertHistory history;
  std::map<std::string, States> alerts;
  for (Points& points : Ask(url, "ALERTS", from, to)) {
    const std::string name = points.labels["alertname"];
    const std::string state = points.labels["alertstate"];
    if (name == "Evaluated") {
      const std::string group = points.labels["group"];
      GroupSlots& slots = history.groups[group];
      slots.interval = groups.intervals.at(group);
      for (const auto& [time, value] : points.values) slots.times.push_back(time);
      continue;
    }
    points.labels.erase("alertstate");
    States& its = alerts[points.labels.dump()];
    its.group = groups.of_alert.at(name);
    for (const auto& [time, value] : points.values) {
      EXPECT_EQ(value, 1);
      EXPECT_TRUE(its.state.emplace(time, state).second) << "two states at once: " << points.labels;
    }
  }
  for (Points& points : Ask(url, "ALERTS_FOR_STATE", from, to)) {
    const auto its = alerts.find(points.labels.dump());
    if (its != alerts.end()) its->second.since = std::move(points.values);
  }
  for (const auto& [labels, states] : alerts)
    history.alerts[labels] = Changes(states, history.groups[states.group].times);
  return history;
}

}  // namespace tierwatch
