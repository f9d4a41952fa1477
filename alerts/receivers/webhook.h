// The receiver `webhook_configs`: Alertmanager's payload, version 4.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "alerts/receivers/integration.h"
#include "base/http_client.h"

namespace tierwatch {

/// The JSON body, its keys in the order of Alertmanager 0.34, escaped as Go's encoder does, with a
/// line feed at the end. `max_alerts` > 0 keeps the first ones and counts the rest in
/// `truncatedAlerts`.
std::string WebhookPayload(const Notification& notification, std::uint64_t max_alerts = 0);

struct WebhookConfig {
  Secret url;                    // inline or from a file
  std::uint64_t max_alerts = 0;  // 0 = all
  Millis timeout{30'000};        // of one request
  HttpOptions http;
};

/// Reads `webhook_configs`' keys but `send_resolved`.
WebhookConfig ReadWebhookConfig(YamlMap& map, const HttpOptions& global_http);

std::shared_ptr<Integration> MakeWebhook(Integration::Identity identity, WebhookConfig config);

}  // namespace tierwatch
