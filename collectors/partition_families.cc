#include "collectors/partition_families.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo kInfo{"tierwatch_partition_info",
                           MetricType::Gauge,
                           "1; how a partitioned table is partitioned: range, list or hash.",
                           {"database", "schema", "table", "strategy"}};

constexpr MetricInfo Gauge(std::string_view name, std::string_view help) {
  return {name, MetricType::Gauge, help, {"database", "schema", "table"}};
}
constexpr MetricInfo kCount = Gauge(
    "tierwatch_partitions", "Direct partitions of a partitioned table, its default included.");
constexpr MetricInfo kSubpartitioned = Gauge("tierwatch_partitions_subpartitioned",
                                             "Direct partitions that are partitioned themselves.");
constexpr MetricInfo kDetachPending =
    Gauge("tierwatch_partition_detach_pending",
          "Partitions whose DETACH CONCURRENTLY is not finished; absent before PostgreSQL 14.");
constexpr MetricInfo kDefaultExists =
    Gauge("tierwatch_partition_default_exists", "1 where the table has a default partition.");
constexpr MetricInfo kDefaultHasRows = Gauge(
    "tierwatch_partition_default_has_rows",
    "1 where the default partition holds any row, seen by reading one; absent where that failed.");
constexpr MetricInfo kDefaultRows = Gauge("tierwatch_partition_default_rows_estimate",
                                          "Rows of the default partition, PostgreSQL's estimate.");
constexpr MetricInfo kRunway = Gauge("tierwatch_partition_runway_seconds",
                                     "Seconds by the server's clock until rows of the present find "
                                     "no partition of their own: to the first gap "
                                     "or the last bound. 0 where they find none now, +Inf where "
                                     "nothing ends it; absent for keys that are no "
                                     "time.");
constexpr MetricInfo kGaps =
    Gauge("tierwatch_partition_gaps",
          "Holes between the lowest and the highest bound of range partitions.");
constexpr MetricInfo kLower =
    Gauge("tierwatch_partition_lower_bound_timestamp_seconds",
          "Lowest bound of the range partitions of a time key; -Inf for MINVALUE.");
constexpr MetricInfo kUpper =
    Gauge("tierwatch_partition_upper_bound_timestamp_seconds",
          "Highest bound of the range partitions of a time key; +Inf for MAXVALUE.");
constexpr MetricInfo kRows = Gauge("tierwatch_partition_rows_estimate",
                                   "Rows of all leaf partitions, PostgreSQL's estimate.");
constexpr MetricInfo kDeadRows = Gauge("tierwatch_partition_dead_rows_estimate",
                                       "Dead rows of all leaf partitions, PostgreSQL's estimate.");
constexpr MetricInfo kSize = Gauge(
    "tierwatch_partition_size_estimate_bytes",
    "Heap of all leaf partitions as of their last VACUUM or ANALYZE, without indexes and TOAST.");
constexpr MetricInfo kLargest =
    Gauge("tierwatch_partition_largest_size_estimate_bytes",
          "Heap of the largest leaf partition as of its last VACUUM or ANALYZE.");
constexpr MetricInfo kSkew = Gauge("tierwatch_partition_skew_ratio",
                                   "Estimated rows of the leaf partition with most, over the mean "
                                   "of all leaves; absent without rows.");
constexpr MetricInfo kUnanalyzed =
    Gauge("tierwatch_partitions_unanalyzed", "Leaf partitions that were never analysed.");
constexpr MetricInfo kForeign =
    Gauge("tierwatch_partitions_foreign",
          "Leaf partitions that are foreign tables; they are in no sum of rows or bytes.");
constexpr MetricInfo kBloated =
    Gauge("tierwatch_partitions_bloated",
          "Leaf partitions of whose rows more than a third, and at least 1,000, are dead, by the "
          "server's estimate.");
constexpr MetricInfo kMissingIndexes =
    Gauge("tierwatch_partition_missing_indexes",
          "Indexes of the table that a direct partition lacks, over all partitions.");
constexpr MetricInfo kRunwayValues = Gauge(
    "tierwatch_partition_runway_values",
    "Values of an integer key, above the highest one in the table, until one finds no partition of "
    "its own. 0 where the highest has none, +Inf where nothing ends it; with integer_keys only.");
constexpr MetricInfo kOverdue =
    Gauge("tierwatch_partition_retention_overdue_seconds",
          "Time since when the oldest partition has been wholly older than its table's configured "
          "retention; 0 where it is not.");
