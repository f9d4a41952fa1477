#include "collectors/partman.h"

#include <fmt/format.h>

#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

// A row as JSON has every column by name, whether this version of pg_partman has it or not.
constexpr std::string_view kConfig =
    "SELECT parent_table, premake, extract(epoch FROM (to_jsonb(c)->>'maintenance_last_run')"
    "::timestamptz)::float8 AS last_run FROM {}.part_config c LIMIT 10000";

}  // namespace

std::string PartmanQuery(const std::string& schema) { return fmt::format(kConfig, schema); }

std::map<std::string, PartmanTable> ReadPartman(const Rows& rows) {
  std::map<std::string, PartmanTable> tables;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    tables[row.Label("parent_table")] = {row.Number("premake"), row.Number("last_run")};
  }
  return tables;
}

}  // namespace tierwatch
