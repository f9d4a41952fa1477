// What partitioned tables themselves tell, beside the catalogs: whether a default has rows, and the
// highest integer key.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "collectors/collector.h"
#include "collectors/partition_families.h"
#include "collectors/partition_options.h"

namespace tierwatch {

class PostgresSession;

/// Reading a row takes a lock that any reader takes: each probe is a transaction of its own, and
/// waits for little. What fails is absent from the reading, with its error; but a table that was
/// dropped meanwhile is no error. Not thread-safe.
class PartitionProbes {
 public:
  explicit PartitionProbes(PartitionOptions options) : options_(std::move(options)) {}

  void Ask(PostgresSession& session, const SampleContext& context, PartitionReading& reading,
           std::vector<Error>& errors);

 private:
  struct Failure {
    Oid table;
    Error error;
  };
  using Probe = std::function<void(const PartitionedTable& table)>;

  void AskHighestKey(PostgresSession& session, const PartitionedTable& table,
                     PartitionReading& reading);
  void AskDefault(PostgresSession& session, const PartitionedTable& table,
                  PartitionReading& reading);
  void TellFailures(PostgresSession& session, std::vector<Error>& errors);

  const PartitionOptions options_;
  std::map<Oid, BoundPosition> highest_keys_;  // of the last sampling
  std::vector<Failure> failures_;              // of this one
};

}  // namespace tierwatch
