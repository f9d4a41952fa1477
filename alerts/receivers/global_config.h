// What receivers inherit: Alertmanager's `global`, and the templates that all of them share.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "alerts/receivers/smtp_config.h"
#include "alerts/template/notification_template.h"
#include "base/http_client.h"
#include "base/yaml.h"

namespace tierwatch {

struct GlobalConfig {
  Millis resolve_timeout{300'000};
  HttpOptions http;
  std::string pagerduty_url = "https://events.pagerduty.com/v2/enqueue";
  Secret slack_api_url;
  Secret slack_app_token;
  std::string slack_app_url = "https://slack.com/api/chat.postMessage";
  Secret opsgenie_api_key;
  std::string opsgenie_api_url = "https://api.opsgenie.com/";
  SmtpConfig smtp;
  TemplateDefinitions templates;
};

/// Reads `global`.
void ReadGlobalConfig(const YamlNode& node, GlobalConfig& global, Diagnostics& diagnostics);

/// The templates that Alertmanager brings along, by its names: "slack.default.title" …
std::string_view DefaultTemplates();

/// A template from `key`, `fallback` where it is absent. One that can't be compiled is a finding.
NotificationTemplate ReadTemplate(YamlMap& map, std::string_view key, std::string_view fallback,
                                  const GlobalConfig& global);

/// A map of names and templates.
std::map<std::string, NotificationTemplate> ReadTemplates(YamlMap& map, std::string_view key,
                                                          const GlobalConfig& global);

/// An http or https URL from `key`; anything else is a finding.
std::string ReadUrl(YamlMap& map, std::string_view key, const std::string& fallback);

/// The first `limit` characters of UTF-8 text, the last of them an ellipsis where some were cut.
std::string TruncateRunes(std::string text, std::size_t limit);

/// The maps in the list `key`; what is none is a finding.
std::vector<YamlNode> ReadList(YamlMap& map, std::string_view key);

}  // namespace tierwatch
