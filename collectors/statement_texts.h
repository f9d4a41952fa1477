// What the statements that have names say, for those who ask: never a label.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/client/postgres_client.h"
#include "collectors/collector.h"
#include "collectors/statement_totals.h"

namespace tierwatch {

/// A text as it may be shown. pg_stat_statements puts $1 for the constants of what it can plan; of
/// other statements (ALTER ROLE … PASSWORD 'secret'), and of those where a quoted constant stands
/// all the same (SELECT … INTO before PostgreSQL 16; a statement that was evicted while it ran),
/// only the first word is left. Source: PostgreSQL's documentation of pg_stat_statements.
std::string ShownText(std::string_view text);

/// The texts of the statements with names; each is asked for once. Not thread-safe.
class StatementTexts {
 public:
  /// Who has a name now; texts of others are forgotten.
  void Keep(const std::map<StatementKey, StatementCost>& named);
  /// Those of them that were not asked for yet.
  const std::vector<StatementKey>& missing() const { return missing_; }
  /// What was asked for: rows of database, queryid, text. A statement that is not among them was
  /// evicted meanwhile, and is not asked for again.
  void Learn(const Rows& rows);

  /// In the order of their keys; never null, and not changed any more.
  std::shared_ptr<const std::vector<StatementText>> Known() const { return known_; }

 private:
  void Publish();

  std::map<StatementKey, std::string> texts_;  // "": asked for in vain
  std::vector<StatementKey> missing_;
  std::shared_ptr<const std::vector<StatementText>> known_ =
      std::make_shared<std::vector<StatementText>>();
};

}  // namespace tierwatch
