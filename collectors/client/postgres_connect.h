// Connecting by libpq within a deadline, and what its errors mean.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "base/result.h"
#include "collectors/client/postgres_address.h"
#include "collectors/client/postgres_client.h"
#include "collectors/client/socket_watchdog.h"

namespace tierwatch {

struct FinishConnection {
  void operator()(PGconn* connection) const;
};
using RawConnection = std::unique_ptr<PGconn, FinishConnection>;

/// The secret is read now; where there is none, the URL's own password is the one. Errors:
/// kConnect, kAuth (an unreadable secret, too), kTls, kTimeout, kLimit (over 1 MiB of a greeting).
Result<RawConnection> ConnectPostgres(const PostgresAddress& address, const Secret& secret,
                                      const PostgresCall& call);

/// The reason of a SQLSTATE: 28xxx is kAuth, 57014 kTimeout, 55P03 kLock, 42501 kPrivileges, 08xxx,
/// 53300, 57Pxx and 3D000 kConnect, every other one kOther.
Reason ReasonOfSqlState(std::string_view state);

/// The first line of a server's message, without "ERROR:".
std::string FirstLine(std::string_view text);

/// What a connection that broke means: the watchdog's doing, or else the server's (`text`).
Error BrokenConnection(SocketWatchdog::Verdict verdict, Millis timeout, std::uint64_t max_bytes,
                       std::string_view text);

}  // namespace tierwatch
