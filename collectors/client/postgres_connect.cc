#include "collectors/client/postgres_connect.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/duration.h"

namespace tierwatch {
namespace {

constexpr Millis kStopInterval{50};  // how late a stop token may be seen while connecting
// A greeting is a few KiB with its certificates; libpq itself would keep on reading one for ever.
constexpr std::uint64_t kMostGreeting = 1u << 20;

RawConnection Start(const PostgresAddress& address, const std::string& password) {
  std::vector<const char*> keywords, values;
  const auto add = [&](const char* keyword, const char* value) {
    keywords.push_back(keyword);
    values.push_back(value);
  };
  // Keepalives find the peer that vanished while the connection was idle. Later keywords win: the
  // URL's.
  add("application_name", "tierwatch");
  add("keepalives_idle", "30");
  add("keepalives_interval", "10");
  add("keepalives_count", "3");
  for (const auto& [keyword, value] : address.options) add(keyword.c_str(), value.c_str());
  if (!password.empty()) add("password", password.c_str());
  add(nullptr, nullptr);
  return RawConnection(PQconnectStartParams(keywords.data(), values.data(), 0));
}

// libpq has no accessor for the SQLSTATE of a failed connect; its verbose text holds it: "FATAL:
// 28P01: …".
std::string FindSqlState(std::string_view text) {
  const auto is_state_char = [](unsigned char c) { return std::isdigit(c) || std::isupper(c); };
  for (std::size_t at = text.find(":  "); at != std::string_view::npos;
       at = text.find(":  ", at + 1)) {
    const std::string_view state = text.substr(at + 3, 5);
    if (state.size() == 5 && text.substr(at + 8, 1) == ":" &&
        std::all_of(state.begin(), state.end(), is_state_char)) {
      return std::string(state);
    }
  }
  return "";
}

Error ConnectError(PGconn* connection) {
  std::string text = PQerrorMessage(connection);
  const std::string state = FindSqlState(text);
  // From the second line on it is the place in the server's source.
  text = text.substr(0, text.find('\n', text.find_first_not_of('\n')));
  Reason reason = state.empty() ? Reason::kConnect : ReasonOfSqlState(state);
  // PgBouncer calls it a violation of the protocol.
  if (state == "08P01") {
    for (const char* words : {"authentication failed", "no such user", "not allowed"}) {
      if (text.find(words) != std::string::npos) reason = Reason::kAuth;
    }
  }
  if (reason == Reason::kOther) reason = Reason::kConnect;  // whatever it is, we are not let in
  if (state.empty()) {
    for (const char* word : {"SSL", "certificate", "TLS"}) {
      if (text.find(word) != std::string::npos) reason = Reason::kTls;
    }
    if (PQconnectionNeedsPassword(connection)) reason = Reason::kAuth;
  }
  return Error{text.empty() ? "the connection failed" : text, reason};
}

// Waits until the socket is ready for what libpq wants. False at the deadline or when stopped.
bool WaitFor(int socket, short events, const PostgresCall& call) {
  while (!call.stop.stop_requested()) {
    const auto left = std::chrono::duration_cast<Millis>(call.deadline - call.clock.Steady());
    if (left.count() <= 0) return false;
    pollfd ready{socket, events, 0};
    if (::poll(&ready, 1, static_cast<int>(std::min(left, kStopInterval).count())) != 0)
      return true;
  }
  return false;
}

}  // namespace

void FinishConnection::operator()(PGconn* connection) const { PQfinish(connection); }

Result<RawConnection> ConnectPostgres(const PostgresAddress& address, const Secret& secret,
                                      const PostgresCall& call) {
  std::string password = address.password;
  if (!secret.empty()) {
    Result<std::string> read = secret.Read();
    if (!read.ok()) return Error{read.error().message, Reason::kAuth};
    password = *std::move(read);
  }
  RawConnection raw = Start(address, password);
  if (raw == nullptr) return Error{"out of memory", Reason::kOther};
  PQsetErrorVerbosity(raw.get(), PQERRORS_VERBOSE);
  if (PQstatus(raw.get()) == CONNECTION_BAD) return ConnectError(raw.get());
  // libpq's protocol: before the first PQconnectPoll it wants to write.
  for (PostgresPollingStatusType wants = PGRES_POLLING_WRITING; wants != PGRES_POLLING_OK;
       wants = PQconnectPoll(raw.get())) {
    if (wants == PGRES_POLLING_FAILED) return ConnectError(raw.get());
    const short events = wants == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!WaitFor(PQsocket(raw.get()), events, call)) {
      if (call.stop.stop_requested()) return Error{"cancelled", Reason::kOther};
      return Error{"connecting timed out", Reason::kTimeout};
    }
    if (BytesReceived(PQsocket(raw.get())).value_or(0) > kMostGreeting) {
      return Error{fmt::format("over {} bytes while connecting", kMostGreeting), Reason::kLimit};
    }
  }
  PQsetErrorVerbosity(raw.get(), PQERRORS_TERSE);
  return raw;
}

Reason ReasonOfSqlState(std::string_view state) {
  if (state.starts_with("28")) return Reason::kAuth;
  if (state == "57014") return Reason::kTimeout;
  if (state == "55P03") return Reason::kLock;
  if (state == "42501") return Reason::kPrivileges;
  if (state.starts_with("08") || state.starts_with("57P") || state == "53300" || state == "3D000") {
    return Reason::kConnect;
  }
  return Reason::kOther;
}

std::string FirstLine(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  constexpr std::string_view kNoise = "ERROR:  ";
  if (text.starts_with(kNoise)) text.remove_prefix(kNoise.size());
  return std::string(text);
}

Error BrokenConnection(SocketWatchdog::Verdict verdict, Millis timeout, std::uint64_t max_bytes,
                       std::string_view text) {
  switch (verdict) {
    case SocketWatchdog::Verdict::kTimeout:
      return {fmt::format("timed out after {}", FormatDuration(timeout)), Reason::kTimeout};
    case SocketWatchdog::Verdict::kStopped:
      return {"cancelled", Reason::kOther};
    case SocketWatchdog::Verdict::kTooMuch:
      return {fmt::format("over {} bytes of rows", max_bytes), Reason::kLimit};
    case SocketWatchdog::Verdict::kNone:
      break;
  }
  return {"the connection broke: " + FirstLine(text), Reason::kConnect};
}

}  // namespace tierwatch
