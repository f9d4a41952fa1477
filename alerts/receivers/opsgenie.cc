#include "alerts/receivers/opsgenie.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "alerts/receivers/http_attempt.h"
#include "alerts/receivers/http_config.h"
#include "alerts/receivers/notification_data.h"

namespace tierwatch {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxMessageRunes = 130;
constexpr Millis kTimeout{30'000};
constexpr std::string_view kResponderTypes[] = {"team", "teams", "user", "escalation", "schedule"};

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct Responder {
  NotificationTemplate id, name, username, type;
};

struct Config {
  Secret api_key;
  std::string api_url;  // with a slash at its end
  NotificationTemplate message, description, source, entity, actions, tags, note, priority;
  std::map<std::string, NotificationTemplate> details;
  std::vector<Responder> responders;
  HttpOptions http;
};

// The parts between commas, without empty ones.
std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

class Opsgenie final : public Integration {
 public:
  Opsgenie(Identity identity, Config config)
      : Integration(std::move(identity)), config_(std::move(config)), client_(config_.http) {}

  std::string Encode(const Notification& notification) const override {
    const NotificationData data = MakeNotificationData(notification);
    const std::string alias = GroupHash(notification);
    if (IsFiring(notification.alerts))
      return Dump({{"path", "v2/alerts"}, {"body", Creation(notification, data, alias)}});
    return Dump({{"path", fmt::format("v2/alerts/{}/close?identifierType=alias", alias)},
                 {"body", {{"source", config_.source.Expand(data)}}}});
  }

  SendResult Send(const std::string& body, const SendContext& context) override {
    const Json kept = Json::parse(body, nullptr, false);
    if (!kept.is_object() || !kept.contains("path") || !kept["path"].is_string() ||
        !kept.contains("body"))
      return {.outcome = Outcome::kFailed, .reason = "the kept request can't be read"};
    Result<std::string> key = config_.api_key.Read();
    if (!key.ok()) return {.reason = key.error().message};
    HttpRequest request =
        JsonPost(config_.api_url + kept["path"].get<std::string>(), Dump(kept["body"]), kTimeout);
    request.headers.emplace_back("Authorization", "GenieKey " + *key);
    return AttemptHttp(client_, std::move(request), context).result;
  }

 private:
  Json Creation(const Notification& notification, const NotificationData& data,
                const std::string& alias) const {
    Json alert;
    alert["alias"] = alias;
    alert["message"] = TruncateRunes(config_.message.Expand(data), kMaxMessageRunes);
    Put(alert, "description", config_.description, data);
    alert["details"] = Json::object();
    for (const Label& label : CommonOf(notification.alerts, &Alert::labels))
      alert["details"][label.name] = label.value;
    for (const auto& [name, text] : config_.details) alert["details"][name] = text.Expand(data);
    alert["source"] = config_.source.Expand(data);
    if (Json responders = Responders(data); !responders.empty()) alert["responders"] = responders;
    PutList(alert, "tags", config_.tags, data);
    Put(alert, "note", config_.note, data);
    Put(alert, "priority", config_.priority, data);
    Put(alert, "entity", config_.entity, data);
    PutList(alert, "actions", config_.actions, data);
    return alert;
  }

  Json Responders(const NotificationData& data) const {
    Json list = Json::array();
    for (const Responder& responder : config_.responders) {
      const std::string type = responder.type.Expand(data);
      if (type == "teams") {
        for (const std::string& team : Split(responder.name.Expand(data)))
          list.push_back({{"name", team}, {"type", "team"}});
        continue;
      }
      Json object;
      Put(object, "id", responder.id, data);
      Put(object, "name", responder.name, data);
      Put(object, "username", responder.username, data);
      if (object.empty() && type.empty()) continue;
      object["type"] = type;
      list.push_back(object);
    }
    return list;
  }

  static void Put(Json& json, const char* key, const NotificationTemplate& text,
                  const NotificationData& data) {
    std::string expanded = text.Expand(data);
    if (!expanded.empty()) json[key] = std::move(expanded);
  }
  static void PutList(Json& json, const char* key, const NotificationTemplate& text,
                      const NotificationData& data) {
    const std::vector<std::string> parts = Split(text.Expand(data));
    if (!parts.empty()) json[key] = parts;
  }

  const Config config_;
  HttpClient client_;
};

std::vector<Responder> ReadResponders(YamlMap& map, const GlobalConfig& global) {
  std::vector<Responder> responders;
  for (const YamlNode& node : ReadList(map, "responders")) {
    YamlMap keys(node, "responder", map.diagnostics());
    std::string type = keys.String("type").value_or("");
    if (type.find("{{") == std::string::npos) {
      std::transform(type.begin(), type.end(), type.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      if (std::find(std::begin(kResponderTypes), std::end(kResponderTypes), type) ==
          std::end(kResponderTypes)) {
        map.diagnostics().Add(keys.Where("type"),
                              "type: expected team, teams, user, escalation or schedule");
      }
    }
    responders.push_back(
        {ReadTemplate(keys, "id", "", global), ReadTemplate(keys, "name", "", global),
         ReadTemplate(keys, "username", "", global), ReadTemplate(keys, "type", "", global)});
    const Responder& read = responders.back();
    if (read.id.empty() && read.name.empty() && read.username.empty())
      map.diagnostics().Add(node.where(), "responder: give one of id, name and username");
  }
  return responders;
}

}  // namespace

std::shared_ptr<Integration> ReadOpsgenie(YamlMap& map, Integration::Identity identity,
                                          const GlobalConfig& global) {
  const auto read = [&](std::string_view key, std::string_view fallback) {
    return ReadTemplate(map, key, fallback, global);
  };
  Config config;
  config.api_key = ReadSecret(map, "api_key");
  if (config.api_key.empty()) config.api_key = global.opsgenie_api_key;
  if (config.api_key.empty()) {
    map.diagnostics().Add(map.node().where(),
                          "opsgenie: no api_key or api_key_file, here or under global");
  }
  config.api_url = ReadUrl(map, "api_url", global.opsgenie_api_url);
  if (!config.api_url.ends_with('/')) config.api_url += '/';
  config.message = read("message", R"({{ template "opsgenie.default.message" . }})");
  config.description = read("description", R"({{ template "opsgenie.default.description" . }})");
  config.source = read("source", R"({{ template "opsgenie.default.source" . }})");
  config.entity = read("entity", "");
  config.actions = read("actions", "");
  config.tags = read("tags", "");
  config.note = read("note", "");
  config.priority = read("priority", "");
  config.details = ReadTemplates(map, "details", global);
  config.responders = ReadResponders(map, global);
  config.http = ReadHttpConfigOr(map, global.http);
  if (map.Bool("update_alerts").value_or(false)) Refuse(map, "update_alerts");
  return std::make_shared<Opsgenie>(std::move(identity), std::move(config));
}

}  // namespace tierwatch
