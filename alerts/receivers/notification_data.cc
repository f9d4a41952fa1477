#include "alerts/receivers/notification_data.h"

#include <fmt/format.h>

namespace tierwatch {
namespace {

using tmpl::MakeLabels;
using tmpl::Value;

constexpr TimestampMs kGoZeroTime = -62'135'596'800'000;  // 0001-01-01T00:00:00Z

Value AlertValue(const Alert& alert) {
  const bool resolved = alert.state == AlertState::kResolved;
  return tmpl::MakeStruct(
      {{"Status", Value{std::string(resolved ? "resolved" : "firing")}},
       {"Labels", MakeLabels(alert.labels)},
       {"Annotations", MakeLabels(alert.annotations)},
       {"StartsAt", Value{tmpl::Time{alert.fired_at == 0 ? kGoZeroTime : alert.fired_at}}},
       {"EndsAt", Value{tmpl::Time{resolved ? alert.resolved_at : kGoZeroTime}}},
       {"GeneratorURL", Value{alert.generator_url}},
       {"Fingerprint", Value{fmt::format("{:016x}", alert.labels.Fingerprint())}}});
}

}  // namespace

NotificationData MakeNotificationData(const Notification& notification) {
  tmpl::List alerts;
  for (const Alert& alert : notification.alerts) alerts.push_back(AlertValue(alert));
  return {
      tmpl::MakeStruct(
          {{"Receiver", Value{QuoteMeta(notification.receiver)}},
           {"Status", Value{std::string(IsFiring(notification.alerts) ? "firing" : "resolved")}},
           {"Alerts", tmpl::MakeList(std::move(alerts))},
           {"NotificationReason", Value{std::string(NotifyReasonName(notification.reason))}},
           {"GroupLabels", MakeLabels(notification.group_labels)},
           {"CommonLabels", MakeLabels(CommonOf(notification.alerts, &Alert::labels))},
           {"CommonAnnotations", MakeLabels(CommonOf(notification.alerts, &Alert::annotations))},
           {"RouteLabels", MakeLabels(Labels())},
           {"ExternalURL", Value{notification.external_url}}}),
      notification.external_url, notification.time};
}

}  // namespace tierwatch
