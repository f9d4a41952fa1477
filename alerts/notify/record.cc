#include "alerts/notify/record.h"

#include <nlohmann/json.hpp>

namespace tierwatch {
namespace {

using Json = nlohmann::json;

std::string Bytes(const Json& json) {
  std::string bytes;
  Json::to_cbor(json, bytes);
  return bytes;
}

// Runs what reads `bytes`; the library's exceptions end here.
template <class Read>
auto Decode(std::string_view bytes, std::string_view what, Read read)
    -> Result<decltype(read(Json()))> {
  try {
    return read(Json::from_cbor(bytes.begin(), bytes.end()));
  } catch (const Json::exception& exception) {
    return Error{std::string(what) + ": " + exception.what(), Reason::kParse};
  }
}

Json FromLabels(const Labels& labels) {
  Json list = Json::array();
  for (const Label& label : labels) {
    list.push_back(label.name);
    list.push_back(label.value);
  }
  return list;
}

Labels ToLabels(const Json& list) {
  std::vector<Label> labels;
  for (std::size_t i = 0; i + 1 < list.size(); i += 2)
    labels.push_back({list.at(i).get<std::string>(), list.at(i + 1).get<std::string>()});
  return Labels(std::move(labels));
}

Json FromAlert(const Alert& alert) {
  return Json::array({FromLabels(alert.labels), FromLabels(alert.annotations),
                      static_cast<int>(alert.state), alert.active_at, alert.fired_at,
                      alert.resolved_at, alert.keep_firing_since, alert.value, alert.generator_url,
                      alert.valid_until, static_cast<int>(alert.ending)});
}

Alert ToAlert(const Json& json) {
  Alert alert;
  alert.labels = ToLabels(json.at(0));
  alert.annotations = ToLabels(json.at(1));
  alert.state = json.at(2).get<int>() == static_cast<int>(AlertState::kResolved)
                    ? AlertState::kResolved
                    : AlertState::kFiring;
  alert.active_at = json.at(3).get<TimestampMs>();
  alert.fired_at = json.at(4).get<TimestampMs>();
  alert.resolved_at = json.at(5).get<TimestampMs>();
  alert.keep_firing_since = json.at(6).get<TimestampMs>();
  alert.value = json.at(7).get<double>();
  alert.generator_url = json.at(8).get<std::string>();
  if (json.size() > 10) {  // an earlier version had no more
    alert.valid_until = json.at(9).get<TimestampMs>();
    const int ending = json.at(10).get<int>();
    alert.ending = ending == 1   ? AlertEnding::kTold
                   : ending == 2 ? AlertEnding::kAssumed
                                 : AlertEnding::kByRule;
  }
  return alert;
}

}  // namespace

std::string EncodeRecord(const Alert& alert) { return Bytes(FromAlert(alert)); }

Result<Alert> DecodeAlert(std::string_view bytes) { return Decode(bytes, "alert", ToAlert); }

std::string EncodeRecord(const Notification& notification) {
  Json alerts = Json::array();
  for (const Alert& alert : notification.alerts) alerts.push_back(FromAlert(alert));
  return Bytes(Json{{"receiver", notification.receiver},
                    {"integration", notification.integration},
                    {"group_key", notification.group_key},
                    {"group_labels", FromLabels(notification.group_labels)},
                    {"reason", static_cast<int>(notification.reason)},
                    {"alerts", std::move(alerts)},
                    {"external_url", notification.external_url},
                    {"time", notification.time},
                    {"first", notification.first},
                    {"fallback_after", notification.fallback_after.count()}});
}

Result<Notification> DecodeNotification(std::string_view bytes) {
  return Decode(bytes, "notification", [](const Json& json) {
    Notification notification;
    json.at("receiver").get_to(notification.receiver);
    json.at("integration").get_to(notification.integration);
    json.at("group_key").get_to(notification.group_key);
    notification.group_labels = ToLabels(json.at("group_labels"));
    notification.reason = static_cast<NotifyReason>(json.at("reason").get<int>());
    for (const Json& alert : json.at("alerts")) notification.alerts.push_back(ToAlert(alert));
    json.at("external_url").get_to(notification.external_url);
    json.at("time").get_to(notification.time);
    json.at("first").get_to(notification.first);
    notification.fallback_after = Millis{json.at("fallback_after").get<Millis::rep>()};
    return notification;
  });
}

std::string EncodeRecord(const GroupRecord& group) {
  return Bytes(Json::array({group.next_at, group.flushed, group.fell_back}));
}

Result<GroupRecord> DecodeGroup(std::string_view bytes) {
  return Decode(bytes, "group", [](const Json& json) {
    return GroupRecord{json.at(0).get<TimestampMs>(), json.at(1).get<bool>(),
                       json.at(2).get<bool>()};
  });
}

std::string EncodeRecord(const ToldRecord& told) {
  return Bytes(Json::array({told.at, told.firing, told.resolved}));
}

Result<ToldRecord> DecodeTold(std::string_view bytes) {
  return Decode(bytes, "notification log", [](const Json& json) {
    return ToldRecord{json.at(0).get<TimestampMs>(), json.at(1).get<std::set<std::uint64_t>>(),
                      json.at(2).get<std::set<std::uint64_t>>()};
  });
}

}  // namespace tierwatch
