#include "alerts/receivers/slack.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "alerts/receivers/http_attempt.h"
#include "alerts/receivers/http_config.h"
#include "alerts/receivers/notification_data.h"

namespace tierwatch {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxTitleRunes = 1024;
constexpr Millis kTimeout{30'000};
constexpr std::string_view kPostMessage = "/chat.postMessage";

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A template and the JSON key that it fills.
struct Part {
  const char* key;
  const char* fallback;
  bool always;  // also where it is empty
};

// The first alert's chart, where Slack would take so long a link.
constexpr const char* kChart =
    "{{ with (index .Alerts 0).Annotations.chart_url }}{{ if lt (len .) 3000 }}{{ . }}{{ end }}{{ "
    "end }}";

// In the order of Alertmanager's payload.
constexpr Part kMessage[] = {{"channel", "", false},
                             {"username", R"({{ template "slack.default.username" . }})", false},
                             {"icon_emoji", R"({{ template "slack.default.iconemoji" . }})", false},
                             {"icon_url", R"({{ template "slack.default.iconurl" . }})", false}};
constexpr Part kAttachment[] = {
    {"title", R"({{ template "slack.default.title" . }})", false},
    {"title_link", R"({{ template "slack.default.titlelink" . }})", false},
    {"pretext", R"({{ template "slack.default.pretext" . }})", false},
    {"text", R"({{ template "slack.default.text" . }})", true},
    {"fallback", R"({{ template "slack.default.fallback" . }})", true},
    {"callback_id", R"({{ template "slack.default.callbackid" . }})", true},
    {"image_url", kChart, false},
    {"thumb_url", "", false},
    {"footer", R"({{ template "slack.default.footer" . }})", true},
    {"color", R"({{ if eq .Status "firing" }}danger{{ else }}good{{ end }})", false}};
constexpr Part kAction[] = {{"type", "", false},  {"text", "", false}, {"url", "", false},
                            {"style", "", false}, {"name", "", false}, {"value", "", false}};
constexpr Part kConfirm[] = {
    {"text", "", false}, {"title", "", false}, {"ok_text", "", false}, {"dismiss_text", "", false}};

struct Text {
  Part part;
  NotificationTemplate text;
};
using Texts = std::vector<Text>;

Texts ReadTexts(YamlMap& map, std::span<const Part> parts, const GlobalConfig& global) {
  Texts texts;
  for (const Part& part : parts)
    texts.push_back({part, ReadTemplate(map, part.key, part.fallback, global)});
  return texts;
}

bool HasText(const Texts& texts, std::string_view key) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const Text& text) { return text.part.key == key && !text.text.empty(); });
}

Json Expanded(const Texts& texts, const NotificationData& data) {
  Json json = Json::object();
  for (const Text& text : texts) {
    std::string expanded = text.text.Expand(data);
    if (text.part.always || !expanded.empty()) json[text.part.key] = std::move(expanded);
  }
  return json;
}

struct Field {
  NotificationTemplate title, value;
  bool is_short = false;
};
struct Action {
  Texts texts;
  Texts confirm;  // empty: none
};

struct Config {
  Secret url;    // of an incoming webhook, or of the method that posts
  Secret token;  // empty: the URL is the secret
  bool update_message = false;
  Texts message, attachment;
  bool link_names = false;
  std::vector<std::string> mrkdwn_in;
  std::vector<Field> fields;
  std::vector<Action> actions;
  HttpOptions http;
};

// Slack answers 200 with an error inside: a webhook says "ok", a method {"ok":true,…}.
SendResult JudgeAnswer(SendResult result, const HttpResponse& response, bool keeps_message) {
  const auto type = response.headers.find("content-type");
  if (type == response.headers.end() || !type->second.starts_with("application/json")) {
    if (response.body == "ok") return result;
    result.outcome = Outcome::kFailed;
    result.reason = fmt::format("Slack said \"{}\"", ToUtf8(response.body.substr(0, 100)));
    return result;
  }
  const Json answer = Json::parse(response.body, nullptr, false);
  if (!answer.is_object()) {
    result.outcome = Outcome::kRetry;
    result.reason = "Slack's answer is no JSON object";
    return result;
  }
  const auto text = [&](const char* key) {
    return answer.contains(key) && answer[key].is_string() ? answer[key].get<std::string>() : "";
  };
  if (!answer.contains("ok") || answer["ok"] != true) {
    const std::string error = text("error").substr(0, 100);
    result.outcome = error == "ratelimited" ? Outcome::kRetry : Outcome::kFailed;
    result.reason = "Slack refused it: " + error;
  } else if (keeps_message && !text("ts").empty() && !text("channel").empty()) {
    result.state = text("channel") + " " + text("ts");
  }
  return result;
}

class Slack final : public Integration {
 public:
  Slack(Identity identity, Config config)
      : Integration(std::move(identity)), config_(std::move(config)), client_(config_.http) {}

  std::string Encode(const Notification& notification) const override {
    const NotificationData data = MakeNotificationData(notification);
    Json message = Expanded(config_.message, data);
    if (config_.link_names) message["link_names"] = true;
    Json attachment = Expanded(config_.attachment, data);
    if (attachment.contains("title"))
      attachment["title"] = TruncateRunes(attachment["title"], kMaxTitleRunes);
    for (const Field& field : config_.fields) {
      attachment["fields"].push_back({{"title", field.title.Expand(data)},
                                      {"value", field.value.Expand(data)},
                                      {"short", field.is_short}});
    }
    for (const Action& action : config_.actions) {
      Json object = Expanded(action.texts, data);
      if (!action.confirm.empty()) object["confirm"] = Expanded(action.confirm, data);
      attachment["actions"].push_back(object);
    }
    attachment["mrkdwn_in"] = config_.mrkdwn_in;
    message["attachments"] = Json::array({attachment});
    return Dump(message);
  }

