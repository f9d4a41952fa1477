#include "exporter/api/posted_alerts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/duration.h"
#include "base/http_client.h"

namespace tierwatch::api {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxErrors = 10;  // that are told
constexpr int kMaxDepth = 5;

Result<Labels> ReadLabels(const Json& alert, const char* key, const char* what) {
  const auto at = alert.find(key);
  if (at == alert.end() || at->is_null()) return Labels();
  if (!at->is_object())
    return Error{fmt::format("{}: expected an object of strings", key), Reason::kParse};
  std::vector<Label> labels;
  for (const auto& [name, value] : at->items()) {
    if (!value.is_string())
      return Error{fmt::format("{}: the value of {} is no string", key, Quote(name)),
                   Reason::kParse};
    if (name.empty()) return Error{fmt::format("{}: invalid name \"\"", what), Reason::kParse};
    labels.push_back({name, value.get<std::string>()});
  }
  return Labels(std::move(labels));
}

// 0 where it is absent, or Go's zero time.
Result<TimestampMs> ReadTime(const Json& alert, const char* key) {
  const auto at = alert.find(key);
  if (at == alert.end() || at->is_null()) return 0;
  if (!at->is_string()) return Error{fmt::format("{}: expected a time", key), Reason::kParse};
  const auto& text = at->get_ref<const std::string&>();
  if (text.empty() || text.starts_with("0001-01-01T00:00:00")) return 0;
  Result<TimestampMs> time = ParseTimestamp(text);
  return time.ok() ? time : std::move(time).error().In(key);
}

std::string LinkOf(const Json& alert) {
  const auto at = alert.find("generatorURL");
  if (at == alert.end() || !at->is_string()) return "";
  const auto& text = at->get_ref<const std::string&>();
  return IsHttpUrl(text) ? text : "";
}

Result<void> ReadTimes(const Json& json, TimestampMs now, Millis resolve_timeout, Alert& alert) {
  const Result<TimestampMs> start = ReadTime(json, "startsAt");
  if (!start.ok()) return start.error();
  const Result<TimestampMs> told_end = ReadTime(json, "endsAt");
  if (!told_end.ok()) return told_end.error();
  const TimestampMs end = *told_end != 0 ? *told_end : now + resolve_timeout.count();
  alert.ending = *told_end != 0 ? AlertEnding::kTold : AlertEnding::kAssumed;
  alert.fired_at = *start != 0 ? *start : *told_end != 0 ? *told_end : now;
  alert.active_at = alert.fired_at;
  if (end < alert.fired_at) return Error{"start time must be before end time", Reason::kParse};
  alert.state = end <= now ? AlertState::kResolved : AlertState::kFiring;
  (end <= now ? alert.resolved_at : alert.valid_until) = end;
  return {};
}

Result<Alert> ReadAlert(const Json& json, TimestampMs now, Millis resolve_timeout) {
  if (!json.is_object()) return Error{"an alert is an object", Reason::kParse};
  Alert alert;
  if (Result<void> read = ReadTimes(json, now, resolve_timeout, alert); !read.ok())
    return std::move(read).error();
  Result<Labels> labels = ReadLabels(json, "labels", "invalid label set");
  if (!labels.ok()) return std::move(labels).error();
  if (labels->empty()) return Error{"at least one label pair required", Reason::kParse};
  Result<Labels> annotations = ReadLabels(json, "annotations", "invalid annotations");
  if (!annotations.ok()) return std::move(annotations).error();
  alert.labels = *std::move(labels);
  alert.annotations = *std::move(annotations);
  alert.generator_url = LinkOf(json);
  return alert;
}

// The parser calls itself for what is nested; an alert has nothing that is deep.
std::optional<Json> ParseShallow(std::string_view body) {
  bool too_deep = false;
  const auto look = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  Json json = Json::parse(body, look, false);
  if (too_deep || json.is_discarded()) return std::nullopt;
  return json;
}

}  // namespace

PostedAlerts ReadPostedAlerts(std::string_view body, TimestampMs now, Millis resolve_timeout) {
  PostedAlerts posted;
  const std::optional<Json> list = ParseShallow(body);
  if (!list || !list->is_array()) {
    posted.error = "expected a JSON list of alerts";
    return posted;
  }
  std::size_t errors = 0;
  for (const Json& json : *list) {
    Result<Alert> alert = ReadAlert(json, now, resolve_timeout);
    if (alert.ok()) {
      posted.alerts.push_back(*std::move(alert));
    } else if (++errors <= kMaxErrors) {
      posted.error += (posted.error.empty() ? "" : "; ") + alert.error().message;
    }
  }
  if (errors > kMaxErrors) posted.error += fmt::format("; and {} more", errors - kMaxErrors);
  return posted;
}

}  // namespace tierwatch::api
