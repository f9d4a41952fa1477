#include "alerts/receivers/webhook.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "alerts/receivers/http_attempt.h"
#include "alerts/receivers/http_config.h"
#include "alerts/receivers/mail_text.h"
#include "alerts/receivers/notification_data.h"
#include "alerts/receivers/payload_template.h"
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

std::string WebhookSignature(const std::string& secret, TimestampMs now, std::string_view body) {
  const std::string seconds = fmt::format("{}", now / 1000);
  const std::string signed_text = fmt::format("{}.{}", seconds, body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(),
         digest.data(), &size);
  std::string signature = fmt::format("t={},v1=", seconds);
  for (unsigned int i = 0; i < size; ++i) signature += fmt::format("{:02x}", digest[i]);
  return signature;
}

namespace {

constexpr const char* kSignatureHeader = "X-Tierwatch-Signature";

struct WebhookConfig {
  Secret url;                         // inline or from a file
  NotificationTemplate url_template;  // instead of `url`, where that is one
  std::optional<PayloadTemplate> payload;
  Secret hmac_secret;
  std::string hmac_header;
  std::uint64_t max_alerts = 0;  // 0 = all
  Millis timeout{30'000};        // of one request
  HttpOptions http;
};

void ReadWebhookUrl(YamlMap& map, WebhookConfig& config, const GlobalConfig& global) {
  config.url = ReadSecret(map, "url");
  if (config.url.empty()) {
    map.diagnostics().Add(map.node().where(), "webhook: url or url_file is missing");
  } else if (config.url.value.find("{{") != std::string::npos) {
    config.url_template = ReadTemplate(map, "url", "", global);
  } else if (!config.url.value.empty() && !IsHttpUrl(config.url.value)) {
    map.diagnostics().Add(map.Where("url"), "url: expected http://host[:port]/path or https://…");
  }
}

class Webhook final : public Integration {
 public:
  Webhook(Identity identity, WebhookConfig config)
      : Integration(std::move(identity)), config_(std::move(config)), client_(config_.http) {}

  // Where the URL is a template, it stands in the first line.
  std::string Encode(const Notification& notification) const override {
    if (!config_.payload && config_.url_template.empty())
      return WebhookPayload(notification, config_.max_alerts);
    const NotificationData data = MakeNotificationData(notification);
    std::string url;
    if (!config_.url_template.empty()) url = config_.url_template.Expand(data) + "\n";
    return url + (config_.payload ? config_.payload->Expand(data)
                                  : WebhookPayload(notification, config_.max_alerts));
  }

  SendResult Send(const std::string& kept, const SendContext& context) override {
    Result<std::string> url = config_.url.Read();
    if (!url.ok()) return {.reason = url.error().message};
    std::string body = kept;
    if (!config_.url_template.empty()) {
      const std::size_t end = std::min(kept.find('\n'), kept.size());
      url = kept.substr(0, end);
      body.erase(0, std::min(end + 1, body.size()));
      if (!IsHttpUrl(*url))
        return {.outcome = Outcome::kFailed,
                .reason = "url: its template gave no http or https URL"};
    }
    HttpRequest request = JsonPost(*std::move(url), std::move(body), config_.timeout);
    if (!config_.hmac_secret.empty()) {
      const Result<std::string> secret = config_.hmac_secret.Read();
      if (!secret.ok()) return {.reason = secret.error().message};
      request.headers.emplace_back(config_.hmac_header,
                                   WebhookSignature(*secret, context.now, request.body));
    }
    return AttemptHttp(client_, std::move(request), context).result;
  }

 private:
  const WebhookConfig config_;
  HttpClient client_;
};

}  // namespace

std::shared_ptr<Integration> ReadWebhook(YamlMap& map, Integration::Identity identity,
                                         const GlobalConfig& global) {
  WebhookConfig config;
  ReadWebhookUrl(map, config, global);
  config.hmac_secret = ReadSecret(map, "hmac_secret");
  config.hmac_header = map.String("hmac_header").value_or(kSignatureHeader);
  if (CanonicalHeaderName(config.hmac_header).empty())
    map.diagnostics().Add(map.Where("hmac_header"), "hmac_header: expected the name of a header");
  const std::int64_t max_alerts = map.Int("max_alerts").value_or(0);
  if (max_alerts < 0)
    map.diagnostics().Add(map.Where("max_alerts"), "max_alerts: expected 0 (all) or more");
  config.max_alerts = static_cast<std::uint64_t>(std::max<std::int64_t>(max_alerts, 0));
  if (const std::optional<Millis> timeout = map.Duration("timeout");
      timeout && timeout->count() > 0) {
    config.timeout = *timeout;
  }
  config.http = ReadHttpConfigOr(map, global.http);
  if (const YamlNode* payload = map.Get("payload"))
    config.payload = PayloadTemplate::Read(*payload, global, map.diagnostics());
  return std::make_shared<Webhook>(std::move(identity), std::move(config));
}

}  // namespace tierwatch