constexpr MetricInfo kPremake =
    Gauge("tierwatch_partition_premake",
          "Partitions that pg_partman makes ahead; absent where its configuration can't be read.");
constexpr MetricInfo kMaintenance =
    Gauge("tierwatch_partition_maintenance_last_run_timestamp_seconds",
          "When pg_partman last ran its maintenance of the table; absent before pg_partman 5.");
constexpr MetricInfo kDiskBytes =
    Gauge("tierwatch_partition_disk_bytes",
          "Exact size of all leaf partitions with their indexes and TOAST, as measured each "
          "exact_sizes.interval.");
constexpr MetricInfo kDiskMeasured{"tierwatch_partition_disk_measured_timestamp_seconds",
                                   MetricType::Gauge,
                                   "When the exact sizes of partitions were last measured.",
                                   {"database"}};
constexpr MetricInfo Leaf(std::string_view name, std::string_view help) {
  return {name, MetricType::Gauge, help, {"database", "schema", "table", "partition"}};
}
constexpr MetricInfo kTopSize =
    Leaf("tierwatch_partition_top_size_estimate_bytes",
         "Heap of the largest leaf partitions as of their last VACUUM or ANALYZE; "
         "partition=\"other\" sums the rest.");
constexpr MetricInfo kTopRows = Leaf("tierwatch_partition_top_rows_estimate",
                                     "Rows of the largest leaf partitions, PostgreSQL's estimate; "
                                     "partition=\"other\" sums the rest.");
constexpr MetricInfo kTopDisk =
    Leaf("tierwatch_partition_top_disk_bytes",
         "Exact size of the largest leaf partitions with their indexes and TOAST; "
         "partition=\"other\" sums the rest.");
constexpr MetricInfo kDefaultInserts{
    "tierwatch_partition_default_inserts_total",
    MetricType::Counter,
    "Rows inserted into the default partition, by the server's statistics.",
    {"database", "schema", "table"}};
constexpr MetricInfo kInserts{"tierwatch_partition_inserts_total",
                              MetricType::Counter,
                              "Rows inserted into all leaf partitions, by the server's statistics.",
                              {"database", "schema", "table"}};

constexpr std::array kMetrics{
    kInfo,           kCount,       kSubpartitioned, kForeign,      kDetachPending,  kDefaultExists,
    kDefaultHasRows, kDefaultRows, kDefaultInserts, kRunway,       kRunwayValues,   kGaps,
    kLower,          kUpper,       kOverdue,        kRows,         kDeadRows,       kSize,
    kLargest,        kSkew,        kUnanalyzed,     kBloated,      kMissingIndexes, kInserts,
    kPremake,        kMaintenance, kDiskBytes,      kDiskMeasured, kTopSize,        kTopRows,
    kTopDisk};

// Adds the families of one table after the other.
class Tables {
 public:
  Tables(const PartitionReading& reading, const PartitionOptions& options,
         const PartitionMemory& memory, FamilySet& families)
      : reading_(reading), options_(options), memory_(memory), families_(families) {}

  void Add(const PartitionedTable& table) {
    families_.Add(kInfo, {reading_.overview.database, table.schema, table.name, table.strategy}, 1);
    Add(table, kCount, table.partitions);
    Add(table, kSubpartitioned, table.subpartitioned);
    Add(table, kDetachPending, table.detach_pending);
    Add(table, kMissingIndexes, table.missing_indexes);
    AddDefault(table);
    if (const auto coverage = memory_.Coverage(table.oid)) AddBounds(table, *coverage);
    if (table.leaves) AddLeaves(table, *table.leaves);
    const auto partman = reading_.partman.find(table.schema + "." + table.name);
    if (partman == reading_.partman.end()) return;
    Add(table, kPremake, partman->second.premake);
    Add(table, kMaintenance, partman->second.last_run);
  }

  void Add(const PartitionedTable& table, const MetricInfo& info, std::optional<double> value) {
    if (value) families_.Add(info, {reading_.overview.database, table.schema, table.name}, *value);
  }

 private:
  void AddDefault(const PartitionedTable& table) {
    Add(table, kDefaultExists, table.has_default ? 1 : 0);
    Add(table, kDefaultRows, table.default_rows);
    Add(table, kDefaultInserts, table.default_inserts);
    const auto probed = reading_.default_has_rows.find(table.oid);
    if (probed != reading_.default_has_rows.end()) {
      Add(table, kDefaultHasRows, probed->second ? 1 : 0);
    }
  }

