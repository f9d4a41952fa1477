#include "collectors/partitions.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "collectors/postgres_source.h"

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
constexpr MetricInfo kInserts{"tierwatch_partition_inserts_total",
                              MetricType::Counter,
                              "Rows inserted into all leaf partitions, by the server's statistics.",
                              {"database", "schema", "table"}};

constexpr std::array kMetrics{
    kInfo,        kCount,  kSubpartitioned, kDetachPending, kDefaultExists, kDefaultHasRows,
    kDefaultRows, kRunway, kGaps,           kLower,         kUpper,         kRows,
    kDeadRows,    kSize,   kLargest,        kSkew,          kUnanalyzed,    kInserts};

constexpr Millis kProbeTimeout{500};
constexpr std::size_t kTablesPerQuery = 1'000;

void AddTable(FamilySet& families, const std::string& database, double now,
              const PartitionedTable& table, PartitionMemory& memory) {
  const auto add = [&](const MetricInfo& info, double value) {
    families.Add(info, {database, table.schema, table.name}, value);
  };
  families.Add(kInfo, {database, table.schema, table.name, table.strategy}, 1);
  add(kCount, table.partitions);
  add(kSubpartitioned, table.subpartitioned);
  if (table.detach_pending) add(kDetachPending, *table.detach_pending);
  add(kDefaultExists, table.has_default ? 1 : 0);
  if (table.default_rows) add(kDefaultRows, *table.default_rows);
  if (const auto coverage = memory.Coverage(table.oid)) {
    add(kGaps, static_cast<double>(coverage->gaps()));
    if (coverage->axis() == KeyAxis::kTime) {
      add(kRunway, coverage->RunwaySeconds(now));
      if (coverage->lower()) add(kLower, UnixSeconds(*coverage->lower()));
      if (coverage->upper()) add(kUpper, UnixSeconds(*coverage->upper()));
    }
  }
  const LeafTotals& leaves = table.leaves;
  add(kRows, leaves.rows);
  add(kDeadRows, leaves.dead_rows);
  add(kSize, leaves.bytes);
  add(kLargest, leaves.largest_bytes);
  if (leaves.rows > 0) add(kSkew, leaves.largest_rows * leaves.leaves / leaves.rows);
  add(kUnanalyzed, leaves.unanalyzed);
  add(kInserts, memory.CountInserts(table));
}

struct Options {
  std::vector<std::string> tables;  // globs over schema.table; none = all
  bool probe_default = true;
};

class Partitions final : public Collector {
 public:
  Partitions(std::shared_ptr<PostgresServer> server, Options options)
      : server_(std::move(server)), options_(std::move(options)) {}

  Sample Collect(const SampleContext& context) override {
    Result<PostgresSession> session = server_->Open(CallOf(context));
    if (!session.ok()) return Sample::Down(std::move(session).error());
    Result<PartitionOverview> overview = ReadOverview(*session);
    if (!overview.ok()) return Sample::Down(std::move(overview).error().In("partitioned tables"));
    Sample sample;
    UpdateBounds(*session, *overview, sample);
    std::map<Oid, bool> default_has_rows;
    if (options_.probe_default)
      default_has_rows = ProbeDefaults(*session, context, *overview, sample);
    sample.families = PartitionFamilies(*overview, memory_, default_has_rows);
    return sample;
  }

 private:
  Result<PartitionOverview> ReadOverview(PostgresSession& session) {
    Result<Rows> rows = session.Query(PartitionOverviewQuery(session.version()));
    if (!rows.ok()) return std::move(rows).error();
    Result<PartitionOverview> overview = ReadPartitionOverview(*rows);
    if (overview.ok() && !options_.tables.empty()) {
      std::erase_if(overview->tables, [this](const PartitionedTable& table) {
        const std::string name = table.schema + "." + table.name;
        return std::none_of(
            options_.tables.begin(), options_.tables.end(),
            [&](const std::string& glob) { return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0; });
      });
    }
    return overview;
  }

  void UpdateBounds(PostgresSession& session, const PartitionOverview& overview, Sample& sample) {
    const std::vector<Oid> outdated = memory_.Outdated(overview);
    for (std::size_t from = 0; from < outdated.size(); from += kTablesPerQuery) {
      const std::size_t to = std::min(outdated.size(), from + kTablesPerQuery);
      const std::vector<Oid> some(outdated.begin() + static_cast<std::ptrdiff_t>(from),
                                  outdated.begin() + static_cast<std::ptrdiff_t>(to));
      Result<Rows> bounds = session.Query(PartitionBoundsQuery(session.version(), some));
      if (!bounds.ok()) {
        sample.errors.push_back(std::move(bounds).error().In("partition bounds"));
        return;
      }
      memory_.Learn(overview, some, *bounds);
    }
  }

