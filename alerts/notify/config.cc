#include "alerts/notify/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "alerts/receivers/http_config.h"
#include "alerts/receivers/webhook.h"
#include "base/duration.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMaxRouteDepth = 50;
constexpr Millis kLongestTimer = std::chrono::hours(24 * 365 * 10);  // steady time counts 292 years

constexpr std::string_view kOtherIntegrations[] = {
    "discord_configs",    "email_configs",    "incidentio_configs", "jira_configs",
    "mattermost_configs", "msteams_configs",  "msteamsv2_configs",  "opsgenie_configs",
    "pagerduty_configs",  "pushover_configs", "rocketchat_configs", "slack_configs",
    "sns_configs",        "telegram_configs", "victorops_configs",  "webex_configs",
    "wechat_configs"};

constexpr std::string_view kOtherGlobals[] = {"jira_api_url",
                                              "mattermost_webhook_url",
                                              "mattermost_webhook_url_file",
                                              "opsgenie_api_key",
                                              "opsgenie_api_key_file",
                                              "opsgenie_api_url",
                                              "pagerduty_url",
                                              "rocketchat_api_url",
                                              "rocketchat_token",
                                              "rocketchat_token_file",
                                              "rocketchat_token_id",
                                              "rocketchat_token_id_file",
                                              "slack_api_url",
                                              "slack_api_url_file",
                                              "slack_app_token",
                                              "slack_app_token_file",
                                              "slack_app_url",
                                              "smtp_auth_identity",
                                              "smtp_auth_password",
                                              "smtp_auth_password_file",
                                              "smtp_auth_secret",
                                              "smtp_auth_username",
                                              "smtp_from",
                                              "smtp_hello",
                                              "smtp_require_tls",
                                              "smtp_smarthost",
                                              "smtp_tls_config",
                                              "telegram_api_url",
                                              "victorops_api_key",
                                              "victorops_api_key_file",
                                              "victorops_api_url",
                                              "webex_api_url",
                                              "wechat_api_corp_id",
                                              "wechat_api_secret",
                                              "wechat_api_url"};

// tierwatch's own: {notifications: 30, interval: 1m}.
void ReadRateLimit(const YamlNode& node, Receiver& receiver, Diagnostics& diagnostics) {
  YamlMap map(node, "rate_limit", diagnostics);
  map.Require("notifications");
  const std::int64_t count = map.Int("notifications").value_or(1);
  if (count < 1 || count > 1'000'000)
    diagnostics.Add(map.Where("notifications"), "notifications: expected 1 to 1000000");
  receiver.rate_limit = static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
  const std::optional<Millis> interval = map.Duration("interval");
  if (interval && interval->count() > 0) receiver.rate_interval = *interval;
}

Receiver ReadReceiver(const YamlNode& node, const HttpOptions& global_http,
                      Diagnostics& diagnostics) {
  YamlMap map(node, "receiver", diagnostics);
  Receiver receiver;
  map.Require("name");
  receiver.name = map.String("name").value_or("");
  if (const YamlNode* limit = map.Get("rate_limit")) ReadRateLimit(*limit, receiver, diagnostics);
  if (const YamlNode* list = map.Get("webhook_configs")) {
    if (!list->IsSequence())
      diagnostics.Add(list->where(), "webhook_configs: expected a list, not " + list->Describe());
    for (const YamlNode& webhook : list->items()) {
      YamlMap keys(webhook, "webhook", diagnostics);
      Integration::Identity identity{
          receiver.name, fmt::format("{}/webhook[{}]", receiver.name, receiver.integrations.size()),
          keys.Bool("send_resolved").value_or(true)};
      receiver.integrations.push_back(
          MakeWebhook(std::move(identity), ReadWebhookConfig(keys, global_http)));
    }
  }
  for (const std::string_view key : kOtherIntegrations) Refuse(map, key);
  return receiver;
}

class RouteReader {
 public:
  RouteReader(const std::vector<Receiver>& receivers, Diagnostics& diagnostics)
      : receivers_(receivers), diagnostics_(diagnostics) {}

