#include "collectors/queries.h"

#include <memory>
#include <utility>
#include <vector>

#include "collectors/database_totals.h"
#include "collectors/metric_tables.h"
#include "collectors/postgres_source.h"
#include "collectors/statement_rows.h"
#include "collectors/statement_texts.h"

namespace tierwatch {
namespace {

constexpr const char* kPlace = "pg_stat_statements";
constexpr std::int64_t kDefaultTop = 20;
constexpr std::int64_t kMostTop = 500;

class Queries final : public Collector {
 public:
  Queries(std::shared_ptr<PostgresServer> server, std::size_t top, bool texts)
      : server_(std::move(server)), totals_(top), tells_texts_(texts) {}

  Sample Collect(const SampleContext& context) override {
    Result<PostgresSession> session = server_->Open(CallOf(context));
    if (!session.ok()) return Sample::Down(std::move(session).error());
    std::vector<Error> errors = std::exchange(text_errors_, {});
    QueriesReading reading;
    const int version = session->version();
    reading.databases = Ask(*session, DatabasesQuery(version), "pg_stat_database", errors);
    reading.server = Ask(*session, ServerTotalsQuery(version), "checkpoints and WAL", errors);
    reading.statements = AskStatements(*session, errors);
    Sample sample = QueriesSample(reading, totals_);
    sample.up = reading.databases || reading.statements;
    errors.insert(errors.end(), sample.errors.begin(), sample.errors.end());
    sample.errors = std::move(errors);
    if (tells_texts_) {
      texts_.Keep(totals_.Named());
      sample.statement_texts = texts_.Known();
    }
    return sample;
  }

  // A server reads all its texts from a file to tell a few: not while others wait for the sample.
  void AfterSample(const SampleContext& context) override {
    if (texts_.missing().empty() || !extension_) return;
    Result<PostgresSession> session = server_->Open(CallOf(context));
    if (!session.ok()) return;  // the next sample tells, too
    const auto rows = Ask(*session, StatementTextsQuery(*extension_, texts_.missing()),
                          "texts of statements", text_errors_);
    if (rows) texts_.Learn(*rows);
  }

 private:
  std::optional<Rows> AskStatements(PostgresSession& session, std::vector<Error>& errors) {
    extension_ = std::nullopt;
    const auto rows = Ask(session, StatementsExtensionQuery(), kPlace, errors);
    if (!rows) return std::nullopt;
    Result<StatementsExtension> extension = ReadStatementsExtension(*rows);
    if (!extension.ok()) {
      errors.push_back(std::move(extension).error());
      return std::nullopt;
    }
    extension_ = *std::move(extension);
    return Ask(session, StatementsQuery(*extension_), kPlace, errors);
  }

  const std::shared_ptr<PostgresServer> server_;
  StatementTotals totals_;
  const bool tells_texts_;
  StatementTexts texts_;
  std::optional<StatementsExtension> extension_;  // as the last sample found it
  std::vector<Error> text_errors_;                // for the next sample
};

}  // namespace

std::span<const MetricInfo> QueriesMetrics() {
  static const std::vector<MetricInfo> kAll =
      JoinMetrics({StatementMetrics(), DatabaseTotalsMetrics()});
  return kAll;
}

Sample QueriesSample(const QueriesReading& reading, StatementTotals& totals) {
  Sample sample;
  FamilySet families;
  if (reading.statements) {
    const auto statements = ReadStatements(*reading.statements);
    if (statements.ok()) {
      totals.Update(statements->costs);
      AddStatements(*statements, totals, families);
    } else {
      sample.errors.push_back(Error(statements.error()).In(kPlace));
    }
  }
  if (reading.databases) {
    Result<void> added = AddDatabases(*reading.databases, families);
    if (!added.ok()) sample.errors.push_back(std::move(added).error().In("pg_stat_database"));
  }
  if (reading.server) {
    Result<void> added = AddServerTotals(*reading.server, families);
    if (!added.ok()) sample.errors.push_back(std::move(added).error().In("checkpoints and WAL"));
  }
  sample.families = std::move(families).Take();
  return sample;
}

CollectorEntry ReadQueries(YamlMap& entry, std::string_view, CollectorResources& resources) {
  const std::size_t top = ReadTop(entry, kDefaultTop, kMostTop);
  const bool texts = entry.Bool("texts").value_or(false);
  return ReadServerEntry(entry, resources, [top, texts](std::shared_ptr<PostgresServer> server) {
    return std::make_unique<Queries>(std::move(server), top, texts);
  });
}

}  // namespace tierwatch
