// The webhook's payload: Alertmanager's, version 4.
#pragma once

#include <cstdint>
#include <string>

#include "alerts/notify/notification.h"

namespace tierwatch {

/// The JSON body, its keys in the order of Alertmanager 0.34, escaped as Go's encoder does, with a
/// line feed at the end. `max_alerts` > 0 keeps the first ones and counts the rest in
/// `truncatedAlerts`.
std::string WebhookPayload(const Notification& notification, std::uint64_t max_alerts = 0);

}  // namespace tierwatch
