#include "alerts/receivers/global_config.h"

#include <fmt/format.h>

#include "alerts/receivers/http_config.h"

namespace tierwatch {
namespace {

// Of integrations that are refused where a receiver has them. By themselves these keys ask for
// nothing, so a pasted file may keep them.
constexpr std::string_view kOfOthers[] = {
    "jira_api_url",           "mattermost_webhook_url",   "mattermost_webhook_url_file",
    "rocketchat_api_url",     "rocketchat_token",         "rocketchat_token_file",
    "rocketchat_token_id",    "rocketchat_token_id_file", "telegram_api_url",
    "telegram_bot_token",     "telegram_bot_token_file",  "victorops_api_key",
    "victorops_api_key_file", "victorops_api_url",        "webex_api_url",
    "wechat_api_corp_id",     "wechat_api_secret",        "wechat_api_secret_file",
    "wechat_api_url"};

NotificationTemplate Compiled(std::string_view text, const GlobalConfig& global, YamlMap& map,
                              const Location& where, std::string_view key) {
  Parsed<NotificationTemplate> compiled = NotificationTemplate::Compile(text, global.templates);
  if (auto* good = std::get_if<NotificationTemplate>(&compiled)) return std::move(*good);
  const TextError& error = std::get<TextError>(compiled);
  map.diagnostics().Add(
      where, fmt::format("{}: template: at byte {}: {}", key, error.offset, error.message));
  return {};
}

}  // namespace

void ReadGlobalConfig(const YamlNode& node, GlobalConfig& global, Diagnostics& diagnostics) {
  YamlMap map(node, "global", diagnostics);
  global.resolve_timeout = map.Duration("resolve_timeout").value_or(global.resolve_timeout);
  const YamlNode* http = map.Get("http_config");
  global.http = ReadHttpConfig(http == nullptr ? YamlNode() : *http, diagnostics);
  global.pagerduty_url = ReadUrl(map, "pagerduty_url", global.pagerduty_url);
  global.slack_api_url = ReadSecret(map, "slack_api_url");
  global.slack_app_token = ReadSecret(map, "slack_app_token");
  global.slack_app_url = ReadUrl(map, "slack_app_url", global.slack_app_url);
  if (!global.slack_api_url.empty() && !global.slack_app_token.empty()) {
    diagnostics.Add(map.Where("slack_app_token"),
                    "give one of slack_api_url and slack_app_token, not both");
  }
  global.opsgenie_api_key = ReadSecret(map, "opsgenie_api_key");
  global.opsgenie_api_url = ReadUrl(map, "opsgenie_api_url", global.opsgenie_api_url);
  global.smtp = ReadSmtpConfig(map, "smtp_", {});
  for (const std::string_view key : kOfOthers) map.Get(key);
}

NotificationTemplate ReadTemplate(YamlMap& map, std::string_view key, std::string_view fallback,
                                  const GlobalConfig& global) {
  return Compiled(map.String(key).value_or(std::string(fallback)), global, map, map.Where(key),
                  key);
}

std::map<std::string, NotificationTemplate> ReadTemplates(YamlMap& map, std::string_view key,
                                                          const GlobalConfig& global) {
  std::map<std::string, NotificationTemplate> templates;
  for (const auto& [name, text] : map.StringMap(key))
    templates[name] = Compiled(text, global, map, map.Where(key), name);
  return templates;
}

std::string ReadUrl(YamlMap& map, std::string_view key, const std::string& fallback) {
  const std::string text = map.String(key).value_or("");
  if (text.empty()) return fallback;
  if (IsHttpUrl(text)) return text;
  map.diagnostics().Add(map.Where(key),
                        fmt::format("{}: expected http://host[:port]/path or https://…", key));
  return fallback;
}

std::string TruncateRunes(std::string text, std::size_t limit) {
  std::size_t runes = 0;
  std::size_t cut = std::string::npos;  // behind `limit` − 1 characters
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;
    if (runes == limit - 1) cut = i;
    if (++runes > limit) return text.substr(0, cut) + "…";
  }
  return text;
}

std::vector<YamlNode> ReadList(YamlMap& map, std::string_view key) {
  const YamlNode* list = map.Get(key);
  if (list == nullptr) return {};
  if (!list->IsSequence()) {
    map.diagnostics().Add(list->where(),
                          fmt::format("{}: expected a list, not {}", key, list->Describe()));
  }
  return list->items();
}

}  // namespace tierwatch
