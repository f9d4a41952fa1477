#include "collectors/partitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "collectors/partition_families.h"
#include "collectors/partition_leaves.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr Millis kProbeTimeout{500};
constexpr Millis kSizesTimeout{2'000};  // of one batch
constexpr Millis kSizesSlice{200};      // of measuring after one sampling
constexpr std::size_t kTablesPerQuery = 1'000;

// From the highest key known on: the planner then leaves all partitions below it alone.
std::string HighestKeyQuery(const PartitionedTable& table, std::optional<BoundPosition> known) {
  return fmt::format("SELECT max({0})::int8 AS highest FROM {1}{2}", table.key_column,
                     table.qualified_name,
                     known ? fmt::format(" WHERE {} >= {}", table.key_column, *known) : "");
}

std::optional<BoundPosition> ReadHighestKey(const Rows& rows) {
  const auto text = rows.rows.empty() ? std::nullopt : RowReader(rows, 0).Raw("highest");
  if (!text) return std::nullopt;
  return PositionOf(KeyAxis::kInteger, {BoundValue::Kind::kLiteral, *text});
}

class Partitions final : public Collector {
 public:
  Partitions(std::shared_ptr<PostgresServer> server, PartitionOptions options)
      : server_(std::move(server)), options_(std::move(options)) {
    if (options_.exact_sizes) sizes_.emplace(*options_.exact_sizes, options_.top);
  }

  Sample Collect(const SampleContext& context) override {
    Result<PostgresSession> session = server_->Open(CallOf(context));
    if (!session.ok()) return Sample::Down(std::move(session).error());
    Result<PartitionOverview> overview = ReadOverview(*session);
    if (!overview.ok()) return Sample::Down(std::move(overview).error().In("partitioned tables"));
    Sample sample;
    sample.errors = std::exchange(errors_of_sizes_, {});
    PartitionReading reading;
    reading.overview = *std::move(overview);
    server_now_ = reading.overview.now;
    std::vector<PartitionedTable>& tables = reading.overview.tables;
    options_.KeepWantedTrees(tables);
    UpdatePartitions(*session, reading.overview, sample);
    ReadLeaves(*session, sample);
    leaves_.Sum(tables);
    std::erase_if(tables, [this](const auto& table) { return !options_.Wants(table); });
    ReadTop(*session, reading, sample);
    ReadMaintenance(*session, reading, sample);
    ReadHighestKeys(*session, reading, sample);
    if (options_.probe_default) {
      reading.default_has_rows = ProbeDefaults(*session, context, reading.overview, sample);
    }
    sample.families = PartitionFamilies(reading, options_, memory_, sizes_ ? &*sizes_ : nullptr);
    return sample;
  }

  void AfterSample(const SampleContext& context) override {
    if (!sizes_ || sizes_->NextQuery(context.clock.Steady()).empty()) return;
    Result<PostgresSession> session = server_->Open(CallOf(context));
    if (!session.ok()) return;  // the next sample will tell
    const SteadyTime end = context.clock.Steady() + std::min(kSizesSlice, context.Remaining());
    for (SteadyTime now = context.clock.Steady(); now < end; now = context.clock.Steady()) {
      const std::string query = sizes_->NextQuery(now);
      if (query.empty()) return;
      Result<Rows> rows = session->Query(query, kSizesTimeout);
      if (rows.ok()) {
        sizes_->Learn(*rows, now, server_now_);
        continue;
      }
      sizes_->Fail(now, server_now_);
      errors_of_sizes_ = {std::move(rows).error().In("exact sizes")};
      if (errors_of_sizes_.front().reason == Reason::kConnect) return;
    }
  }

 private:
  static Result<PartitionOverview> ReadOverview(PostgresSession& session) {
    Result<Rows> rows = session.Query(PartitionOverviewQuery(session.version()));
    if (!rows.ok()) return std::move(rows).error();
    return ReadPartitionOverview(*rows);
  }

  void ReadLeaves(PostgresSession& session, Sample& sample) {
    for (std::vector<Oid> leaves; !(leaves = leaves_.Next()).empty();) {
      const auto rows = Ask(session, LeafStatisticsQuery(session.version(), leaves),
                            "statistics of partitions", sample.errors);
      if (!rows) return;
      leaves_.Learn(leaves, *rows);
    }
  }

  void ReadTop(PostgresSession& session, PartitionReading& reading, Sample& sample) {
    if (options_.top == 0) return;
    Result<std::vector<LeafShare>> top = leaves_.Top(options_.top);
    if (!top.ok()) return sample.errors.push_back(std::move(top).error());
    const std::string query = LeafNamesQuery(*top);
    const std::optional<Rows> names =
        query.empty() ? Rows{}
                      : Ask(session, query, "names of the largest partitions", sample.errors);
    if (names) reading.top = NameLeaves(*top, reading.overview.tables, *names);
  }

  static void ReadMaintenance(PostgresSession& session, PartitionReading& reading, Sample& sample) {
    const std::string& schema = reading.overview.partman_schema;
    if (schema.empty()) return;
    if (const auto rows = Ask(session, PartmanQuery(schema), "pg_partman", sample.errors)) {
      reading.partman = ReadPartman(*rows);
    }
  }

  void ReadHighestKeys(PostgresSession& session, PartitionReading& reading, Sample& sample) {
    std::map<Oid, BoundPosition> before = std::exchange(highest_keys_, {});
    for (const PartitionedTable& table : reading.overview.tables) {
      if (table.axis != KeyAxis::kInteger || table.key_column.empty()) continue;
      if (FindByTable(options_.integer_keys, table) != KeyUnit::kValues) continue;
      const auto known = before.find(table.oid);
      const bool is_known = known != before.end();
      if (is_known) highest_keys_.insert(*known);
      Result<Rows> rows = session.Query(
          HighestKeyQuery(table, is_known ? std::optional(known->second) : std::nullopt),
          kProbeTimeout);
      if (!rows.ok()) {
        sample.errors.push_back(
            std::move(rows).error().In("highest key of " + table.qualified_name));
        continue;
      }
      const auto highest = ReadHighestKey(*rows);
      if (highest) highest_keys_[table.oid] = *highest;
      // Nothing from the known one on: rows were removed, and it is sought anew next time.
      if (!highest) highest_keys_.erase(table.oid);
      if (highest || !is_known) reading.highest_keys.emplace(table.oid, highest);
    }
  }

  void UpdatePartitions(PostgresSession& session, const PartitionOverview& overview,
                        Sample& sample) {
    const std::vector<Oid> outdated = memory_.Outdated(overview);
    leaves_.Begin(overview.tables, outdated);
    for (std::size_t from = 0; from < outdated.size(); from += kTablesPerQuery) {
      const std::size_t to = std::min(outdated.size(), from + kTablesPerQuery);
      const std::vector<Oid> some(outdated.begin() + static_cast<std::ptrdiff_t>(from),
                                  outdated.begin() + static_cast<std::ptrdiff_t>(to));
      const auto partitions =
          Ask(session, PartitionsQuery(session.version(), some), "partitions", sample.errors);
      if (!partitions) return;
      memory_.Learn(overview, some, *partitions);
      leaves_.Place(some, *partitions);
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
  const PartitionOptions options_;
  PartitionMemory memory_;
  PartitionLeaves leaves_;
  std::map<Oid, BoundPosition> highest_keys_;
  std::optional<PartitionSizes> sizes_;
  std::vector<Error> errors_of_sizes_;  // since the last sampling
  double server_now_ = 0;               // at the last sampling
};

}  // namespace

std::span<const MetricInfo> PartitionsMetrics() { return PartitionFamiliesMetrics(); }

CollectorEntry ReadPartitions(YamlMap& entry, std::string_view, CollectorResources& resources) {
  PartitionOptions options = ReadPartitionOptions(entry);
  return ReadServerEntry(entry, resources, [options](std::shared_ptr<PostgresServer> server) {
    return std::make_unique<Partitions>(std::move(server), options);
  });
}

}  // namespace tierwatch
