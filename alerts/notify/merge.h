// Makes one notification of several that are owed: later ones of a group take up what came before,
// and a digest speaks for many groups.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "alerts/notify/outbox.h"

namespace tierwatch {

/// Alerts of a digest at most; what is more goes into further ones.
constexpr std::size_t kDigestAlerts = 500;

/// A header value that is the same whenever the same notification is sent again.
std::string IdempotencyKey(const OutboxEntry& entry);

/// `entry` with what `older` ones of its group, oldest first, would have told. The newest word on
/// an alert counts.
void TakeUp(OutboxEntry& entry, const std::vector<OutboxEntry>& older);

/// `entry` without the alerts that are `unwanted`; false where none is left.
bool LeaveOut(OutboxEntry& entry, const std::function<bool(const Alert&)>& unwanted);

/// Digests of entries of one queue, whose ids, keys and times are not set. The order of entries of
/// the same group counts.
std::vector<OutboxEntry> MakeDigests(const std::vector<OutboxEntry>& entries);

}  // namespace tierwatch
