#include "alerts/receivers/webhook.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "alerts/receivers/http_attempt.h"
#include "alerts/receivers/http_config.h"
#include "alerts/template/template_json.h"
#include "base/duration.h"

namespace tierwatch {
namespace {

constexpr std::string_view kNoTime = "0001-01-01T00:00:00Z";

void AppendString(std::string& out, std::string_view text) { out += tmpl::JsonString(text); }

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

}  // namespace

std::string WebhookPayload(const Notification& notification, std::uint64_t max_alerts) {
  std::span<const Alert> alerts = notification.alerts;
  if (max_alerts > 0 && alerts.size() > max_alerts) alerts = alerts.first(max_alerts);
  std::string out = "{";
  AppendPair(out, "receiver", QuoteMeta(notification.receiver));
  AppendPair(out, "status", IsFiring(alerts) ? "firing" : "resolved");
  AppendKey(out, "alerts");
  out += '[';
  for (const Alert& alert : alerts) {
    if (out.back() != '[') out += ',';
    AppendAlert(out, alert);
  }
  out += ']';
  AppendPair(out, "notification_reason", NotifyReasonName(notification.reason));
  AppendLabels(out, "groupLabels", notification.group_labels);
  AppendLabels(out, "commonLabels", CommonOf(alerts, &Alert::labels));
  AppendLabels(out, "commonAnnotations", CommonOf(alerts, &Alert::annotations));
  AppendLabels(out, "routeLabels", Labels());
  AppendPair(out, "externalURL", notification.external_url);
  AppendPair(out, "version", "4");
  AppendPair(out, "groupKey", notification.group_key);
  AppendKey(out, "truncatedAlerts");
  out += fmt::format("{}}}\n", notification.alerts.size() - alerts.size());
  return out;
}

namespace {

struct WebhookConfig {
  Secret url;                    // inline or from a file
  std::uint64_t max_alerts = 0;  // 0 = all
  Millis timeout{30'000};        // of one request
  HttpOptions http;
};

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

std::shared_ptr<Integration> ReadWebhook(YamlMap& map, Integration::Identity identity,
                                         const GlobalConfig& global) {
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
  config.http = ReadHttpConfigOr(map, global.http);
  Refuse(map, "payload");
  return std::make_shared<Webhook>(std::move(identity), std::move(config));
}

}  // namespace tierwatch
