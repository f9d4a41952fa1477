// A SQLite database: prepared statements and transactions, errors as values. What must outlive the
// process is kept here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tierwatch {

/// NULL, an integer, a float, or text of any bytes. Text is referred to, not copied.
using DatabaseValue = std::variant<std::monostate, std::int64_t, double, std::string_view>;

/// A row of an answer; valid until the statement goes on. A column of another type than asked for
/// is converted as SQLite does: NULL to 0 or "".
class DatabaseRow {
 public:
  explicit DatabaseRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const;
  std::int64_t Integer(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// A prepared statement, to be run again and again. Dies before its database does.
class DatabaseStatement {
 public:
  /// Runs with these values for ?1, ?2 …; rows are left unread.
  template <class... Values>
  Result<void> Run(const Values&... values) {
    return Execute({ToValue(values)...}, nullptr, nullptr);
  }

  /// Runs and calls `take(const DatabaseRow&)` for every row.
  template <class Take, class... Values>
  Result<void> ForEach(Take take, const Values&... values) {
    return Execute(
        {ToValue(values)...},
        [](void* self, const DatabaseRow& row) { (*static_cast<Take*>(self))(row); }, &take);
  }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using TakeRow = void (*)(void*, const DatabaseRow&);

  template <class T>
  static DatabaseValue ToValue(const T& value) {
    if constexpr (std::is_same_v<T, std::nullopt_t>) {
      return std::monostate();
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      return static_cast<std::int64_t>(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(value);
    } else {
      return std::string_view(value);
    }
  }
  explicit DatabaseStatement(sqlite3_stmt* statement) : statement_(statement) {}
  Result<void> Execute(const std::vector<DatabaseValue>& values, TakeRow take, void* taker);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One connection, for one thread at a time; several to one file wait up to 5 s for each other.
/// Committed transactions survive a crash of the process and of the machine (write-ahead log,
/// synchronous=FULL). Messages of errors name the file.
class Database {
 public:
  /// Opens the file, or makes it. ":memory:" is one of its own that dies with the object.
  static Result<Database> Open(const std::string& path);

  /// Looks through the whole file; an error tells what is damaged.
  Result<void> Check();

  /// Runs statements separated by semicolons.
  Result<void> Execute(const std::string& sql);
  Result<DatabaseStatement> Prepare(std::string_view sql);

  /// Runs `body` (→ Result<void>) in one transaction: all of it lasts, or, where it or the commit
  /// fails, nothing.
  template <class Body>
  Result<void> Transact(Body&& body) {
    if (Result<void> begun = Execute("BEGIN IMMEDIATE"); !begun.ok()) return begun;
    Result<void> done = std::forward<Body>(body)();
    if (done.ok()) done = Execute("COMMIT");
    if (!done.ok()) static_cast<void>(Execute("ROLLBACK"));
    return done;
  }

  /// Bytes of the file in use, without the write-ahead log.
  Result<std::int64_t> Size();

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  Database(std::string path, sqlite3* database) : path_(std::move(path)), database_(database) {}
  Error Failure(std::string_view what) const;

  std::string path_;
  std::unique_ptr<sqlite3, Close> database_;
};

/// Opens the database at `path` after checking it. A damaged one is renamed to
/// "PATH.damaged-UNIX_MS" (its log files too) and a new one is begun; `set_aside` then says why and
/// where to. `now` is the time of that name.
Result<Database> OpenOrSetAside(const std::string& path, std::int64_t now, std::string& set_aside);

}  // namespace tierwatch
