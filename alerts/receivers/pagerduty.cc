#include "alerts/receivers/pagerduty.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "alerts/receivers/http_attempt.h"
#include "alerts/receivers/http_config.h"
#include "alerts/receivers/notification_data.h"
#include "alerts/template/template_json.h"

namespace tierwatch {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxEventBytes = 512'000;
constexpr std::size_t kMaxSummaryRunes = 1024;
constexpr Millis kTimeout{30'000};

// What templates made is UTF-8 but for what labels bring along.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct Config {
  Secret routing_key;
  std::string url;
  NotificationTemplate client, client_url, description, source, severity, klass, component, group;
  std::map<std::string, NotificationTemplate> details;
  // Each a list of templates by JSON key; an item whose first key is empty is left out.
  using Item = std::vector<std::pair<std::string, NotificationTemplate>>;
  std::vector<Item> images;
  std::vector<Item> links;
  HttpOptions http;
};

class PagerDuty final : public Integration {
 public:
  PagerDuty(Identity identity, Config config)
      : Integration(std::move(identity)), config_(std::move(config)), client_(config_.http) {}

  std::string Encode(const Notification& notification) const override {
    const NotificationData data = MakeNotificationData(notification);
    Json event;
    event["dedup_key"] = GroupHash(notification);
    event["event_action"] = IsFiring(notification.alerts) ? "trigger" : "resolve";
    event["payload"] = Payload(data);
    Put(event, "client", config_.client, data);
    Put(event, "client_url", config_.client_url, data);
    PutItems(event, "images", config_.images, data);
    PutItems(event, "links", config_.links, data);
    std::string body = Dump(event);
    if (body.size() <= kMaxEventBytes) return body;
    event["payload"]["custom_details"] = {
        {"error",
         "Custom details have been removed because the original event exceeds the maximum size of "
         "512KB"}};
    return Dump(event);
  }

  SendResult Send(const std::string& body, const SendContext& context) override {
    Result<std::string> key = config_.routing_key.Read();
    if (!key.ok()) return {.reason = key.error().message};
    if (body.size() < 2 || body[0] != '{')
      return {.outcome = Outcome::kFailed, .reason = "the kept event can't be read"};
    HttpRequest request = JsonPost(
        config_.url, "{\"routing_key\":" + tmpl::JsonString(*key) + "," + body.substr(1), kTimeout);
    return AttemptHttp(client_, std::move(request), context).result;
  }

 private:
  // Left out where it is empty.
  static void Put(Json& json, const char* key, const NotificationTemplate& text,
                  const NotificationData& data) {
    std::string expanded = text.Expand(data);
    if (!expanded.empty()) json[key] = std::move(expanded);
  }

  static void PutItems(Json& event, const char* key, const std::vector<Config::Item>& items,
                       const NotificationData& data) {
    Json list = Json::array();
    for (const Config::Item& item : items) {
      Json object;
      for (const auto& [name, text] : item) object[name] = text.Expand(data);
      if (!object[item.front().first].get<std::string>().empty()) list.push_back(object);
    }
    if (!list.empty()) event[key] = list;
  }

  Json Payload(const NotificationData& data) const {
    Json payload;
    payload["summary"] = TruncateRunes(config_.description.Expand(data), kMaxSummaryRunes);
    payload["source"] = config_.source.Expand(data);
    payload["severity"] = config_.severity.Expand(data);
    Put(payload, "class", config_.klass, data);
    Put(payload, "component", config_.component, data);
    Put(payload, "group", config_.group, data);
    for (const auto& [name, text] : config_.details)
      payload["custom_details"][name] = text.Expand(data);
    return payload;
  }

  const Config config_;
  HttpClient client_;
};

// The first alert's chart. PagerDuty shows images by HTTPS alone.
constexpr const char* kChart = "{{ (index .Alerts 0).Annotations.chart_url }}";
constexpr const char* kImage =
    R"({{ with (index .Alerts 0).Annotations.chart_url }}{{ if match "^https://" . }}{{ . }}{{ end }}{{ end }})";

struct Field {
  const char* key;
  const char* fallback;  // where the configuration has no such list
};

std::vector<Config::Item> ReadItems(YamlMap& map, std::string_view list,
                                    std::initializer_list<Field> fields,
                                    const GlobalConfig& global) {
  std::vector<Config::Item> items;
  for (const YamlNode& node : ReadList(map, list)) {
    YamlMap keys(node, list, map.diagnostics());
    Config::Item& item = items.emplace_back();
    for (const Field& field : fields)
      item.emplace_back(field.key, ReadTemplate(keys, field.key, "", global));
  }
  if (map.Get(list) != nullptr) return items;
  Config::Item& item = items.emplace_back();
  for (const Field& field : fields)
    item.emplace_back(field.key, std::get<NotificationTemplate>(NotificationTemplate::Compile(
                                     field.fallback, global.templates)));
  return items;
}

std::map<std::string, NotificationTemplate> ReadDetails(YamlMap& map, const GlobalConfig& global) {
  static constexpr std::pair<const char*, const char*> kDefaults[] = {
      {"firing", R"({{ template "pagerduty.default.instances" .Alerts.Firing }})"},
      {"resolved", R"({{ template "pagerduty.default.instances" .Alerts.Resolved }})"},
      {"num_firing", "{{ .Alerts.Firing | len }}"},
      {"num_resolved", "{{ .Alerts.Resolved | len }}"}};
  auto details = ReadTemplates(map, "details", global);
  for (const auto& [name, text] : kDefaults) {
    if (!details.contains(name))
      details[name] =
          std::get<NotificationTemplate>(NotificationTemplate::Compile(text, global.templates));
  }
  return details;
}

}  // namespace

std::shared_ptr<Integration> ReadPagerDuty(YamlMap& map, Integration::Identity identity,
                                           const GlobalConfig& global) {
  const auto read = [&](std::string_view key, std::string_view fallback) {
    return ReadTemplate(map, key, fallback, global);
  };
  Config config;
  for (const std::string_view key : {"service_key", "service_key_file"}) Refuse(map, key);
  const bool old = map.Get("service_key") != nullptr || map.Get("service_key_file") != nullptr;
  config.routing_key = ReadSecret(map, "routing_key");
  if (config.routing_key.empty() && !old)
    map.diagnostics().Add(map.node().where(),
                          "pagerduty: routing_key or routing_key_file is missing");
  config.url = ReadUrl(map, "url", global.pagerduty_url);
  constexpr std::string_view kClient = R"({{ template "pagerduty.default.client" . }})";
  config.client = read("client", kClient);
  config.client_url = read("client_url", R"({{ template "pagerduty.default.clientURL" . }})");
  config.description = read("description", R"({{ template "pagerduty.default.description" . }})");
  config.source = read("source", config.client.text());
  config.severity = read("severity", "error");
  config.klass = read("class", "");
  config.component = read("component", "");
  config.group = read("group", "");
  config.details = ReadDetails(map, global);
  config.images = ReadItems(
      map, "images",
      {{"src", kImage}, {"alt", "The last hour"}, {"href", "{{ (index .Alerts 0).GeneratorURL }}"}},
      global);
  config.links = ReadItems(map, "links", {{"href", kChart}, {"text", "The last hour"}}, global);
  config.http = ReadHttpConfigOr(map, global.http);
  Refuse(map, "timeout");
  return std::make_shared<PagerDuty>(std::move(identity), std::move(config));
}

}  // namespace tierwatch
