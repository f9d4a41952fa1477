// What templates of notifications see: Alertmanager's Data.
#pragma once

#include "alerts/receivers/notification.h"
#include "alerts/template/notification_template.h"

namespace tierwatch {

/// `.Receiver .Status .Alerts .GroupLabels .CommonLabels .CommonAnnotations .ExternalURL
/// .NotificationReason`, and of each alert `.Status .Labels .Annotations .StartsAt .EndsAt
/// .GeneratorURL .Fingerprint`.
NotificationData MakeNotificationData(const Notification& notification);

}  // namespace tierwatch
