#include "alerts/notify/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace tierwatch {
namespace {

// notify_kept holds small records that are replaced as a whole; outbox a row for each notification,
// whose text goes when it is no longer owed.
constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS notify_kept(kind TEXT NOT NULL, key BLOB NOT NULL, record BLOB NOT "
    "NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS outbox(id INTEGER PRIMARY KEY, queue TEXT NOT NULL, group_key TEXT "
    "NOT NULL, idempotency_key TEXT NOT NULL, summary TEXT NOT NULL, created_at INTEGER NOT NULL, "
    "owed_since INTEGER NOT NULL, expires_at INTEGER NOT NULL, first INTEGER NOT NULL, digest "
    "INTEGER NOT NULL, notification BLOB, outcome TEXT, attempts INTEGER NOT NULL DEFAULT 0, "
    "ended_at INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL "
    "DEFAULT '');"
    "CREATE INDEX IF NOT EXISTS outbox_owed ON outbox(id) WHERE outcome IS NULL;";

constexpr char kGroup = 'g', kAlert = 'a', kTold = 't', kState = 's';
constexpr std::size_t kNamesShown = 5;

// Two parts of a key; neither holds a NUL.
std::string Join(const std::string& first, const std::string& second) {
  return first + '\0' + second;
}
std::pair<std::string, std::string> Split(const std::string& key) {
  const std::size_t at = std::min(key.find('\0'), key.size());
  return {key.substr(0, at), at < key.size() ? key.substr(at + 1) : ""};
}

std::string FingerprintText(const Labels& labels) {
  return fmt::format("{:016x}", labels.Fingerprint());
}

std::string Summary(const Notification& notification) {
  std::size_t firing = 0;
  std::set<std::string> names;
  for (const Alert& alert : notification.alerts) {
    if (alert.state == AlertState::kFiring) ++firing;
    if (names.size() <= kNamesShown) names.emplace(alert.labels.Get("alertname"));
  }
  std::string text;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (++shown > kNamesShown) {
      text += ", …";
      break;
    }
    text += (text.empty() ? "" : ", ") + name;
  }
  return fmt::format("{} firing, {} resolved: {}", firing, notification.alerts.size() - firing,
                     text);
}

}  // namespace

Ledger::Ledger(std::string path, TimestampMs now, LedgerLimits limits)
    : path_(std::move(path)),
      limits_(limits),
      next_id_(static_cast<std::uint64_t>(std::max<TimestampMs>(now, 1)) * 1000) {}

Result<void> Ledger::Open() {
  if (database_) return {};
  Result<Database> database = Database::Open(path_);
  if (!database.ok()) return std::move(database).error();
  if (Result<void> made = database->Execute(kTables); !made.ok()) return made;
  database_ = *std::move(database);
  return {};
}

Result<LedgerContents> Ledger::Load(std::vector<std::string>& damaged) {
  const std::lock_guard lock(mutex_);
  if (Result<void> opened = Open(); !opened.ok()) return std::move(opened).error();
  LedgerContents contents;
  const auto keep = [&](auto decoded, auto put) {
    if (decoded.ok()) {
      put(*std::move(decoded));
    } else {
      damaged.push_back(decoded.error().message);
    }
  };
  Result<DatabaseStatement> select =
      database_->Prepare("SELECT kind, key, record FROM notify_kept");
  if (!select.ok()) return std::move(select).error();
  Result<void> read = select->ForEach([&](const DatabaseRow& row) {
    const std::string kind = row.Text(0), record = row.Text(2);
    const auto [first, second] = Split(row.Text(1));
    const auto key = std::make_pair(first, second);
    if (kind[0] == kGroup) {
      keep(DecodeGroup(record), [&](GroupRecord group) { contents.groups[key.first] = group; });
    } else if (kind[0] == kAlert) {
      keep(DecodeAlert(record),
           [&](Alert alert) { contents.alerts.emplace_back(key.first, std::move(alert)); });
    } else if (kind[0] == kTold) {
      keep(DecodeTold(record), [&](ToldRecord told) { contents.told[key] = std::move(told); });
    } else if (kind[0] == kState) {
      contents.states[key] = record;
    }
  });
  if (read.ok()) read = ReadOwed(contents, damaged);
  if (!read.ok()) return std::move(read).error();
  return contents;
}

