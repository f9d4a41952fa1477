// pg_stat_statements as SQL gives it: which columns its versions have, and its rows as costs.
#pragma once

#include <bitset>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/metric.h"
#include "collectors/client/postgres_client.h"
#include "collectors/statement_totals.h"

namespace tierwatch {

/// One row: where pg_stat_statements is in the session's database, and its version; NULL where it
/// is missing.
std::string StatementsExtensionQuery();

/// The extension by that row. Its columns follow its own version, not the server's: an upgraded
/// server keeps the old extension until somebody updates it.
struct StatementsExtension {
  std::string schema;  // quoted as SQL needs it
  int major = 0, minor = 0;
};
/// Errors: kOther where the extension is missing, kParse for a version that makes no sense.
Result<StatementsExtension> ReadStatementsExtension(const Rows& rows);

/// All statements' costs.
std::string StatementsQuery(const StatementsExtension& extension);
/// The texts of these statements: rows of database, queryid, text.
std::string StatementTextsQuery(const StatementsExtension& extension,
                                std::span<const StatementKey> statements);

struct StatementsReading {
  std::map<StatementKey, StatementCost> costs;
  /// Costs that this server measures; the others are 0 and mean nothing.
  std::bitset<std::tuple_size_v<StatementCost>> measured;
  std::optional<double> evictions, reset_seconds;  // of pg_stat_statements_info, since 1.9
};
/// Errors: kPrivileges where other roles' statements are hidden, kParse.
Result<StatementsReading> ReadStatements(const Rows& rows);

std::span<const MetricInfo> StatementMetrics();
/// Adds the families of a reading that `totals` was brought up to date by.
void AddStatements(const StatementsReading& reading, const StatementTotals& totals,
                   FamilySet& families);

}  // namespace tierwatch
