// What an entry of the collector `partitions` may say besides its targets.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/yaml.h"
#include "collectors/partition_tables.h"

namespace tierwatch {

/// Globs over schema.table; of several that match, the first counts.
template <class T>
using ByTable = std::vector<std::pair<std::string, T>>;

bool MatchesTable(const std::string& glob, const PartitionedTable& table);

template <class T>
std::optional<T> FindByTable(const ByTable<T>& all, const PartitionedTable& table) {
  for (const auto& [glob, value] : all) {
    if (MatchesTable(glob, table)) return value;
  }
  return std::nullopt;
}

/// What the integers of a range key count.
enum class KeyUnit { kSeconds, kMilliseconds, kMicroseconds, kValues };

struct PartitionOptions {
  std::vector<std::string> tables;  // globs over schema.table; none = all
  bool probe_default = true;
  std::size_t top = 0;                // leaves of each table to show by name
  std::optional<Millis> exact_sizes;  // interval of measuring
  ByTable<Millis> retention;          // age at which a partition should be gone
  ByTable<KeyUnit> integer_keys;

  bool Wants(const PartitionedTable& table) const;
  /// Leaves those that are wanted, and those below them.
  void KeepWantedTrees(std::vector<PartitionedTable>& all) const;
};

/// Findings go to the entry's diagnostics.
PartitionOptions ReadPartitionOptions(YamlMap& entry);

}  // namespace tierwatch
