#include "collectors/partitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collectors/partition_families.h"
#include "collectors/partition_leaves.h"
#include "collectors/partition_probes.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr Millis kSizesTimeout{2'000};  // of one batch
constexpr Millis kSizesSlice{200};      // of measuring after one sampling
constexpr std::size_t kTablesPerQuery = 1'000;

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
    probes_.Ask(*session, context, reading, sample.errors);
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

  const std::shared_ptr<PostgresServer> server_;
  const PartitionOptions options_;
  PartitionMemory memory_;
  PartitionLeaves leaves_;
  PartitionProbes probes_{options_};
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
