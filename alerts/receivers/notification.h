// A notification: what one integration of one receiver is told about one group of alerts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/rules/alert.h"
#include "base/labels.h"

namespace tierwatch {

/// Why it is sent, as Alertmanager names it in `notification_reason`.
enum class NotifyReason { kNone, kFirst, kNewAlerts, kSomeResolved, kAllResolved, kRepeat };

/// "first notification", "new alerts added", … "none".
std::string_view NotifyReasonName(NotifyReason reason);

struct Notification {
  std::string receiver;
  std::string integration;  // "on-call/webhook[0]": the name of the queue that delivers it
  std::string group_key;    // `{}/{severity="critical"}:{alertname="X"}`
  Labels group_labels;
  NotifyReason reason = NotifyReason::kNone;
  std::vector<Alert> alerts;  // firing and resolved, in Alertmanager's order
  std::string external_url;
  TimestampMs time = 0;      // when it was decided
  bool first = false;        // the receiver was told of none of these alerts before
  Millis fallback_after{0};  // owed for so long, another receiver is told too; 0 = never
};

/// Whether any of them fires: the notification's status.
bool IsFiring(std::span<const Alert> alerts);
/// The labels or annotations that all alerts have in common.
Labels CommonOf(std::span<const Alert> alerts, Labels Alert::*part);
/// Go's regexp.QuoteMeta, which Alertmanager sends a receiver's name through.
std::string QuoteMeta(std::string_view text);
/// SHA-256 of the group's key in hex: what tells PagerDuty, Opsgenie and mail which alerts belong
/// together.
std::string GroupHash(const Notification& notification);

}  // namespace tierwatch
