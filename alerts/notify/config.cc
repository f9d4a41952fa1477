#include "alerts/notify/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

#include "alerts/notify/route_config.h"
#include "alerts/receivers/alertmanager.h"
#include "alerts/receivers/email.h"
#include "alerts/receivers/http_config.h"
#include "alerts/receivers/opsgenie.h"
#include "alerts/receivers/pagerduty.h"
#include "alerts/receivers/slack.h"
#include "alerts/receivers/webhook.h"
#include "base/text_file.h"

namespace tierwatch {
namespace {

// What a receiver's keys are read by, in Alertmanager's order of integrations.
struct IntegrationKind {
  std::string_view key;
  std::string_view name;
  bool send_resolved;  // where the configuration doesn't say
  std::shared_ptr<Integration> (*read)(YamlMap&, Integration::Identity, const GlobalConfig&);
};
constexpr IntegrationKind kIntegrations[] = {
    {"webhook_configs", "webhook", true, ReadWebhook},
    {"email_configs", "email", false, ReadEmail},
    {"pagerduty_configs", "pagerduty", true, ReadPagerDuty},
    {"opsgenie_configs", "opsgenie", true, ReadOpsgenie},
    {"slack_configs", "slack", false, ReadSlack},
};
constexpr std::string_view kOtherIntegrations[] = {
    "discord_configs", "incidentio_configs", "jira_configs",      "mattermost_configs",
    "msteams_configs", "msteamsv2_configs",  "pushover_configs",  "rocketchat_configs",
    "sns_configs",     "telegram_configs",   "victorops_configs", "webex_configs",
    "wechat_configs"};

// tierwatch's own: {notifications: 30, interval: 1m}.
void ReadRateLimit(const YamlNode& node, Receiver& receiver, Diagnostics& diagnostics) {
  YamlMap map(node, "rate_limit", diagnostics);
  map.Require("notifications");
  receiver.rate_limit =
      static_cast<std::size_t>(map.Int("notifications", 1, 1'000'000).value_or(1));
  const std::optional<Millis> interval = map.Duration("interval");
  if (interval && interval->count() > 0) receiver.rate_interval = *interval;
}

// tierwatch's own. Beyond these, connections would not be kept.
constexpr std::int64_t kMostConcurrency = 16;

Receiver ReadReceiver(const YamlNode& node, const GlobalConfig& global, Diagnostics& diagnostics) {
  YamlMap map(node, "receiver", diagnostics);
  Receiver receiver;
  map.Require("name");
  receiver.name = map.String("name").value_or("");
  if (const YamlNode* limit = map.Get("rate_limit")) ReadRateLimit(*limit, receiver, diagnostics);
  receiver.concurrency =
      static_cast<int>(map.Int("concurrency", 1, kMostConcurrency).value_or(receiver.concurrency));
  for (const IntegrationKind& kind : kIntegrations) {
    std::size_t index = 0;
    for (const YamlNode& item : ReadList(map, kind.key)) {
      YamlMap keys(item, kind.name, diagnostics);
      Integration::Identity identity{receiver.name,
                                     fmt::format("{}/{}[{}]", receiver.name, kind.name, index++),
                                     keys.Bool("send_resolved").value_or(kind.send_resolved)};
      receiver.integrations.push_back(kind.read(keys, std::move(identity), global));
    }
  }
  std::size_t cluster = 0;
  for (const YamlNode& item : ReadList(map, "alertmanager_configs")) {
    const std::string name = fmt::format("{}/alertmanager[{}]", receiver.name, cluster++);
    std::ranges::move(ReadAlertmanagers(item, {receiver.name, name}, global, diagnostics),
                      std::back_inserter(receiver.alertmanagers));
  }
  for (const std::string_view key : kOtherIntegrations) Refuse(map, key);
  return receiver;
}

std::vector<Receiver> ReadReceivers(YamlMap& map, const GlobalConfig& global) {
  std::vector<Receiver> receivers;
  std::set<std::string> names;
  for (const YamlNode& node : ReadList(map, "receivers")) {
    receivers.push_back(ReadReceiver(node, global, map.diagnostics()));
    if (!names.insert(receivers.back().name).second) {
      map.diagnostics().Add(node.where(),
                            fmt::format("receiver \"{}\" is defined twice", receivers.back().name));
    }
  }
  return receivers;
}

// tierwatch's own: what receivers may be connected to.
Networks ReadNetworks(YamlMap& map) {
  Networks networks;
  for (const std::string& text : map.Strings("allowed_networks")) {
    Result<Network> network = Network::Parse(text);
    if (network.ok()) {
      networks.push_back(*network);
    } else {
      map.diagnostics().Add(map.Where("allowed_networks"), network.error().message);
    }
  }
  return networks;
}

// The files of `templates`, whose globs are relative to the configuration file.
void ReadTemplateFiles(YamlMap& map, TemplateDefinitions& templates, std::string& source) {
  (void)templates.Add(DefaultTemplates());
  const auto folder = std::filesystem::path(map.node().where().file).parent_path();
  for (const std::string& pattern : map.Strings("templates")) {
    for (const std::string& file : ExpandGlob((folder / pattern).string())) {
      const Result<std::string> text = ReadTextFile(file);
      if (!text.ok()) {
        map.diagnostics().Add({file, 0, 0}, text.error().message);
        continue;
      }
      source += *text;
      const Parsed<bool> added = templates.Add(*text);
      if (const auto* error = std::get_if<TextError>(&added))
        map.diagnostics().Add(PlaceInText(*text, file, error->offset), error->message);
    }
  }
}

}  // namespace

NotifyConfig ReadNotifyConfig(const YamlNode& node, Diagnostics& diagnostics) {
  NotifyConfig config;
  config.source = node.Canonical();
  YamlMap map(node, "alerting", diagnostics);
  GlobalConfig global;
  ReadTemplateFiles(map, global.templates, config.source);
  const YamlNode* global_node = map.Get("global");
  ReadGlobalConfig(global_node == nullptr ? YamlNode() : *global_node, global, diagnostics);
  config.resolve_timeout = global.resolve_timeout;
  global.http.allowed_networks = ReadNetworks(map);
  config.receivers = ReadReceivers(map, global);
  config.inhibit_rules = ReadInhibitRules(map);
  config.time_intervals = ReadTimeIntervals(map);
  Refuse(map, "tracing");
  if (const YamlNode* heartbeat = map.Get("heartbeat"))
    config.heartbeat = ReadHeartbeat(*heartbeat, global.http, diagnostics);
  if (const YamlNode* route = map.Get("route")) {
    std::vector<std::string_view> names;
    for (const Receiver& receiver : config.receivers) names.push_back(receiver.name);
    config.route =
        std::make_shared<const Route>(ReadRoute(*route, names, config.time_intervals, diagnostics));
  } else if (node.IsMap() && !node.entries().empty()) {
    diagnostics.Add(node.where(), "alerting: route is missing");
  }
  return config;
}

}  // namespace tierwatch
