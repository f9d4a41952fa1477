#include "collectors/client/pgbouncer_console.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collectors/client/postgres_connect.h"

namespace tierwatch {
namespace {

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using RawResult = std::unique_ptr<PGresult, ClearResult>;

Rows ToRows(const PGresult* result) {
  Rows rows;
  const int columns = PQnfields(result);
  for (int column = 0; column < columns; ++column) {
    rows.columns.emplace_back(PQfname(result, column));
  }
  for (int i = 0; i < PQntuples(result); ++i) {
    auto& values = rows.rows.emplace_back();
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, i, column) != 0) {
        values.emplace_back(std::nullopt);
      } else {
        values.emplace_back(std::in_place, PQgetvalue(result, i, column),
                            static_cast<std::size_t>(PQgetlength(result, i, column)));
      }
    }
  }
  return rows;
}

}  // namespace

// The watchdog is last: it ends before the socket is closed.
struct PgBouncerConsole::State {
  const RawConnection connection;
  const PostgresCall call;
  const Millis timeout;
  SocketWatchdog watchdog;

  State(RawConnection open, const PostgresCall& bounds, Millis left)
      : connection(std::move(open)),
        call(bounds),
        timeout(left),
        watchdog(PQsocket(connection.get()), left, call.stop, call.max_bytes) {}
};

PgBouncerConsole::PgBouncerConsole(std::unique_ptr<State> state) : state_(std::move(state)) {}
PgBouncerConsole::PgBouncerConsole(PgBouncerConsole&&) noexcept = default;
PgBouncerConsole::~PgBouncerConsole() = default;

Result<PgBouncerConsole> PgBouncerConsole::Open(const PostgresAddress& address,
                                                const Secret& password, const PostgresCall& call) {
  Result<RawConnection> opened = ConnectPostgres(address, password, call);
  if (!opened.ok()) return std::move(opened).error();
  const auto left = std::chrono::duration_cast<Millis>(call.deadline - call.clock.Steady());
  return PgBouncerConsole(
      std::make_unique<State>(*std::move(opened), call, std::max(Millis{1}, left)));
}

Result<Rows> PgBouncerConsole::Ask(const char* command) {
  PGconn* connection = state_->connection.get();
  const RawResult result(PQexec(connection, command));
  if (PQstatus(connection) != CONNECTION_OK) {
    return BrokenConnection(state_->watchdog.verdict(), state_->timeout, state_->call.max_bytes,
                            PQerrorMessage(connection));
  }
  if (result == nullptr || PQresultStatus(result.get()) != PGRES_TUPLES_OK) {
    const char* state =
        result == nullptr ? nullptr : PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    return Error{FirstLine(PQerrorMessage(connection)),
                 ReasonOfSqlState(state == nullptr ? "" : state)};
  }
  const auto count = static_cast<std::size_t>(PQntuples(result.get()));
  if (count > state_->call.max_rows) {
    return Error{fmt::format("{} rows, over the limit of {}", count, state_->call.max_rows),
                 Reason::kLimit};
  }
  return ToRows(result.get());
}

}  // namespace tierwatch
