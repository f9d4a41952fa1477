#include "exporter/commands/notify_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "alerts/notify/matcher.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/http_client.h"
#include "exporter/config.h"

namespace tierwatch {
namespace {

using Json = nlohmann::json;

int Tell(const std::string& message) {
  fmt::print(stderr, "tierwatch: {}\n", message);
  return 1;
}

// A request under URL/api/v2/; its answer, null where there is none.
Result<Json> Ask(const std::string& url, const std::string& method, const std::string& path,
                 const std::string& body = {}) {
  HttpRequest request;
  request.method = method;
  request.url = url + (url.ends_with("/") ? "" : "/") + "api/v2/" + path;
  request.body = body;
  if (!body.empty()) request.headers = {{"Content-Type", "application/json"}};
  const Result<HttpResponse> response = HttpClient({}).Send(request);
  if (!response.ok()) return Error(response.error()).In(url);
  const Json json = Json::parse(response->body, nullptr, false);
  if (response->status != 200) {
    return Error{fmt::format("{}: HTTP {}: {}", url, response->status,
                             json.is_string() ? json.get<std::string>() : response->body)};
  }
  if (response->body.empty()) return Json();
  if (json.is_discarded()) return Error{url + ": the answer is not JSON"};
  return json;
}

std::string Text(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end()) return "";
  return at->is_string() ? at->get<std::string>() : at->dump();
}

std::string DescribeMatchers(const Json& silence) {
  std::string text;
  for (const Json& matcher : silence.value("matchers", Json::array())) {
    const bool equal = matcher.value("isEqual", true), regex = matcher.value("isRegex", false);
    text +=
        fmt::format("{}{}{}\"{}\"", text.empty() ? "" : " ", Text(matcher, "name"),
                    regex ? (equal ? "=~" : "!~") : (equal ? "=" : "!="), Text(matcher, "value"));
  }
  return text;
}

Result<Json> MatchersOf(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) {
    const Result<std::vector<AlertMatcher>> parsed = ParseAlertMatchers(text);
    if (!parsed.ok()) return Error(parsed.error());
    for (const AlertMatcher& matcher : *parsed) {
      const AlertMatch type = matcher.type();
      list.push_back(
          Json::object({{"name", matcher.name()},
                        {"value", matcher.value()},
                        {"isEqual", type == AlertMatch::kEqual || type == AlertMatch::kRegex},
                        {"isRegex", type == AlertMatch::kRegex || type == AlertMatch::kNotRegex}}));
    }
  }
  return list;
}

Notification TestPage(const Integration& integration, const std::string& external_url,
                      TimestampMs now) {
  Alert alert;
  alert.labels = {{"alertname", "TierwatchTestPage"}, {"severity", "info"}};
  alert.annotations = {{"summary", "This is a test: tierwatch can reach you. Nothing is wrong."}};
  alert.state = AlertState::kFiring;
  alert.active_at = alert.fired_at = now;
  Notification page;
  page.receiver = integration.receiver();
  page.integration = integration.name();
  page.group_key = "test:{}";
  page.group_labels = alert.labels;
  page.reason = NotifyReason::kFirst;
  page.alerts = {alert};
  page.external_url = external_url;
  page.time = now;
  return page;
}

bool SendTestPage(Integration& integration, const std::string& external_url, TimestampMs now) {
  const std::string body = integration.Encode(TestPage(integration, external_url, now));
  const SendResult sent =
      integration.Send(body, {fmt::format("test-{}-{}", integration.name(), now), "", now, {}});
  fmt::print("{}: {}: {}\n", integration.name(), OutcomeName(sent.outcome), sent.reason);
  return sent.outcome == Outcome::kDelivered;
}

}  // namespace

int SilenceAddCommand(const SilenceOptions& options) {
  const Result<Millis> duration = ParseDuration(options.duration);
  if (!duration.ok()) return Tell("--duration: " + duration.error().message);
  const Result<Json> matchers = MatchersOf(options.matchers);
  if (!matchers.ok()) return Tell(matchers.error().message);
  const TimestampMs now = SystemClock().Now();
  const Json silence{{"matchers", *matchers},
                     {"startsAt", FormatTimestamp(now)},
                     {"endsAt", FormatTimestamp(now + duration->count())},
                     {"createdBy", options.author},
                     {"comment", options.comment}};
  const Result<Json> answer = Ask(options.url, "POST", "silences", silence.dump());
  if (!answer.ok()) return Tell(answer.error().message);
  fmt::print("{}\n", Text(*answer, "silenceID"));
  return 0;
}

int SilenceListCommand(const SilenceOptions& options) {
  const Result<Json> answer = Ask(options.url, "GET", "silences");
  if (!answer.ok()) return Tell(answer.error().message);
  for (const Json& silence : *answer) {
    const std::string state = Text(silence.value("status", Json::object()), "state");
    if (state == "expired" && !options.expired) continue;
    fmt::print("{}  {:<7}  until {}  {}  {}: {}\n", Text(silence, "id"), state,
               Text(silence, "endsAt"), DescribeMatchers(silence), Text(silence, "createdBy"),
               Text(silence, "comment"));
  }
  return 0;
}

int SilenceExpireCommand(const SilenceOptions& options) {
  int status = 0;
  for (const std::string& id : options.ids) {
    const bool safe = std::all_of(id.begin(), id.end(),
                                  [](unsigned char c) { return std::isalnum(c) || c == '-'; });
    const Result<Json> answer = safe ? Ask(options.url, "DELETE", "silence/" + id)
                                     : Error{id + ": not the id of a silence"};
    if (!answer.ok()) status = Tell(answer.error().message);
  }
  return status;
}

int NotificationsCommand(const std::string& url) {
  const Result<Json> answer = Ask(url, "GET", "notifications");
  if (!answer.ok()) return Tell(answer.error().message);
  for (auto at = answer->rbegin(); at != answer->rend(); ++at) {
    fmt::print("{}  {:<9}  {}  {}  {}", Text(*at, "createdAt"), Text(*at, "outcome"),
               Text(*at, "queue"), Text(*at, "groupKey"), Text(*at, "alerts"));
    if (at->contains("endedAt")) {
      fmt::print("  ({} at {}, attempt {})", Text(*at, "answer"), Text(*at, "endedAt"),
                 Text(*at, "attempts"));
    }
    fmt::print("\n");
  }
  return 0;
}

int TestReceiversCommand(const std::string& config_file) {
  CollectorResources resources;
  Diagnostics diagnostics;
  const std::optional<Config> config = ReadConfigFile(config_file, resources, diagnostics);
  if (!config) {
    fmt::print(stderr, "{}", diagnostics.ToString());
    return 1;
  }
  bool all = true;
  const TimestampMs now = SystemClock().Now();
  for (const Receiver& receiver : config->alerting.receivers) {
    for (const auto* list : {&receiver.integrations, &receiver.alertmanagers}) {
      for (const auto& integration : *list)
        all = SendTestPage(*integration, config->external_url, now) && all;
    }
  }
  return all ? 0 : 1;
}

}  // namespace tierwatch
