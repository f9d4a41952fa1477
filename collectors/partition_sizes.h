// Exact sizes of partitions, measured between samplings in small batches.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "collectors/partition_tables.h"

namespace tierwatch {

/// Measures all leaves, batch after batch, once in each interval. pg_total_relation_size takes the
/// lock that any reader takes, so leaves that somebody has locked or waits to lock are left out,
/// and a batch that runs into a lock all the same is halved until the one is found. What could not
/// be measured keeps the size that it had. 24 bytes and a name are kept for each leaf. Not
/// thread-safe; asks nothing itself.
class PartitionSizes {
 public:
  /// Keeps the `top` largest leaves of each table by name.
  PartitionSizes(Millis interval, std::size_t top) : interval_(interval), top_(top) {}

  /// The query to ask now: that of all leaves, or of one batch; "" where nothing is due.
  std::string NextQuery(SteadyTime now) const;
  /// The rows of NextQuery; `server_now` (Unix seconds) is when the round ends where these are its
  /// last.
  void Learn(const Rows& rows, SteadyTime now, double server_now);
  /// NextQuery failed: it will be asked again, of fewer leaves; of one leaf, it is left out. The
  /// list of leaves is asked for again in the next interval.
  void Fail(SteadyTime now, double server_now);

  struct TableSizes {
    double bytes = 0;                   // with indexes and TOAST
    bool whole = true;                  // false: of some leaf nothing is known
    std::map<std::string, double> top;  // by partition, the rest as "other"; where `top` is not 0
  };
  /// Of the last whole round.
  const std::unordered_map<Oid, TableSizes>& tables() const { return tables_; }
  std::optional<double> measured() const { return measured_; }  // Unix seconds

 private:
  struct Leaf {
    Oid oid = 0, table = 0;
    std::string partition;
  };
  void Begin(const Rows& rows, SteadyTime now);
  void Keep(Oid leaf);
  void FinishIfDone(double server_now);

  const Millis interval_;
  const std::size_t top_;
  SteadyTime due_ = SteadyTime::min();
  std::vector<Leaf> leaves_;  // of the round that goes on; empty between rounds
  std::size_t next_ = 0, batch_ = 0;
  // By leaf, of this round and of the last one; nothing where it is there and could not be
  // measured.
  std::unordered_map<Oid, std::optional<double>> bytes_, before_;
  std::unordered_map<Oid, TableSizes> tables_;
  std::optional<double> measured_;
};

}  // namespace tierwatch