Result<void> Ledger::ReadOwed(LedgerContents& contents, std::vector<std::string>& damaged) {
  Result<DatabaseStatement> select = database_->Prepare(
      "SELECT id, queue, group_key, idempotency_key, created_at, owed_since, expires_at, first, "
      "digest, notification FROM outbox WHERE outcome IS NULL ORDER BY id");
  if (!select.ok()) return std::move(select).error();
  Result<void> read = select->ForEach([&](const DatabaseRow& row) {
    Result<Notification> notification = DecodeNotification(row.Text(9));
    if (!notification.ok()) return damaged.push_back(notification.error().message);
    OutboxEntry entry;
    entry.id = static_cast<std::uint64_t>(row.Integer(0));
    entry.queue = row.Text(1);
    entry.group_key = row.Text(2);
    entry.idempotency_key = row.Text(3);
    entry.created_at = row.Integer(4);
    entry.owed_since = row.Integer(5);
    entry.expires_at = row.Integer(6);
    entry.first = row.Integer(7) != 0;
    entry.digest = row.Integer(8) != 0;
    entry.notification = std::make_shared<const Notification>(*std::move(notification));
    contents.owed.push_back(std::move(entry));
  });
  if (!read.ok()) return read;
  Result<DatabaseStatement> last = database_->Prepare("SELECT coalesce(max(id), 0) FROM outbox");
  if (!last.ok()) return std::move(last).error();
  return last->ForEach([&](const DatabaseRow& row) {
    next_id_ = std::max(next_id_, static_cast<std::uint64_t>(row.Integer(0)) + 1);
  });
}

void Ledger::PutGroup(const std::string& key, const GroupRecord& group) {
  kept_[{kGroup, key}] = EncodeRecord(group);
}
void Ledger::EraseGroup(const std::string& key) { kept_[{kGroup, key}] = std::nullopt; }
void Ledger::PutAlert(const std::string& group_key, const Alert& alert) {
  kept_[{kAlert, Join(group_key, FingerprintText(alert.labels))}] = EncodeRecord(alert);
}
void Ledger::EraseAlert(const std::string& group_key, const Labels& labels) {
  kept_[{kAlert, Join(group_key, FingerprintText(labels))}] = std::nullopt;
}
void Ledger::PutTold(const std::string& queue, const std::string& group_key,
                     const ToldRecord& told) {
  kept_[{kTold, Join(queue, group_key)}] = EncodeRecord(told);
}
void Ledger::EraseTold(const std::string& queue, const std::string& group_key) {
  kept_[{kTold, Join(queue, group_key)}] = std::nullopt;
  kept_[{kState, Join(queue, group_key)}] = std::nullopt;
}
void Ledger::PutState(const std::string& queue, const std::string& group_key, std::string state) {
  std::optional<std::string>& kept = kept_[{kState, Join(queue, group_key)}];
  kept = std::nullopt;
  if (!state.empty()) kept = std::move(state);
}
void Ledger::PutOwed(const OutboxEntry& entry) { rows_[entry.id].owed = entry; }
void Ledger::Settle(std::uint64_t id, DeliveryResult result) {
  rows_[id].result = std::move(result);
}

Result<void> Ledger::Commit() {
  if (!dirty()) return {};
  const std::lock_guard lock(mutex_);
  if (Result<void> opened = Open(); !opened.ok()) return opened;
  const Result<void> written = database_->Transact([this]() -> Result<void> {
    if (Result<void> kept = WriteKept(); !kept.ok()) return kept;
    return WriteRows();
  });
  if (!written.ok()) return written;
  kept_.clear();
  rows_.clear();
  return {};
}

