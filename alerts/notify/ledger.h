// What notify must not forget, in the state database: groups and their alerts, what was told, what
// is owed and what came of it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alerts/notify/outbox.h"
#include "alerts/notify/record.h"
#include "alerts/receivers/integration.h"
#include "base/database.h"

namespace tierwatch {

/// One attempt.
struct DeliveryResult {
  TimestampMs at = 0;
  std::string queue;
  std::string group_key;
  int attempt = 1;
  Outcome outcome = Outcome::kDelivered;
  int status = 0;      // 0 without an answer
  std::string reason;  // "HTTP 503", "timed out after 10s"; never a URL
};

/// A notification as it is shown to people.
struct NotificationRecord {
  std::uint64_t id = 0;
  std::string queue;
  std::string group_key;
  std::string idempotency_key;
  std::string summary;  // "2 firing, 1 resolved: HighLatency, LowHitRate"
  TimestampMs created_at = 0;
  std::string outcome;  // "owed", or an OutcomeName
  int attempts = 0;
  TimestampMs ended_at = 0;  // 0 while it is owed
  int status = 0;
  std::string reason;
};

/// What an earlier process left.
struct LedgerContents {
  std::map<std::string, GroupRecord> groups;                          // by group key
  std::vector<std::pair<std::string, Alert>> alerts;                  // group key and alert
  std::map<std::pair<std::string, std::string>, ToldRecord> told;     // by queue and group key
  std::map<std::pair<std::string, std::string>, std::string> states;  // of integrations, the same
  std::vector<OutboxEntry> owed;  // in their order; `due` is not set
};

struct LedgerLimits {
  Millis age{7 * 24 * 3'600'000};  // of notifications that are no longer owed
  std::size_t rows = 20'000;       // how many of them are kept
};

/// Put and Erase only note a change, of which the last one of a key counts; Commit writes them all
/// in one transaction, or keeps them for the next one where that fails. So a database that is full
/// or damaged stops nobody, and is up to date again as soon as it works again. Everything but
/// History belongs to one thread.
class Ledger {
 public:
  /// A path of a database, ":memory:" for one that dies with the ledger. Opened when it is needed.
  /// Numbers of notifications begin at `now`, so that they grow from process to process.
  Ledger(std::string path, TimestampMs now, LedgerLimits limits = {});

  /// Entries that can't be read are left out and told in `damaged`.
  Result<LedgerContents> Load(std::vector<std::string>& damaged);

  void PutGroup(const std::string& key, const GroupRecord& group);
  void EraseGroup(const std::string& key);
  void PutAlert(const std::string& group_key, const Alert& alert);
  void EraseAlert(const std::string& group_key, const Labels& labels);
  void PutTold(const std::string& queue, const std::string& group_key, const ToldRecord& told);
  void EraseTold(const std::string& queue, const std::string& group_key);
  /// "" is none.
  void PutState(const std::string& queue, const std::string& group_key, std::string state);
  std::uint64_t NextId() { return next_id_++; }
  void PutOwed(const OutboxEntry& entry);
  void Settle(std::uint64_t id, DeliveryResult result);

  bool dirty() const { return !kept_.empty() || !rows_.empty(); }
  Result<void> Commit();
  /// Forgets old notifications and gives their room back.
  Result<void> Prune(TimestampMs now);

  /// The newest first. Thread-safe; waits for a commit under way.
  Result<std::vector<NotificationRecord>> History(std::size_t limit);

 private:
  // kind and key → bytes, nothing where it is erased.
  using Kept = std::map<std::pair<char, std::string>, std::optional<std::string>>;
  struct Row {
    std::optional<OutboxEntry> owed;
    std::optional<DeliveryResult> result;
  };

  Result<void> Open();
  Result<void> WriteKept();
  Result<void> WriteRows();
  Result<void> ReadOwed(LedgerContents& contents, std::vector<std::string>& damaged);

  const std::string path_;
  const LedgerLimits limits_;
  std::uint64_t next_id_;
  Kept kept_;
  std::map<std::uint64_t, Row> rows_;
  std::mutex mutex_;  // guards the database
  std::optional<Database> database_;
};

}  // namespace tierwatch
