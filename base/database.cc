#include "base/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>

namespace tierwatch {
namespace {

constexpr int kPatienceMs = 5'000;

// synchronous=FULL: in WAL mode every commit is synced, so that it survives a loss of power.
// journal_size_limit: the log of one large transaction is cut again. auto_vacuum: room can be given
// back; it must be said before the first table.
constexpr const char* kSettings =
    "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
    "journal_size_limit=8388608; "
    "PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=OFF;";

Error FailureOf(sqlite3* database, const std::string& path, std::string_view what) {
  const int code = sqlite3_errcode(database);
  return Error{fmt::format("{}: {}: {}", path, what, sqlite3_errmsg(database)),
               code == SQLITE_BUSY || code == SQLITE_LOCKED ? Reason::kLock : Reason::kOther};
}

}  // namespace

bool DatabaseRow::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
std::int64_t DatabaseRow::Integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double DatabaseRow::Real(int column) const { return sqlite3_column_double(statement_, column); }
std::string DatabaseRow::Text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

void DatabaseStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<void> DatabaseStatement::Execute(const std::vector<DatabaseValue>& values, TakeRow take,
                                        void* taker) {
  sqlite3_stmt* const statement = statement_.get();
  int code = SQLITE_OK;
  for (std::size_t i = 0; i < values.size() && code == SQLITE_OK; ++i) {
    const int at = static_cast<int>(i) + 1;
    if (const auto* integer = std::get_if<std::int64_t>(&values[i])) {
      code = sqlite3_bind_int64(statement, at, *integer);
    } else if (const auto* real = std::get_if<double>(&values[i])) {
      code = sqlite3_bind_double(statement, at, *real);
    } else if (const auto* text = std::get_if<std::string_view>(&values[i])) {
      // The caller's bytes live until the reset below.
      code = sqlite3_bind_text64(statement, at, text->data() ? text->data() : "", text->size(),
                                 SQLITE_STATIC, SQLITE_UTF8);
    } else {
      code = sqlite3_bind_null(statement, at);
    }
  }
  if (code == SQLITE_OK) {
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      if (take) take(taker, DatabaseRow(statement));
    }
  }
  std::optional<Error> error;
  if (code != SQLITE_DONE) {
    sqlite3* const database = sqlite3_db_handle(statement);
    const char* const file = sqlite3_db_filename(database, "main");
    error = FailureOf(database, file && *file ? file : ":memory:", sqlite3_sql(statement));
  }
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (error) return *std::move(error);
  return {};
}

void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Error Database::Failure(std::string_view what) const {
  return FailureOf(database_.get(), path_, what);
}

Result<Database> Database::Open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(path, handle);
  if (code != SQLITE_OK) return database.Failure("opening");
  sqlite3_busy_timeout(handle, kPatienceMs);
  if (Result<void> set = database.Execute(kSettings); !set.ok()) return std::move(set).error();
  return database;
}

Result<void> Database::Check() {
  Result<DatabaseStatement> check = Prepare("PRAGMA quick_check(1)");
  if (!check.ok()) return check.error();
  std::string found;
  const Result<void> done = check->ForEach([&](const DatabaseRow& row) { found = row.Text(0); });
  if (!done.ok()) return done;
  if (found != "ok") return Error{fmt::format("{}: {}", path_, found)};
  return {};
}

Result<void> Database::Execute(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return Failure(sql);
  return {};
}

Result<DatabaseStatement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Failure(sql);
  return DatabaseStatement(statement);
}

Result<std::int64_t> Database::Size() {
  std::int64_t pages = 0, free = 0, page_size = 0;
  const std::pair<const char*, std::int64_t*> numbers[] = {{"PRAGMA page_count", &pages},
                                                           {"PRAGMA freelist_count", &free},
                                                           {"PRAGMA page_size", &page_size}};
  for (const auto& [sql, number] : numbers) {
    Result<DatabaseStatement> statement = Prepare(sql);
    if (!statement.ok()) return statement.error();
    const Result<void> done =
        statement->ForEach([to = number](const DatabaseRow& row) { *to = row.Integer(0); });
    if (!done.ok()) return done.error();
  }
  return (pages - free) * page_size;
}

Result<Database> OpenOrSetAside(const std::string& path, std::int64_t now, std::string& set_aside) {
  const auto open_checked = [&]() -> Result<Database> {
    Result<Database> database = Database::Open(path);
    if (!database.ok()) return database;
    if (Result<void> sound = database->Check(); !sound.ok()) return std::move(sound).error();
    return database;
  };
  Result<Database> first = open_checked();
  std::error_code ignored;
  if (first.ok() || first.error().reason == Reason::kLock ||
      !std::filesystem::is_regular_file(path, ignored)) {
    return first;
  }
  const std::string aside = fmt::format("{}.damaged-{}", path, now);
  std::error_code failed;
  std::filesystem::rename(path, aside, failed);
  if (failed) return std::move(first).error().In("can't be set aside: " + failed.message());
  for (const char* log : {"-wal", "-shm"})
    std::filesystem::rename(path + log, aside + log, ignored);
  set_aside = fmt::format("{}; set aside as {}", first.error().message, aside);
  return open_checked();
}

}  // namespace tierwatch