  SendResult Send(const std::string& body, const SendContext& context) override {
    Result<std::string> url = config_.url.Read();
    if (!url.ok()) return {.reason = url.error().message};
    HttpRequest request = JsonPost(*url, body, kTimeout);
    if (const std::size_t space = context.state.find(' ');
        config_.update_message && space != std::string::npos && url->ends_with(kPostMessage)) {
      Json message = Json::parse(body, nullptr, false);
      if (!message.is_object())
        return {.outcome = Outcome::kFailed, .reason = "the kept message can't be read"};
      message["channel"] = context.state.substr(0, space);
      message["ts"] = context.state.substr(space + 1);
      request.url = url->substr(0, url->size() - kPostMessage.size()) + "/chat.update";
      request.body = Dump(message);
    }
    if (!config_.token.empty()) {
      Result<std::string> token = config_.token.Read();
      if (!token.ok()) return {.reason = token.error().message};
      request.headers.emplace_back("Authorization", "Bearer " + *token);
    }
    HttpAttempt attempt = AttemptHttp(client_, std::move(request), context);
    if (attempt.result.outcome != Outcome::kDelivered) return attempt.result;
    return JudgeAnswer(std::move(attempt.result), *attempt.response, config_.update_message);
  }

 private:
  const Config config_;
  HttpClient client_;
};

void ReadAddress(YamlMap& map, Config& config, const GlobalConfig& global) {
  config.url = ReadSecret(map, "api_url");
  config.token = ReadSecret(map, "app_token");
  const std::string app_url = ReadUrl(map, "app_url", global.slack_app_url);
  if (!config.url.empty() && !config.token.empty()) {
    map.diagnostics().Add(map.Where("app_token"), "give one of api_url and app_token, not both");
  } else if (config.url.empty() && config.token.empty()) {
    config.url = global.slack_api_url;
    config.token = global.slack_app_token;
  }
  if (config.url.empty() && config.token.empty()) {
    map.diagnostics().Add(
        map.node().where(),
        "slack: no api_url or app_token, inline or in a file, here or under global");
  } else if (config.url.empty()) {
    config.url.value = app_url;
  }
  if (!config.url.value.empty() && !IsHttpUrl(config.url.value))
    map.diagnostics().Add(map.Where("api_url"), "api_url: expected https://host/path");
}

std::vector<Field> ReadFields(YamlMap& map, bool short_fields, const GlobalConfig& global) {
  std::vector<Field> fields;
  for (const YamlNode& node : ReadList(map, "fields")) {
    YamlMap keys(node, "field", map.diagnostics());
    for (const char* key : {"title", "value"}) keys.Require(key);
    fields.push_back({ReadTemplate(keys, "title", "", global),
                      ReadTemplate(keys, "value", "", global),
                      keys.Bool("short").value_or(short_fields)});
  }
  return fields;
}

std::vector<Action> ReadActions(YamlMap& map, const GlobalConfig& global) {
  std::vector<Action> actions;
  for (const YamlNode& node : ReadList(map, "actions")) {
    YamlMap keys(node, "action", map.diagnostics());
    for (const char* key : {"type", "text"}) keys.Require(key);
    Action action{ReadTexts(keys, kAction, global), {}};
    if (const YamlNode* confirm = keys.Get("confirm")) {
      YamlMap texts(*confirm, "confirm", map.diagnostics());
      texts.Require("text");
      action.confirm = ReadTexts(texts, kConfirm, global);
    }
    if (HasText(action.texts, "url")) {
      // A link has no name, value and question.
      std::erase_if(action.texts, [](const Text& text) {
        return std::string_view(text.part.key) == "name" ||
               std::string_view(text.part.key) == "value";
      });
      action.confirm.clear();
    } else if (!HasText(action.texts, "name")) {
      map.diagnostics().Add(node.where(), "action: name or url is missing");
    }
    actions.push_back(std::move(action));
  }
  return actions;
}

}  // namespace

std::shared_ptr<Integration> ReadSlack(YamlMap& map, Integration::Identity identity,
                                       const GlobalConfig& global) {
  Config config;
  ReadAddress(map, config, global);
  config.update_message = map.Bool("update_message").value_or(false);
  if (config.update_message && !config.url.value.ends_with(kPostMessage)) {
    map.diagnostics().Add(map.Where("update_message"),
                          "update_message needs a bot's token and the URL of chat.postMessage");
  }
  config.message = ReadTexts(map, kMessage, global);
  config.attachment = ReadTexts(map, kAttachment, global);
  config.link_names = map.Bool("link_names").value_or(false);
  config.mrkdwn_in = map.Strings("mrkdwn_in");
  if (config.mrkdwn_in.empty()) config.mrkdwn_in = {"fallback", "pretext", "text"};
  config.fields = ReadFields(map, map.Bool("short_fields").value_or(false), global);
  config.actions = ReadActions(map, global);
  config.http = ReadHttpConfigOr(map, global.http);
  for (const std::string_view key : {"message_text", "timeout"}) Refuse(map, key);
  return std::make_shared<Slack>(std::move(identity), std::move(config));
}

}  // namespace tierwatch
