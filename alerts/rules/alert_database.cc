#include "alerts/rules/alert_database.h"

#include <charconv>
#include <map>
#include <mutex>
#include <utility>

namespace tierwatch {
namespace {

constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS alert_rule (
  id INTEGER PRIMARY KEY, file TEXT NOT NULL, grp TEXT NOT NULL, rule TEXT NOT NULL, expr TEXT NOT NULL,
  UNIQUE (file, grp, rule));
CREATE TABLE IF NOT EXISTS alert (
  rule INTEGER NOT NULL, labels TEXT NOT NULL, state TEXT NOT NULL, active_at INTEGER NOT NULL,
  fired_at INTEGER NOT NULL, keep_firing_since INTEGER NOT NULL, resolved_at INTEGER NOT NULL,
  last_sent_at INTEGER NOT NULL, last_sent_state TEXT NOT NULL, value REAL, annotations TEXT NOT NULL,
  PRIMARY KEY (rule, labels)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alive (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);
)sql";

// Netstrings, so that labels may hold any bytes: `4:name5:value`.
std::string Encode(const Labels& labels) {
  std::string text;
  for (const Label& label : labels) {
    for (const std::string* part : {&label.name, &label.value}) {
      text += std::to_string(part->size()) + ':' + *part;
    }
  }
  return text;
}

std::optional<std::string_view> NextPart(std::string_view& text) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || digits >= text.size() || text[digits] != ':') return std::nullopt;
  text.remove_prefix(digits + 1);
  if (size > text.size()) return std::nullopt;
  const std::string_view part = text.substr(0, size);
  text.remove_prefix(size);
  return part;
}

std::optional<Labels> Decode(std::string_view text) {
  std::vector<Label> labels;
  while (!text.empty()) {
    const auto name = NextPart(text);
    if (!name) return std::nullopt;
    const auto value = NextPart(text);
    if (!value) return std::nullopt;
    labels.push_back({std::string(*name), std::string(*value)});
  }
  return Labels(std::move(labels));
}

std::optional<AlertState> StateOf(std::string_view name) {
  for (const AlertState state :
       {AlertState::kInactive, AlertState::kPending, AlertState::kFiring, AlertState::kResolved}) {
    if (AlertStateName(state) == name) return state;
  }
  return std::nullopt;
}

std::optional<SavedAlert> ReadAlert(const DatabaseRow& row, int column) {
  SavedAlert saved;
  Alert& alert = saved.alert;
  const auto labels = Decode(row.Text(column++));
  const auto state = StateOf(row.Text(column++));
  alert.active_at = row.Integer(column++);
  alert.fired_at = row.Integer(column++);
  alert.keep_firing_since = row.Integer(column++);
  alert.resolved_at = row.Integer(column++);
  saved.last_sent_at = row.Integer(column++);
  const auto last_sent_state = StateOf(row.Text(column++));
  alert.value = row.Real(column++);
  const auto annotations = Decode(row.Text(column));
  if (!labels || !state || *state == AlertState::kInactive || !last_sent_state || !annotations)
    return std::nullopt;
  alert.labels = *labels;
  alert.state = *state;
  alert.annotations = *annotations;
  saved.last_sent_state = *last_sent_state;
  return saved;
}

struct Statements {
  DatabaseStatement find_rule, add_rule, forget_rule, put, forget, forget_all, alive;
};

class AlertDatabase final : public AlertStore {
 public:
  AlertDatabase(Database database, Statements statements)
      : database_(std::move(database)), statements_(std::move(statements)) {}

  Result<SavedState> Load() override {
    const std::lock_guard lock(mutex_);
    SavedState state;
    std::map<RuleIdentity, std::size_t> places;
    auto select = database_.Prepare(
        "SELECT r.file, r.grp, r.rule, r.expr, a.labels, a.state, a.active_at, a.fired_at, "
        "a.keep_firing_since, a.resolved_at, a.last_sent_at, a.last_sent_state, a.value, "
        "a.annotations FROM alert a JOIN alert_rule r ON r.id = a.rule ORDER BY r.id, a.labels");
    if (!select.ok()) return std::move(select).error();
    Result<void> read = select->ForEach([&](const DatabaseRow& row) {
      RuleIdentity rule{row.Text(0), row.Text(1), row.Text(2), row.Text(3)};
      std::optional<SavedAlert> saved = ReadAlert(row, 4);
      if (!saved) return;
      const auto [at, fresh] = places.try_emplace(rule, state.rules.size());
      if (fresh) state.rules.push_back({std::move(rule), {}});
      state.rules[at->second].alerts.push_back(*std::move(saved));
    });
    if (!read.ok()) return std::move(read).error();
    auto alive = database_.Prepare("SELECT at FROM alive");
    if (!alive.ok()) return std::move(alive).error();
    read = alive->ForEach([&](const DatabaseRow& row) { state.alive_at = row.Integer(0); });
    if (!read.ok()) return std::move(read).error();
    return state;
  }

