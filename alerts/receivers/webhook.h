// The receiver `webhook_configs`: Alertmanager's payload, version 4.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "alerts/receivers/global_config.h"
#include "alerts/receivers/integration.h"

namespace tierwatch {

/// The JSON body, its keys in the order of Alertmanager 0.34, escaped as Go's encoder does, with a
/// line feed at the end. `max_alerts` > 0 keeps the first ones and counts the rest in
/// `truncatedAlerts`.
std::string WebhookPayload(const Notification& notification, std::uint64_t max_alerts = 0);

/// What says that a body is from who knows the secret, and when it was sent: "t=1700000000,v1=HEX",
/// with HEX = HMAC-SHA256(secret, "1700000000." + body). A receiver refuses what is old.
std::string WebhookSignature(const std::string& secret, TimestampMs now, std::string_view body);

/// Reads the keys but `send_resolved`. tierwatch's own are `hmac_secret[_file]`, and `hmac_header`
/// (X-Tierwatch-Signature) for the signature's header.
std::shared_ptr<Integration> ReadWebhook(YamlMap& map, Integration::Identity identity,
                                         const GlobalConfig& global);

}  // namespace tierwatch
