// All that one sampling of partitioned tables read, as metric families.
#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/metric.h"
#include "collectors/partition_memory.h"
#include "collectors/partition_options.h"
#include "collectors/partition_shares.h"
#include "collectors/partition_sizes.h"
#include "collectors/partition_tables.h"
#include "collectors/partman.h"

namespace tierwatch {

std::span<const MetricInfo> PartitionFamiliesMetrics();

/// What could not be read, or is not wanted, is absent.
struct PartitionReading {
  PartitionOverview overview;
  std::map<Oid, bool> default_has_rows;
  /// Of the tables whose integer key was read; nothing for an empty table.
  std::map<Oid, std::optional<BoundPosition>> highest_keys;
  std::optional<std::vector<LeafShare>> top;
  std::map<std::string, PartmanTable> partman;  // by schema.table
};

/// `sizes` is null where exact sizes are not measured.
std::vector<prometheus::MetricFamily> PartitionFamilies(const PartitionReading& reading,
                                                        const PartitionOptions& options,
                                                        const PartitionMemory& memory,
                                                        const PartitionSizes* sizes);

}  // namespace tierwatch