  Route Read(const YamlNode& node, const Route* parent, std::size_t depth) {
    YamlMap map(node, "route", diagnostics_);
    Route route;
    if (parent != nullptr) route = Inherit(*parent);
    ReadReceiverName(map, route, parent == nullptr);
    ReadGroupBy(map, route);
    ReadTimers(map, route);
    ReadFallback(map, route);
    ReadMatchers(map, route);
    route.continue_matching = map.Bool("continue").value_or(false);
    if (parent == nullptr) CheckRoot(map, route);
    route.key = (parent == nullptr ? "" : parent->key + "/") + route.matchers.ToString();
    for (const std::string_view key : {"mute_time_intervals", "active_time_intervals"})
      Refuse(map, key);
    if (const YamlNode* list = map.Get("routes")) ReadChildren(*list, route, depth);
    return route;
  }

 private:
  static Route Inherit(const Route& parent) {
    Route route;
    route.receiver = parent.receiver;
    route.fallback = parent.fallback;
    route.fallback_after = parent.fallback_after;
    route.group_by = parent.group_by;
    route.group_by_all = parent.group_by_all;
    route.group_wait = parent.group_wait;
    route.group_interval = parent.group_interval;
    route.repeat_interval = parent.repeat_interval;
    return route;
  }

  void ReadReceiverName(YamlMap& map, Route& route, bool is_root) {
    if (is_root) map.Require("receiver");
    const std::string name = map.String("receiver").value_or("");
    if (name.empty()) return;
    route.receiver = name;
    CheckReceiver(map, "receiver", name);
  }

  // tierwatch's own: who is told too while the receiver can't be.
  void ReadFallback(YamlMap& map, Route& route) {
    ReadTimer(map, "fallback_after", Millis{1}, route.fallback_after);
    const std::optional<std::string> name = map.String("fallback");
    if (!name) return;
    route.fallback = *name;
    CheckReceiver(map, "fallback", *name);
    if (*name == route.receiver)
      diagnostics_.Add(map.Where("fallback"),
                       "fallback: expected another receiver than the route's");
  }

  void CheckReceiver(YamlMap& map, std::string_view key, const std::string& name) {
    std::vector<std::string_view> names;
    for (const Receiver& receiver : receivers_) names.push_back(receiver.name);
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    const std::string_view nearest = Nearest(name, names);
    diagnostics_.Add(
        map.Where(key),
        fmt::format("receiver \"{}\" is not defined in receivers{}", name,
                    nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)));
  }

  void ReadGroupBy(YamlMap& map, Route& route) {
    if (map.Get("group_by") == nullptr) return;
    std::vector<std::string> names = map.Strings("group_by");
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
      diagnostics_.Add(map.Where("group_by"), fmt::format("group_by: \"{}\" occurs twice", *twice));
    }
    if (std::any_of(names.begin(), names.end(),
                    [](const std::string& name) { return name.empty(); })) {
      diagnostics_.Add(map.Where("group_by"), "group_by: a label name is empty");
    }
    const bool all = std::find(names.begin(), names.end(), "...") != names.end();
    if (all && names.size() > 1) {
      diagnostics_.Add(map.Where("group_by"),
                       "group_by: ... stands for every label; no other name may stand beside it");
    }
    route.group_by_all = all;
    route.group_by = all ? std::vector<std::string>{} : std::move(names);
  }

  void ReadTimers(YamlMap& map, Route& route) {
    ReadTimer(map, "group_wait", Millis{0}, route.group_wait);
    ReadTimer(map, "group_interval", Millis{1}, route.group_interval);
    ReadTimer(map, "repeat_interval", Millis{1}, route.repeat_interval);
  }

  void ReadTimer(YamlMap& map, std::string_view key, Millis least, Millis& timer) {
    const std::optional<Millis> value = map.Duration(key);
    if (!value) return;
    if (*value < least) {
      diagnostics_.Add(map.Where(key), fmt::format("{} can't be 0", key));
    } else if (*value > kLongestTimer) {
      diagnostics_.Add(map.Where(key),
                       fmt::format("{}: expected at most {}", key, FormatDuration(kLongestTimer)));
    } else {
      timer = *value;
    }
  }

  void Add(const Location& where, Result<AlertMatcher> matcher, Route& route) {
    if (matcher.ok()) {
      route.matchers.Add(*std::move(matcher));
    } else {
      diagnostics_.Add(where, matcher.error().message);
    }
  }

  // A map of names and values, as it was before `matchers`.
  void ReadOldMatchers(YamlMap& map, std::string_view key, AlertMatch type, Route& route) {
    map.StringMap(key);  // reports what is no map of texts
    const YamlNode* old = map.Get(key);
    if (old == nullptr) return;
    for (const YamlNode::Entry& entry : old->entries()) {
      if (entry.value.IsNull() && type == AlertMatch::kRegex) {
        diagnostics_.Add(entry.where,
                         fmt::format("{}: \"{}\" has no regular expression", key, entry.key));
      } else if (entry.value.IsScalar() || entry.value.IsNull()) {
        Add(entry.where, AlertMatcher::Make(entry.key, type, entry.value.text()), route);
      }
    }
  }

  void ReadMatchers(YamlMap& map, Route& route) {
    ReadOldMatchers(map, "match", AlertMatch::kEqual, route);
    ReadOldMatchers(map, "match_re", AlertMatch::kRegex, route);
    map.Strings("matchers");  // reports what is no list of texts
    const YamlNode* list = map.Get("matchers");
    if (list == nullptr) return;
    for (const YamlNode& item : list->items()) {
      if (!item.IsScalar()) continue;
      Result<std::vector<AlertMatcher>> parsed = ParseAlertMatchers(item.text());
      if (!parsed.ok()) {
        diagnostics_.Add(item.where(), parsed.error().message);
        continue;
      }
      for (AlertMatcher& matcher : *parsed) route.matchers.Add(std::move(matcher));
    }
  }

  void CheckRoot(YamlMap& map, const Route& route) {
    if (!route.matchers.empty()) {
      diagnostics_.Add(map.node().where(),
                       "the first route gets every alert: it can't have matchers");
    }
    if (route.continue_matching)
      diagnostics_.Add(map.Where("continue"), "the first route can't have continue");
  }

  void ReadChildren(const YamlNode& list, Route& route, std::size_t depth) {
    if (!list.IsSequence()) {
      diagnostics_.Add(list.where(), "routes: expected a list, not " + list.Describe());
      return;
    }
    if (depth >= kMaxRouteDepth) {
      diagnostics_.Add(list.where(), fmt::format("routes are nested over {} deep", kMaxRouteDepth));
      return;
    }
    for (const YamlNode& child : list.items())
      route.routes.push_back(Read(child, &route, depth + 1));
  }

  const std::vector<Receiver>& receivers_;
  Diagnostics& diagnostics_;
};

