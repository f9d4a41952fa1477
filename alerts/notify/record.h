// Alerts, notifications and what is remembered of them, as bytes for the state database. CBOR: it
// keeps any text and any number as they are.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "alerts/receivers/notification.h"
#include "base/result.h"

namespace tierwatch {

/// When a group is next looked at, and how far it has come.
struct GroupRecord {
  TimestampMs next_at = 0;
  bool flushed = false;
  bool fell_back = false;
};

/// What an integration was told about a group: fingerprints of alerts, and when.
struct ToldRecord {
  TimestampMs at = 0;
  std::set<std::uint64_t> firing;
  std::set<std::uint64_t> resolved;
};

std::string EncodeRecord(const Alert& alert);
std::string EncodeRecord(const Notification& notification);
std::string EncodeRecord(const GroupRecord& group);
std::string EncodeRecord(const ToldRecord& told);

/// Errors: the bytes are not what EncodeRecord of the same type made.
Result<Alert> DecodeAlert(std::string_view bytes);
Result<Notification> DecodeNotification(std::string_view bytes);
Result<GroupRecord> DecodeGroup(std::string_view bytes);
Result<ToldRecord> DecodeTold(std::string_view bytes);

}  // namespace tierwatch