Result<void> Ledger::WriteKept() {
  if (kept_.empty()) return {};
  auto put = database_->Prepare("INSERT OR REPLACE INTO notify_kept VALUES(?1, ?2, ?3)");
  if (!put.ok()) return std::move(put).error();
  auto erase = database_->Prepare("DELETE FROM notify_kept WHERE kind = ?1 AND key = ?2");
  if (!erase.ok()) return std::move(erase).error();
  for (const auto& [key, record] : kept_) {
    const std::string_view kind(&key.first, 1);
    const Result<void> done =
        record ? put->Run(kind, key.second, *record) : erase->Run(kind, key.second);
    if (!done.ok()) return done;
  }
  return {};
}

Result<void> Ledger::WriteRows() {
  if (rows_.empty()) return {};
  auto insert = database_->Prepare(
      "INSERT OR REPLACE INTO outbox(id, queue, group_key, idempotency_key, summary, created_at, "
      "owed_since, expires_at, first, digest, notification) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
      "?9, ?10, ?11)");
  if (!insert.ok()) return std::move(insert).error();
  auto end = database_->Prepare(
      "UPDATE outbox SET notification = NULL, outcome = ?2, attempts = ?3, ended_at = ?4, status = "
      "?5, reason = ?6 WHERE id = ?1");
  if (!end.ok()) return std::move(end).error();
  for (const auto& [id, row] : rows_) {
    Result<void> done;
    if (row.owed) {
      const OutboxEntry& e = *row.owed;
      done = insert->Run(id, e.queue, e.group_key, e.idempotency_key, Summary(*e.notification),
                         e.created_at, e.owed_since, e.expires_at, e.first, e.digest,
                         EncodeRecord(*e.notification));
    }
    if (done.ok() && row.result) {
      const DeliveryResult& r = *row.result;
      done = end->Run(id, OutcomeName(r.outcome), r.attempt, r.at, r.status, r.reason);
    }
    if (!done.ok()) return done;
  }
  return {};
}

Result<void> Ledger::Prune(TimestampMs now) {
  const std::lock_guard lock(mutex_);
  if (Result<void> opened = Open(); !opened.ok()) return opened;
  auto erase = database_->Prepare(
      "DELETE FROM outbox WHERE outcome IS NOT NULL AND (ended_at < ?1 OR id <= (SELECT id FROM "
      "outbox WHERE outcome IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?2))");
  if (!erase.ok()) return std::move(erase).error();
  if (Result<void> done = erase->Run(now - limits_.age.count(), limits_.rows); !done.ok())
    return done;
  return database_->Execute("PRAGMA incremental_vacuum");
}

Result<std::vector<NotificationRecord>> Ledger::History(std::size_t limit) {
  const std::lock_guard lock(mutex_);
  if (Result<void> opened = Open(); !opened.ok()) return std::move(opened).error();
  auto select = database_->Prepare(
      "SELECT id, queue, group_key, idempotency_key, summary, created_at, coalesce(outcome, "
      "'owed'), attempts, ended_at, status, reason FROM outbox ORDER BY id DESC LIMIT ?1");
  if (!select.ok()) return std::move(select).error();
  std::vector<NotificationRecord> history;
  const Result<void> read = select->ForEach(
      [&](const DatabaseRow& row) {
        history.push_back({static_cast<std::uint64_t>(row.Integer(0)), row.Text(1), row.Text(2),
                           row.Text(3), row.Text(4), row.Integer(5), row.Text(6),
                           static_cast<int>(row.Integer(7)), row.Integer(8),
                           static_cast<int>(row.Integer(9)), row.Text(10)});
      },
      limit);
  if (!read.ok()) return Error(read.error());
  return history;
}

}  // namespace tierwatch
