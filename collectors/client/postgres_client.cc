#include "collectors/client/postgres_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <utility>

#include "collectors/client/postgres_connect.h"
#include "collectors/client/postgres_connection.h"
#include "collectors/client/socket_watchdog.h"

namespace tierwatch {
namespace {

constexpr Millis kFirstBackoff{500};
constexpr int kMostDoublings = 4;

// A server that works on a query doesn't look whether anybody waits for it, so that what was given
// up would go on until its statement_timeout, or for ever where a function catches that. Since
// version 14 it looks when told to, where its system can: it refuses the setting elsewhere.
constexpr std::string_view kNoticeOurEnd =
    "SELECT CASE WHEN version() LIKE '%linux%' THEN "
    "set_config('client_connection_check_interval','500',true) END;";

Millis Left(const PostgresCall& call) {
  return std::chrono::duration_cast<Millis>(call.deadline - call.clock.Steady());
}

// statement_timeout is a tenth shorter than what is left: the server's own end of a query keeps the
// connection. Compiling (jit) costs more than any of our statements: 100 ms of the server's CPU
// where the catalogs are large enough for the planner to fall for it.
std::string WithSettings(std::string_view statement, const PostgresCall& call, Millis at_most,
                         int version) {
  const auto timeout = std::max<Millis::rep>(1, std::min(Left(call) * 9 / 10, at_most).count());
  return fmt::format(
      "SET LOCAL transaction_read_only=on;SET LOCAL statement_timeout={};SET LOCAL lock_timeout={};"
      "SET LOCAL search_path=pg_catalog;SET LOCAL DateStyle='ISO, YMD';SET LOCAL TimeZone='UTC';"
      "SET LOCAL jit=off;{}{}",
      timeout, std::max<Millis::rep>(1, std::min(call.lock_timeout.count(), timeout)),
      version >= 140000 ? kNoticeOurEnd : "", statement);
}

Result<Rows> ToRows(const pqxx::result& result, const PostgresCall& call) {
  const auto count = static_cast<std::size_t>(result.size());
  if (count > call.max_rows) {
    return Error{fmt::format("{} rows, over the limit of {}", count, call.max_rows),
                 Reason::kLimit};
  }
  Rows rows;
  for (pqxx::row::size_type i = 0; i < result.columns(); ++i) {
    rows.columns.emplace_back(result.column_name(i));
  }
  rows.rows.reserve(count);
  for (const auto& row : result) {
    auto& values = rows.rows.emplace_back();
    values.reserve(rows.columns.size());
    for (const auto& field : row) {
      if (field.is_null()) {
        values.emplace_back(std::nullopt);
      } else {
        values.emplace_back(std::in_place, field.c_str(), field.size());
      }
    }
  }
  return rows;
}

}  // namespace

// Lets one session at a time in. A mutex would do, had it a wait with both a deadline and a stop
// token.
struct PostgresServer::Gate {
  std::mutex mutex;
  std::condition_variable_any freed;
  bool busy = false;

  bool Enter(const PostgresCall& call) {
    std::unique_lock lock(mutex);
    if (!freed.wait_for(lock, call.stop, Left(call), [this] { return !busy; })) return false;
    busy = true;
    return true;
  }
  void Leave() {
    {
      const std::lock_guard lock(mutex);
      busy = false;
    }
    freed.notify_one();
  }
};

struct PostgresSession::State {
  std::shared_ptr<PostgresServer> server;
  PostgresCall call;
  const Millis timeout;
  std::unique_ptr<SocketWatchdog> watchdog;

  // The watchdog goes first: nothing may shut a socket down that somebody else has got by then.
  ~State() {
    if (watchdog != nullptr && watchdog->Stop() != SocketWatchdog::Verdict::kNone) {
      server->connection_.reset();
    }
    if (server->connection_ != nullptr) call.kept(server->connection_->socket());
    server->gate_->Leave();
  }

