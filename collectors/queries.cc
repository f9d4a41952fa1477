#include "collectors/queries.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "collectors/database_totals.h"
#include "collectors/foreign_text.h"
#include "collectors/metric_tables.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;

constexpr MetricInfo Statement(std::string_view name, std::string_view help) {
  return {name, MetricType::Counter, help, {"database", "queryid"}};
}

struct Column {
  std::string_view name;
  MetricInfo metric;
};
// In the order of StatementCost. What has no name of its own is queryid="other", counted from the
// first sampling on.
constexpr std::array<Column, 5> kStatementColumns{{
    {"calls", Statement("tierwatch_query_calls_total",
                        "Executions of a statement; queryid=\"other\" sums all that are not shown, "
                        "from the first sampling on.")},
    {"seconds", Statement("tierwatch_query_duration_seconds_total",
                          "Time that executions of a statement took.")},
    {"rows", Statement("tierwatch_query_rows_total", "Rows that a statement gave or changed.")},
    {"blocks_hit", Statement("tierwatch_query_blocks_hit_total",
                             "Blocks that a statement found in shared buffers.")},
    {"blocks_read", Statement("tierwatch_query_blocks_read_total",
                              "Blocks that a statement had to read into shared buffers.")},
}};

constexpr std::int64_t kDefaultTop = 20;
constexpr std::int64_t kMostTop = 500;

constexpr std::string_view kExtension =
    "SELECT quote_ident(n.nspname) AS schema, e.extversion AS version, current_database() AS "
    "database FROM pg_database d LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements' LEFT "
    "JOIN pg_namespace n ON n.oid = e.extnamespace WHERE d.datname = current_database()";

// (false): without it the server reads all texts from a file, and spills them to another.
// The same statement of several roles, or on top and inside of functions, is one.
constexpr std::string_view kStatements = R"(
SELECT d.datname AS database, s.queryid, sum(s.calls) AS calls, sum(s.{1}) / 1000 AS seconds,
  sum(s.rows) AS rows, sum(s.shared_blks_hit) AS blocks_hit, sum(s.shared_blks_read) AS blocks_read
FROM {0}.pg_stat_statements(false) s LEFT JOIN pg_database d ON d.oid = s.dbid
GROUP BY 1, 2)";

// "1.10" → {1, 10}.
std::optional<std::pair<int, int>> ParseVersion(std::string_view text) {
  int major = 0, minor = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, major);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, minor);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return std::pair(major, minor);
}

bool IsQueryId(std::string_view text) {
  std::int64_t id = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

Result<std::map<StatementKey, StatementCost>> ReadStatements(const Rows& rows) {
  std::map<StatementKey, StatementCost> statements;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const auto& queryid = row.Raw("queryid");
    if (!queryid) {
      return Error{"statements of other roles are hidden: the role needs pg_monitor",
                   Reason::kPrivileges};
    }
    if (!IsQueryId(*queryid)) {
      return Error{fmt::format("row {} makes no sense", i + 1), Reason::kParse};
    }
    // The statements of databases that were dropped have no name for it: they are one.
    StatementCost& cost = statements[{LabelText(row.Text("database")), *queryid}];
    for (std::size_t k = 0; k < cost.size(); ++k) {
      const auto value = row.Number(kStatementColumns[k].name);
      if (!value || *value < 0) {
        return Error{fmt::format("row {}: no {}", i + 1, kStatementColumns[k].name),
                     Reason::kParse};
      }
      cost[k] += *value;
    }
  }
  return statements;
}

void AddStatements(const StatementTotals& totals, FamilySet& families) {
  const auto named = totals.Named();
  for (std::size_t k = 0; k < kStatementColumns.size(); ++k) {
    const MetricInfo& metric = kStatementColumns[k].metric;
    for (const auto& [key, total] : named) {
      families.Add(metric, {key.database, key.queryid}, total[k]);
    }
    families.Add(metric, {"", "other"}, totals.Others()[k]);
  }
}

class Queries final : public Collector {
 public:
  Queries(std::shared_ptr<PostgresServer> server, std::size_t top)
      : server_(std::move(server)), totals_(top) {}

  Sample Collect(const SampleContext& context) override {
    Result<PostgresSession> session = server_->Open(CallOf(context));
    if (!session.ok()) return Sample::Down(std::move(session).error());
    std::vector<Error> errors;
    QueriesReading reading;
    const int version = session->version();
    reading.databases = Ask(*session, DatabasesQuery(version), "pg_stat_database", errors);
    reading.server = Ask(*session, ServerTotalsQuery(version), "checkpoints and WAL", errors);
    reading.statements = AskStatements(*session, errors);
    Sample sample = QueriesSample(reading, totals_);
    sample.up = reading.databases || reading.statements;
    errors.insert(errors.end(), sample.errors.begin(), sample.errors.end());
    sample.errors = std::move(errors);
    return sample;
  }

 private:
  static std::optional<Rows> AskStatements(PostgresSession& session, std::vector<Error>& errors) {
    const auto extension = Ask(session, StatementsExtensionQuery(), "pg_stat_statements", errors);
    if (!extension) return std::nullopt;
    Result<std::string> query = StatementsQuery(*extension);
    if (query.ok()) return Ask(session, *query, "pg_stat_statements", errors);
    errors.push_back(std::move(query).error());
    return std::nullopt;
  }

  const std::shared_ptr<PostgresServer> server_;
  StatementTotals totals_;
};

}  // namespace

std::span<const MetricInfo> QueriesMetrics() {
  static const std::vector<MetricInfo> kAll = [] {
    constexpr std::array kStatementMetrics = MetricsOf(kStatementColumns);
    std::vector<MetricInfo> all(kStatementMetrics.begin(), kStatementMetrics.end());
    all.insert(all.end(), DatabaseTotalsMetrics().begin(), DatabaseTotalsMetrics().end());
    return all;
  }();
  return kAll;
}

std::string StatementsExtensionQuery() { return std::string(kExtension); }

Result<std::string> StatementsQuery(const Rows& extension) {
  if (extension.rows.size() != 1) return Error{"no answer about the extension", Reason::kParse};
  const RowReader row(extension, 0);
  const auto& text = row.Raw("version");
  if (!text) {
    return Error{
        fmt::format("pg_stat_statements is not in the database \"{}\": CREATE EXTENSION "
                    "pg_stat_statements",
                    LabelText(row.Text("database")))};
  }
  const auto version = ParseVersion(*text);
  if (!version) {
    return Error{"pg_stat_statements: unknown version " + LabelText(*text), Reason::kParse};
  }
  // 1.8 (PostgreSQL 13) split planning from execution.
  return fmt::format(fmt::runtime(kStatements), row.Text("schema"),
                     *version < std::pair(1, 8) ? "total_time" : "total_exec_time");
}

Sample QueriesSample(const QueriesReading& reading, StatementTotals& totals) {
  Sample sample;
  FamilySet families;
  if (reading.statements) {
    const auto statements = ReadStatements(*reading.statements);
    if (statements.ok()) {
      totals.Update(*statements);
      AddStatements(totals, families);
    } else {
      sample.errors.push_back(Error(statements.error()).In("pg_stat_statements"));
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
  return ReadServerEntry(entry, resources, [top](std::shared_ptr<PostgresServer> server) {
    return std::make_unique<Queries>(std::move(server), top);
  });
}

}  // namespace tierwatch
