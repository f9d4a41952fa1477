// What the extension pg_partman says of the tables that it keeps partitions for.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "collectors/client/postgres_client.h"

namespace tierwatch {

struct PartmanTable {
  std::optional<double> premake;   // partitions that it makes ahead
  std::optional<double> last_run;  // of its maintenance, Unix seconds; from pg_partman 5 on
};

/// Reads part_config alone. `schema` is the extension's, quoted.
std::string PartmanQuery(const std::string& schema);
/// By the name that pg_partman knows a table under: schema.table, not quoted.
std::map<std::string, PartmanTable> ReadPartman(const Rows& rows);

}  // namespace tierwatch
