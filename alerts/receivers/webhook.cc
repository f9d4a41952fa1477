#include "alerts/receivers/webhook.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "alerts/receivers/http_attempt.h"
#include "alerts/receivers/http_config.h"
#include "base/duration.h"

namespace tierwatch {
namespace {

constexpr std::string_view kNoTime = "0001-01-01T00:00:00Z";

// Go's encoding/json: HTML's characters and the two line separators of JavaScript are escaped,
// malformed UTF-8 is replaced.
void AppendString(std::string& out, std::string_view text) {
  const std::string valid = ToUtf8(text);
  out += '"';
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const char c = valid[i];
    const std::string_view separator = std::string_view(valid).substr(i, 3);
    if (separator == "\u2028" || separator == "\u2029") {
      out += separator == "\u2028" ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f') {
      out += '\\';
      out += c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c == '\b' ? 'b' : 'f';
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendKey(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  AppendString(out, key);
  out += ':';
}

void AppendPair(std::string& out, std::string_view key, std::string_view value) {
  AppendKey(out, key);
  AppendString(out, value);
}

void AppendLabels(std::string& out, std::string_view key, const Labels& labels) {
  AppendKey(out, key);
  out += '{';
  for (const Label& label : labels) AppendPair(out, label.name, label.value);
  out += '}';
}

void AppendAlert(std::string& out, const Alert& alert) {
  const bool resolved = alert.state == AlertState::kResolved;
  out += '{';
  AppendPair(out, "status", resolved ? "resolved" : "firing");
  AppendLabels(out, "labels", alert.labels);
  AppendLabels(out, "annotations", alert.annotations);
  AppendPair(out, "startsAt", alert.fired_at == 0 ? kNoTime : FormatTimestamp(alert.fired_at));
  AppendPair(out, "endsAt", resolved ? FormatTimestamp(alert.resolved_at) : kNoTime);
  AppendPair(out, "generatorURL", alert.generator_url);
  AppendPair(out, "fingerprint", fmt::format("{:016x}", alert.labels.Fingerprint()));
  out += '}';
}

// What all alerts have in common.
Labels Common(std::span<const Alert> alerts, Labels Alert::*part) {
  if (alerts.empty()) return {};
  Labels common = alerts.front().*part;
  for (const Alert& alert : alerts.subspan(1)) {
    const Labels candidates = common;
    for (const Label& label : candidates) {
      if ((alert.*part).Get(label.name) != label.value) common.Remove(label.name);
    }
  }
  return common;
}

// Go's regexp.QuoteMeta.
std::string QuoteMeta(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

}  // namespace

std::string_view NotifyReasonName(NotifyReason reason) {
  switch (reason) {
    case NotifyReason::kFirst:
      return "first notification";
    case NotifyReason::kNewAlerts:
      return "new alerts added";
    case NotifyReason::kSomeResolved:
      return "some alerts resolved";
    case NotifyReason::kAllResolved:
      return "all alerts resolved";
    case NotifyReason::kRepeat:
      return "repeat interval elapsed";
    case NotifyReason::kNone:
      break;
  }
  return "none";
}

std::string WebhookPayload(const Notification& notification, std::uint64_t max_alerts) {
  std::span<const Alert> alerts = notification.alerts;
  if (max_alerts > 0 && alerts.size() > max_alerts) alerts = alerts.first(max_alerts);
  const bool firing = std::any_of(alerts.begin(), alerts.end(), [](const Alert& alert) {
    return alert.state == AlertState::kFiring;
  });
  std::string out = "{";
  AppendPair(out, "receiver", QuoteMeta(notification.receiver));
  AppendPair(out, "status", firing ? "firing" : "resolved");
  AppendKey(out, "alerts");
  out += '[';
  for (const Alert& alert : alerts) {
    if (out.back() != '[') out += ',';
    AppendAlert(out, alert);
  }
  out += ']';
  AppendPair(out, "notification_reason", NotifyReasonName(notification.reason));
  AppendLabels(out, "groupLabels", notification.group_labels);
  AppendLabels(out, "commonLabels", Common(alerts, &Alert::labels));
  AppendLabels(out, "commonAnnotations", Common(alerts, &Alert::annotations));
  AppendLabels(out, "routeLabels", Labels());
  AppendPair(out, "externalURL", notification.external_url);
  AppendPair(out, "version", "4");
  AppendPair(out, "groupKey", notification.group_key);
  AppendKey(out, "truncatedAlerts");
  out += fmt::format("{}}}\n", notification.alerts.size() - alerts.size());
  return out;
}

namespace {

void ReadWebhookUrl(YamlMap& map, WebhookConfig& config) {
  config.url = ReadSecret(map, "url");
  if (config.url.empty()) {
    map.diagnostics().Add(map.node().where(), "webhook: url or url_file is missing");
  } else if (config.url.value.find("{{") != std::string::npos) {
    map.diagnostics().Add(map.Where("url"),
                          "templates in url are not supported by this version of tierwatch");
  } else if (!config.url.value.empty()) {
    const Result<Url> url = ParseUrl(config.url.value);
    if (!url.ok() || (url->scheme != "http" && url->scheme != "https")) {
      map.diagnostics().Add(map.Where("url"), "url: expected http://host[:port]/path or https://…");
    }
  }
}

class Webhook final : public Integration {
 public:
  Webhook(Identity identity, WebhookConfig config)
      : Integration(std::move(identity)), config_(std::move(config)), client_(config_.http) {}

  std::string Encode(const Notification& notification) const override {
    return WebhookPayload(notification, config_.max_alerts);
  }

  SendResult Send(const std::string& body, const SendContext& context) override {
    Result<std::string> url = config_.url.Read();
    if (!url.ok()) return {.reason = url.error().message};
    return AttemptHttp(client_, JsonPost(*std::move(url), body, config_.timeout), context).result;
  }

 private:
  const WebhookConfig config_;
  HttpClient client_;
};

}  // namespace

WebhookConfig ReadWebhookConfig(YamlMap& map, const HttpOptions& global_http) {
  WebhookConfig config;
  ReadWebhookUrl(map, config);
  const std::int64_t max_alerts = map.Int("max_alerts").value_or(0);
  if (max_alerts < 0)
    map.diagnostics().Add(map.Where("max_alerts"), "max_alerts: expected 0 (all) or more");
  config.max_alerts = static_cast<std::uint64_t>(std::max<std::int64_t>(max_alerts, 0));
  if (const std::optional<Millis> timeout = map.Duration("timeout");
      timeout && timeout->count() > 0) {
    config.timeout = *timeout;
  }
  config.http = ReadHttpConfigOr(map, global_http);
  Refuse(map, "payload");
  return config;
}

std::shared_ptr<Integration> MakeWebhook(Integration::Identity identity, WebhookConfig config) {
  return std::make_shared<Webhook>(std::move(identity), std::move(config));
}

}  // namespace tierwatch
