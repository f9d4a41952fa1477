// Who waits for whom: the chains of sessions that wait for a lock.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/metric.h"
#include "base/result.h"
#include "collectors/client/postgres_client.h"

namespace tierwatch {

std::span<const MetricInfo> LockChainMetrics();

/// What pg_blocking_pids() says of at most this many sessions, those that have waited longest: each
/// call holds up the lock manager for a moment.
inline constexpr std::size_t kMostLockWaiters = 200;

/// One row for each session that waits: `pid`, `blockers` ("{12,34}"; 0 is a prepared transaction)
/// and `seconds` of waiting; before PostgreSQL 14, seconds since its statement began. Takes no lock
/// on any relation.
std::string LockChainsQuery(int version);

struct LockChains {
  /// Waits one after the other in the longest chain: 1 where who waits is blocked by somebody who
  /// doesn't.
  double depth = 0;
  /// Sessions that block others and don't wait themselves.
  double roots = 0;
  double oldest_wait_seconds = 0;
};

/// Of that query's rows. Sessions that wait for each other (a deadlock that the server has not
/// found yet) have no root. Errors: kParse.
Result<LockChains> ReadLockChains(const Rows& rows);

void AddLockChains(const LockChains& chains, FamilySet& families);

}  // namespace tierwatch