  // Reading one row takes a lock that any reader takes; each probe is a transaction of its own and
  // waits little. All of them together get half of the time that is left.
  static std::map<Oid, bool> ProbeDefaults(PostgresSession& session, const SampleContext& context,
                                           const PartitionOverview& overview, Sample& sample) {
    std::map<Oid, bool> has_rows;
    const SteadyTime end = context.clock.Steady() + context.Remaining() / 2;
    std::size_t skipped = 0;
    for (const PartitionedTable& table : overview.tables) {
      if (table.default_name.empty()) continue;
      if (context.clock.Steady() >= end) {
        ++skipped;
        continue;
      }
      // Not FROM ONLY: of a default that is partitioned itself that would read nothing.
      Result<Rows> rows = session.Query(
          fmt::format("SELECT EXISTS (SELECT 1 FROM {}) AS has_rows", table.default_name),
          kProbeTimeout);
      if (!rows.ok()) {
        sample.errors.push_back(
            std::move(rows).error().In("default partition " + table.default_name));
        continue;
      }
      const auto answer = rows->rows.empty() ? std::nullopt : RowReader(*rows, 0).Flag("has_rows");
      if (answer) has_rows.emplace(table.oid, *answer);
    }
    if (skipped > 0) {
      sample.errors.push_back(
          {fmt::format("{} default partitions not probed: no time left", skipped),
           Reason::kTimeout});
    }
    return has_rows;
  }

  const std::shared_ptr<PostgresServer> server_;
  const Options options_;
  PartitionMemory memory_;
};

// A key that is refused is better than one that does nothing.
void RefuseLaterKeys(YamlMap& entry) {
  if (entry.Get("top_partitions") != nullptr && entry.Int("top_partitions").value_or(0) != 0) {
    entry.diagnostics().Add(
        entry.Where("top_partitions"),
        "top_partitions: only 0 (the tables themselves, no single partitions) is supported");
  }
  if (entry.Get("exact_sizes") != nullptr) {
    entry.diagnostics().Add(entry.Where("exact_sizes"),
                            "exact_sizes: not supported; sizes are the catalogs' estimates");
  }
}

}  // namespace

std::span<const MetricInfo> PartitionsMetrics() { return kMetrics; }

std::vector<Oid> PartitionMemory::Outdated(const PartitionOverview& overview) {
  std::vector<Oid> outdated;
  std::unordered_map<Oid, Known> still;
  std::unordered_map<Oid, Inserts> inserts;
  for (const PartitionedTable& table : overview.tables) {
    if (const auto at = inserts_.find(table.oid); at != inserts_.end()) inserts.insert(*at);
    if (table.axis == KeyAxis::kUnknown) continue;
    const auto known = known_.find(table.oid);
    if (known != known_.end() && known->second.digest == table.digest) {
      still.insert(std::move(*known));
    } else {
      outdated.push_back(table.oid);
    }
  }
  known_ = std::move(still);
  inserts_ = std::move(inserts);
  return outdated;
}

void PartitionMemory::Learn(const PartitionOverview& overview, const std::vector<Oid>& tables,
                            const Rows& bounds) {
  std::unordered_map<Oid, std::vector<std::string>> texts;
  for (std::size_t i = 0; i < bounds.rows.size(); ++i) {
    const RowReader row(bounds, i);
    const auto parent = static_cast<Oid>(row.Unsigned("parent").value_or(0));
    texts[parent].push_back(row.Text("bound"));
  }
  for (const PartitionedTable& table : overview.tables) {
    if (std::find(tables.begin(), tables.end(), table.oid) == tables.end()) continue;
    known_[table.oid] = {table.digest, RangeCoverage::Of(table.axis, texts[table.oid])};
  }
}

std::optional<RangeCoverage> PartitionMemory::Coverage(Oid table) const {
  const auto known = known_.find(table);
  return known == known_.end() ? std::nullopt : known->second.coverage;
}

double PartitionMemory::CountInserts(const PartitionedTable& table) {
  const auto [at, first] = inserts_.try_emplace(table.oid);
  Inserts& inserts = at->second;
  const double sum = table.leaves.inserts;
  if (first) {
    inserts.total = sum;
  } else if (inserts.child_key == table.leaves.child_key) {
    // A lower sum over the same partitions: the server's statistics were reset.
    inserts.total += sum >= inserts.seen ? sum - inserts.seen : sum;
  }
  inserts.child_key = table.leaves.child_key;
  inserts.seen = sum;
  return inserts.total;
}

std::vector<prometheus::MetricFamily> PartitionFamilies(
    const PartitionOverview& overview, PartitionMemory& memory,
    const std::map<Oid, bool>& default_has_rows) {
  FamilySet families;
  for (const PartitionedTable& table : overview.tables) {
    AddTable(families, overview.database, overview.now, table, memory);
    if (const auto probed = default_has_rows.find(table.oid); probed != default_has_rows.end()) {
      families.Add(kDefaultHasRows, {overview.database, table.schema, table.name},
                   probed->second ? 1 : 0);
    }
  }
  return std::move(families).Take();
}

CollectorEntry ReadPartitions(YamlMap& entry, std::string_view, CollectorResources& resources) {
  Options options;
  options.tables = entry.Strings("tables");
  options.probe_default = entry.Bool("probe_default").value_or(true);
  RefuseLaterKeys(entry);
  return ReadServerEntry(entry, resources, [options](std::shared_ptr<PostgresServer> server) {
    return std::make_unique<Partitions>(std::move(server), options);
  });
}

}  // namespace tierwatch
