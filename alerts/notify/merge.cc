#include "alerts/notify/merge.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <map>

#include "alerts/notify/dispatcher.h"
#include "alerts/notify/record.h"

namespace tierwatch {
namespace {

constexpr const char* kDigestKey = "digest:{}";

using ByLabels = std::map<Labels, Alert>;

void AddAll(ByLabels& alerts, const Notification& notification) {
  for (const Alert& alert : notification.alerts) alerts.insert_or_assign(alert.labels, alert);
}

std::vector<Alert> Sorted(ByLabels alerts) {
  std::vector<Alert> list;
  for (auto& [labels, alert] : alerts) list.push_back(std::move(alert));
  std::stable_sort(list.begin(), list.end(),
                   [](const Alert& a, const Alert& b) { return AlertBefore(a.labels, b.labels); });
  return list;
}

bool AnyFires(const std::vector<Alert>& alerts) {
  return std::any_of(alerts.begin(), alerts.end(),
                     [](const Alert& alert) { return alert.state == AlertState::kFiring; });
}

OutboxEntry MakeDigest(const std::vector<const OutboxEntry*>& entries) {
  OutboxEntry digest = *entries.front();
  auto notification = std::make_shared<Notification>(*digest.notification);
  ByLabels alerts;
  for (const OutboxEntry* entry : entries) {
    AddAll(alerts, *entry->notification);
    digest.owed_since = std::min(digest.owed_since, entry->owed_since);
    digest.first = digest.first && entry->first;
  }
  notification->alerts = Sorted(std::move(alerts));
  notification->group_key = digest.group_key = kDigestKey;
  notification->group_labels = Labels();
  notification->fallback_after = Millis{0};
  notification->reason =
      AnyFires(notification->alerts) ? NotifyReason::kNewAlerts : NotifyReason::kAllResolved;
  digest.notification = std::move(notification);
  digest.digest = true;
  digest.attempts = 0;
  return digest;
}

}  // namespace

std::string IdempotencyKey(const OutboxEntry& entry) {
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}\n{}", entry.queue, entry.group_key, entry.created_at, entry.id,
                  EncodeRecord(*entry.notification));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  std::string key;
  for (std::size_t i = 0; i < 16; ++i) key += fmt::format("{:02x}", digest[i]);
  return key;
}

void TakeUp(OutboxEntry& entry, const std::vector<OutboxEntry>& older) {
  if (older.empty()) return;
  auto notification = std::make_shared<Notification>(*entry.notification);
  ByLabels alerts;
  for (const OutboxEntry& before : older) AddAll(alerts, *before.notification);
  AddAll(alerts, *notification);
  notification->alerts = Sorted(std::move(alerts));
  if (!AnyFires(notification->alerts)) {
    notification->reason = NotifyReason::kAllResolved;
  } else if (older.front().notification->reason == NotifyReason::kFirst) {
    notification->reason = NotifyReason::kFirst;
  }
  notification->first = entry.first = older.front().first;
  entry.owed_since = older.front().owed_since;
  entry.notification = std::move(notification);
}

bool LeaveOut(OutboxEntry& entry, const std::function<bool(const Alert&)>& unwanted) {
  auto notification = std::make_shared<Notification>(*entry.notification);
  std::erase_if(notification->alerts, unwanted);
  if (!AnyFires(notification->alerts)) notification->reason = NotifyReason::kAllResolved;
  entry.notification = std::move(notification);
  return !entry.notification->alerts.empty();
}

std::vector<OutboxEntry> MakeDigests(const std::vector<OutboxEntry>& entries) {
  std::vector<OutboxEntry> digests;
  std::vector<const OutboxEntry*> chunk;
  std::size_t alerts = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    chunk.push_back(&entries[i]);
    alerts += entries[i].notification->alerts.size();
    // Entries of one group come one after another and stay together.
    const bool group_goes_on =
        i + 1 < entries.size() && entries[i + 1].group_key == entries[i].group_key;
    if (i + 1 < entries.size() && (alerts < kDigestAlerts || group_goes_on)) continue;
    digests.push_back(MakeDigest(chunk));
    chunk.clear();
    alerts = 0;
  }
  return digests;
}

}  // namespace tierwatch