  Result<void> Save(std::span<const RuleChanges> changes) override {
    const std::lock_guard lock(mutex_);
    return database_.Transact([&]() -> Result<void> {
      for (const RuleChanges& rule : changes) {
        if (Result<void> saved = SaveRule(rule); !saved.ok()) return saved;
      }
      return {};
    });
  }

  Result<void> NoteAlive(TimestampMs now) override {
    const std::lock_guard lock(mutex_);
    return statements_.alive.Run(now);
  }

 private:
  // The rule's number, given where it has none yet.
  Result<std::int64_t> Number(const RuleIdentity& rule) {
    if (Result<void> added = statements_.add_rule.Run(rule.file, rule.group, rule.rule, rule.expr);
        !added.ok()) {
      return std::move(added).error();
    }
    std::int64_t number = 0;
    Result<void> found = statements_.find_rule.ForEach(
        [&](const DatabaseRow& row) { number = row.Integer(0); }, rule.file, rule.group, rule.rule);
    if (!found.ok()) return std::move(found).error();
    return number;
  }

  Result<void> SaveRule(const RuleChanges& rule) {
    const Result<std::int64_t> number = Number(rule.rule);
    if (!number.ok()) return number.error();
    if (rule.whole) {
      if (Result<void> done = statements_.forget_all.Run(*number); !done.ok()) return done;
      if (rule.alerts.empty()) return statements_.forget_rule.Run(*number);
    }
    for (const AlertChange& change : rule.alerts) {
      if (Result<void> done = SaveAlert(*number, change); !done.ok()) return done;
    }
    return {};
  }

  Result<void> SaveAlert(std::int64_t rule, const AlertChange& change) {
    const std::string labels = Encode(change.labels);
    if (!change.saved) return statements_.forget.Run(rule, labels);
    const SavedAlert& saved = *change.saved;
    const Alert& alert = saved.alert;
    return statements_.put.Run(rule, labels, AlertStateName(alert.state), alert.active_at,
                               alert.fired_at, alert.keep_firing_since, alert.resolved_at,
                               saved.last_sent_at, AlertStateName(saved.last_sent_state),
                               alert.value, Encode(alert.annotations));
  }

  std::mutex mutex_;  // of the connection
  Database database_;
  Statements statements_;
};

}  // namespace

Result<std::unique_ptr<AlertStore>> MakeAlertDatabase(Database database) {
  if (Result<void> made = database.Execute(kSchema); !made.ok()) return std::move(made).error();
  constexpr const char* kTexts[] = {
      "SELECT id FROM alert_rule WHERE file = ?1 AND grp = ?2 AND rule = ?3",
      ("INSERT INTO alert_rule (file, grp, rule, expr) VALUES (?1, ?2, ?3, ?4) "
       "ON CONFLICT (file, grp, rule) DO UPDATE SET expr = ?4 WHERE expr <> ?4"),
      "DELETE FROM alert_rule WHERE id = ?1",
      "INSERT OR REPLACE INTO alert VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      "DELETE FROM alert WHERE rule = ?1 AND labels = ?2",
      "DELETE FROM alert WHERE rule = ?1",
      "INSERT INTO alive VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET at = ?1"};
  std::vector<DatabaseStatement> prepared;
  for (const char* text : kTexts) {
    Result<DatabaseStatement> statement = database.Prepare(text);
    if (!statement.ok()) return std::move(statement).error();
    prepared.push_back(*std::move(statement));
  }
  Statements statements{std::move(prepared[0]), std::move(prepared[1]), std::move(prepared[2]),
                        std::move(prepared[3]), std::move(prepared[4]), std::move(prepared[5]),
                        std::move(prepared[6])};
  return std::unique_ptr<AlertStore>(
      std::make_unique<AlertDatabase>(std::move(database), std::move(statements)));
}

}  // namespace tierwatch