  // What a broken connection means: our own watchdog's doing, or the server's.
  Error Broken(std::string_view text) const {
    return BrokenConnection(watchdog->verdict(), timeout, call.max_bytes, text);
  }
};

PostgresSession::PostgresSession(std::unique_ptr<State> state) : state_(std::move(state)) {}
PostgresSession::PostgresSession(PostgresSession&&) noexcept = default;
PostgresSession::~PostgresSession() = default;

int PostgresSession::version() const { return state_->server->connection_->version(); }

Result<Rows> PostgresSession::Query(std::string_view statement, Millis at_most) {
  PostgresConnection& connection = *state_->server->connection_;
  // After a break every further query says so; the connection itself goes with the session.
  if (!connection.IsAlive()) return state_->Broken("closed by the server");
  try {
    return ToRows(
        connection.Execute(WithSettings(statement, state_->call, at_most, connection.version())),
        state_->call);
  } catch (const pqxx::broken_connection& exception) {
    return state_->Broken(exception.what());
  } catch (const pqxx::insufficient_privilege& exception) {
    // libpqxx 6 leaves the SQLSTATE out of the errors that have a class of their own.
    return Error{FirstLine(exception.what()), Reason::kPrivileges};
  } catch (const pqxx::sql_error& exception) {
    const Reason reason = ReasonOfSqlState(exception.sqlstate());
    // Who holds one table often holds many: all together they would cost the session its time.
    if (reason == Reason::kLock) state_->call.lock_timeout = Millis{1};
    return Error{FirstLine(exception.what()), reason};
  } catch (const std::exception& exception) {
    return Error{FirstLine(exception.what()), Reason::kOther};
  }
}

PostgresServer::PostgresServer(PostgresAddress address, Secret password)
    : address_(std::move(address)),
      password_(std::move(password)),
      gate_(std::make_unique<Gate>()) {}
PostgresServer::~PostgresServer() = default;

Result<PostgresSession> PostgresServer::Open(const PostgresCall& call) {
  if (!gate_->Enter(call)) {
    if (call.stop.stop_requested()) return Error{"cancelled", Reason::kOther};
    return Error{"timed out while another collector used the connection", Reason::kTimeout};
  }
  auto state = std::make_unique<PostgresSession::State>(shared_from_this(), call, Left(call));
  if (connection_ != nullptr && !connection_->IsAlive()) connection_.reset();
  if (connection_ == nullptr) {
    if (Result<void> connected = Connect(call); !connected.ok())
      return std::move(connected).error();
  }
  state->watchdog = std::make_unique<SocketWatchdog>(
      connection_->socket(), std::max(Millis{1}, Left(call)), call.stop, call.max_bytes);
  return PostgresSession(std::move(state));
}

Result<void> PostgresServer::Connect(const PostgresCall& call) {
  if (last_failure_ && call.clock.Steady() < next_attempt_) return *last_failure_;
  Result<void> outcome = ConnectNow(call);
  if (outcome.ok()) {
    last_failure_.reset();
    failures_ = 0;
  } else if (!call.stop.stop_requested()) {
    last_failure_ = outcome.error();
    next_attempt_ =
        call.clock.Steady() + kFirstBackoff * (1 << std::min(failures_, kMostDoublings));
    ++failures_;
  }
  return outcome;
}

Result<void> PostgresServer::ConnectNow(const PostgresCall& call) {
  auto opened = PostgresConnection::Open(address_, password_, call);
  if (!opened.ok()) return std::move(opened).error();
  connection_ = *std::move(opened);
  return {};
}

std::shared_ptr<PostgresServer> PostgresServers::Get(const PostgresAddress& address,
                                                     const Secret& password) {
  std::string key;
  const auto add = [&key](std::string_view part) { key.append(part).push_back('\0'); };
  for (const auto& [keyword, value] : address.options) {
    add(keyword);
    add(value);
  }
  for (const std::string* part : {&address.password, &password.file, &password.value}) add(*part);

  const std::lock_guard lock(mutex_);
  std::erase_if(servers_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<PostgresServer>& known = servers_[key];
  std::shared_ptr<PostgresServer> server = known.lock();
  if (server == nullptr) {
    server = std::make_shared<PostgresServer>(address, password);
    known = server;
  }
  return server;
}

}  // namespace tierwatch