HttpOptions ReadGlobal(const YamlNode& node, Diagnostics& diagnostics) {
  YamlMap map(node, "global", diagnostics);
  map.Duration("resolve_timeout");
  for (const std::string_view key : kOtherGlobals) Refuse(map, key);
  const YamlNode* http = map.Get("http_config");
  return ReadHttpConfig(http == nullptr ? YamlNode() : *http, diagnostics);
}

std::vector<Receiver> ReadReceivers(const YamlNode& list, const HttpOptions& http,
                                    Diagnostics& diagnostics) {
  std::vector<Receiver> receivers;
  std::set<std::string> names;
  if (!list.IsSequence())
    diagnostics.Add(list.where(), "receivers: expected a list, not " + list.Describe());
  for (const YamlNode& node : list.items()) {
    receivers.push_back(ReadReceiver(node, http, diagnostics));
    if (!names.insert(receivers.back().name).second) {
      diagnostics.Add(node.where(),
                      fmt::format("receiver \"{}\" is defined twice", receivers.back().name));
    }
  }
  return receivers;
}

}  // namespace

NotifyConfig ReadNotifyConfig(const YamlNode& node, Diagnostics& diagnostics) {
  NotifyConfig config;
  YamlMap map(node, "alerting", diagnostics);
  const YamlNode* global = map.Get("global");
  const HttpOptions http = ReadGlobal(global == nullptr ? YamlNode() : *global, diagnostics);
  if (const YamlNode* receivers = map.Get("receivers")) {
    config.receivers = ReadReceivers(*receivers, http, diagnostics);
  }
  const std::string_view unsupported[] = {"inhibit_rules", "time_intervals", "mute_time_intervals",
                                          "templates", "tracing"};
  for (const std::string_view key : unsupported) Refuse(map, key);
  if (const YamlNode* heartbeat = map.Get("heartbeat"))
    config.heartbeat = ReadHeartbeat(*heartbeat, http, diagnostics);
  if (const YamlNode* route = map.Get("route")) {
    config.route = std::make_shared<const Route>(
        RouteReader(config.receivers, diagnostics).Read(*route, nullptr, 1));
  } else if (node.IsMap() && !node.entries().empty()) {
    diagnostics.Add(node.where(), "alerting: route is missing");
  }
  return config;
}

}  // namespace tierwatch
