#include "collectors/statement_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <utility>
#include <vector>

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
  std::string_view measured = "";  // a column that says whether zero is a measurement
};
// In the order of StatementCost. What has no name of its own is queryid="other", counted from the
// first sampling on.
constexpr std::array<Column, std::tuple_size_v<StatementCost>> kColumns{{
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
    {"temp_bytes", Statement("tierwatch_query_temp_bytes_total",
                             "Bytes that a statement wrote to temporary files.")},
    {"io_seconds",
     Statement("tierwatch_query_io_duration_seconds_total",
               "Time that a statement took to read and write blocks; only with track_io_timing."),
     "io_measured"},
    {"plan_seconds",
     Statement("tierwatch_query_plan_duration_seconds_total",
               "Time that planning a statement took; since pg_stat_statements 1.8, only with its "
               "track_planning."),
     "plan_measured"},
    {"wal_bytes", Statement("tierwatch_query_wal_bytes_total",
                            "WAL that a statement wrote; since pg_stat_statements 1.8.")},
}};

constexpr MetricInfo kEvictions{
    "tierwatch_statements_evictions_total", MetricType::Counter,
    "Times that pg_stat_statements forgot its least executed statements for want of room "
    "(pg_stat_statements.max); since 1.9."};
constexpr MetricInfo kReset{"tierwatch_statements_reset_timestamp_seconds", MetricType::Gauge,
                            "When pg_stat_statements last began to count; since 1.9."};
constexpr std::array kMetrics = JoinMetrics(MetricsOf(kColumns), std::array{kEvictions, kReset});

constexpr std::string_view kExtension =
    "SELECT quote_ident(n.nspname) AS schema, e.extversion AS version, current_database() AS "
    "database FROM pg_database d LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements' LEFT "
    "JOIN pg_namespace n ON n.oid = e.extnamespace WHERE d.datname = current_database()";

// (false): without it the server reads all texts from a file, and spills them to another.
// The same statement of several roles, or on top and inside of functions, is one.
constexpr std::string_view kStatements = R"(
SELECT d.datname AS database, s.queryid, sum(s.calls) AS calls, sum(s.{time}) / 1000 AS seconds,
  sum(s.rows) AS rows, sum(s.shared_blks_hit) AS blocks_hit, sum(s.shared_blks_read) AS blocks_read,
  sum(s.temp_blks_written) * current_setting('block_size')::int AS temp_bytes,
  sum(s.{read} + s.{write}) / 1000 AS io_seconds,
  current_setting('track_io_timing')::bool AS io_measured{since_8}{since_9}
FROM {schema}.pg_stat_statements(false) s LEFT JOIN pg_database d ON d.oid = s.dbid
GROUP BY 1, 2)";
constexpr std::string_view kSince8 = R"(,
  sum(s.total_plan_time) / 1000 AS plan_seconds, sum(s.wal_bytes) AS wal_bytes,
  current_setting('pg_stat_statements.track_planning', true)::bool AS plan_measured)";
constexpr std::string_view kSince9 = R"(,
  (SELECT dealloc FROM {0}.pg_stat_statements_info) AS evictions,
  (SELECT extract(epoch FROM stats_reset) FROM {0}.pg_stat_statements_info) AS reset_seconds)";

constexpr std::string_view kTexts = R"(
SELECT d.datname AS database, s.queryid, left(max(s.query), {}) AS text
FROM {}.pg_stat_statements(true) s LEFT JOIN pg_database d ON d.oid = s.dbid
WHERE s.queryid IN ({})
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

Result<void> AddCosts(const RowReader& row, StatementsReading& reading, StatementCost& cost) {
  for (std::size_t k = 0; k < cost.size(); ++k) {
    const Column& column = kColumns[k];
    const auto& text = row.Raw(column.name);
    if (!text && k >= kAlwaysMeasured) continue;  // not of this version
    const auto value = row.Counter(column.name);
    if (!value) return Error{fmt::format("no {}", column.name), Reason::kParse};
    cost[k] += *value;
    if (*value > 0 || column.measured.empty() || row.Flag(column.measured).value_or(false)) {
      reading.measured.set(k);
    }
  }
  return {};
}

}  // namespace

std::string StatementsExtensionQuery() { return std::string(kExtension); }

Result<StatementsExtension> ReadStatementsExtension(const Rows& rows) {
  if (rows.rows.size() != 1)
    return Error{"pg_stat_statements: no answer about the extension", Reason::kParse};
  const RowReader row(rows, 0);
  const auto& text = row.Raw("version");
  if (!text) {
    return Error{
        fmt::format("pg_stat_statements is not in the database \"{}\": CREATE EXTENSION "
                    "pg_stat_statements",
                    row.Label("database"))};
  }
  const auto version = ParseVersion(*text);
  if (!version)
    return Error{"pg_stat_statements: unknown version " + LabelText(*text), Reason::kParse};
  return StatementsExtension{row.Text("schema"), version->first, version->second};
}

std::string StatementsQuery(const StatementsExtension& extension) {
  const auto since = [&](int minor) {
    return std::pair(extension.major, extension.minor) >= std::pair(1, minor);
  };
  // 1.8 (PostgreSQL 13) split planning from execution, 1.11 (17) shared blocks from local ones.
  return fmt::format(
      fmt::runtime(kStatements), fmt::arg("schema", extension.schema),
      fmt::arg("time", since(8) ? "total_exec_time" : "total_time"),
      fmt::arg("read", since(11) ? "shared_blk_read_time" : "blk_read_time"),
      fmt::arg("write", since(11) ? "shared_blk_write_time" : "blk_write_time"),
      fmt::arg("since_8", since(8) ? kSince8 : ""),
      fmt::arg("since_9", since(9) ? fmt::format(fmt::runtime(kSince9), extension.schema) : ""));
}

std::string StatementTextsQuery(const StatementsExtension& extension,
                                std::span<const StatementKey> statements) {
  std::vector<std::string_view> ids;
  for (const StatementKey& statement : statements) ids.push_back(statement.queryid);
  return fmt::format(fmt::runtime(kTexts), kLongestStatementText, extension.schema,
                     fmt::join(ids, ", "));
}

Result<StatementsReading> ReadStatements(const Rows& rows) {
  StatementsReading reading;
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
    StatementCost& cost = reading.costs[{row.Label("database"), *queryid}];
    Result<void> added = AddCosts(row, reading, cost);
    if (!added.ok()) return std::move(added).error().In(fmt::format("row {}", i + 1));
  }
  if (rows.rows.empty()) return reading;
  const RowReader first(rows, 0);
  reading.evictions = first.Counter("evictions");
  reading.reset_seconds = first.Number("reset_seconds");
  return reading;
}

std::span<const MetricInfo> StatementMetrics() { return kMetrics; }

void AddStatements(const StatementsReading& reading, const StatementTotals& totals,
                   FamilySet& families) {
  const auto named = totals.Named();
  for (std::size_t k = 0; k < kColumns.size(); ++k) {
    if (k >= kAlwaysMeasured && !reading.measured[k]) continue;
    const MetricInfo& metric = kColumns[k].metric;
    for (const auto& [key, total] : named) {
      families.Add(metric, {key.database, key.queryid}, total[k]);
    }
    families.Add(metric, {"", "other"}, totals.Others()[k]);
  }
  if (reading.evictions) families.Add(kEvictions, {}, *reading.evictions);
  if (reading.reset_seconds) families.Add(kReset, {}, *reading.reset_seconds);
}

}  // namespace tierwatch