  void AddBounds(const PartitionedTable& table, const RangeCoverage& coverage) {
    Add(table, kGaps, static_cast<double>(coverage.gaps()));
    if (coverage.axis() == KeyAxis::kTime) return AddTime(table, coverage);
    switch (FindByTable(options_.integer_keys, table).value_or(KeyUnit::kValues)) {
      case KeyUnit::kSeconds:
        return AddTime(table, coverage.AsUnixTime(1));
      case KeyUnit::kMilliseconds:
        return AddTime(table, coverage.AsUnixTime(1'000));
      case KeyUnit::kMicroseconds:
        return AddTime(table, coverage.AsUnixTime(1'000'000));
      case KeyUnit::kValues:
        break;
    }
    const auto highest = reading_.highest_keys.find(table.oid);
    if (highest != reading_.highest_keys.end()) {
      Add(table, kRunwayValues, coverage.RunwayValues(highest->second));
    }
  }

  void AddTime(const PartitionedTable& table, const RangeCoverage& coverage) {
    const double now = reading_.overview.now;
    Add(table, kRunway, coverage.RunwaySeconds(now));
    if (coverage.lower()) Add(table, kLower, UnixSeconds(*coverage.lower()));
    if (coverage.upper()) Add(table, kUpper, UnixSeconds(*coverage.upper()));
    const auto retention = FindByTable(options_.retention, table);
    if (!retention || !coverage.oldest_upper()) return;
    const double keep = std::chrono::duration<double>(*retention).count();
    Add(table, kOverdue, std::max(0.0, now - keep - UnixSeconds(*coverage.oldest_upper())));
  }

  void AddLeaves(const PartitionedTable& table, const LeafTotals& leaves) {
    Add(table, kForeign, leaves.foreign);
    Add(table, kRows, leaves.rows);
    Add(table, kDeadRows, leaves.dead_rows);
    Add(table, kSize, leaves.bytes);
    Add(table, kLargest, leaves.largest_bytes);
    if (leaves.rows > 0) Add(table, kSkew, leaves.largest_rows * leaves.leaves / leaves.rows);
    Add(table, kUnanalyzed, leaves.unanalyzed);
    Add(table, kBloated, leaves.bloated);
    Add(table, kInserts, leaves.inserts);
  }

  const PartitionReading& reading_;
  const PartitionOptions& options_;
  const PartitionMemory& memory_;
  FamilySet& families_;
};

void AddTop(const PartitionReading& reading, FamilySet& families) {
  std::unordered_map<Oid, const PartitionedTable*> tables;
  for (const PartitionedTable& table : reading.overview.tables) tables.emplace(table.oid, &table);
  for (const LeafShare& share : *reading.top) {
    const auto table = tables.find(share.table);
    if (table == tables.end()) continue;
    const auto& [schema, name] = std::tie(table->second->schema, table->second->name);
    families.Add(kTopSize, {reading.overview.database, schema, name, share.partition}, share.bytes);
    families.Add(kTopRows, {reading.overview.database, schema, name, share.partition}, share.rows);
  }
}

void AddSizes(const PartitionReading& reading, const PartitionSizes& sizes, FamilySet& families) {
  if (!sizes.measured()) return;
  const std::string& database = reading.overview.database;
  families.Add(kDiskMeasured, {database}, *sizes.measured());
  for (const PartitionedTable& table : reading.overview.tables) {
    const auto found = sizes.tables().find(table.oid);
    if (found == sizes.tables().end() || !found->second.whole) continue;
    families.Add(kDiskBytes, {database, table.schema, table.name}, found->second.bytes);
    if (!reading.top) continue;  // too many names
    for (const auto& [partition, bytes] : found->second.top) {
      families.Add(kTopDisk, {database, table.schema, table.name, partition}, bytes);
    }
  }
}

}  // namespace

std::span<const MetricInfo> PartitionFamiliesMetrics() { return kMetrics; }

std::vector<prometheus::MetricFamily> PartitionFamilies(const PartitionReading& reading,
                                                        const PartitionOptions& options,
                                                        const PartitionMemory& memory,
                                                        const PartitionSizes* sizes) {
  FamilySet families;
  Tables tables(reading, options, memory, families);
  for (const PartitionedTable& table : reading.overview.tables) tables.Add(table);
  if (reading.top) AddTop(reading, families);
  if (sizes != nullptr) AddSizes(reading, *sizes, families);
  return std::move(families).Take();
}

}  // namespace tierwatch
