#include "collectors/statement_totals.h"

#include <algorithm>
#include <utility>

namespace tierwatch {

void StatementTotals::Update(const std::map<StatementKey, StatementCost>& statements) {
  std::map<StatementKey, Statement> now;
  std::map<StatementKey, double> seconds;
  for (const auto& [key, cost] : statements) {
    const auto known = statements_.find(key);
    Statement statement = known == statements_.end() ? Statement{} : known->second;
    for (std::size_t i = 0; i < cost.size(); ++i) {
      statement.fresh[i] = std::max(0.0, cost[i] - statement.seen[i]);
      statement.total[i] += statement.fresh[i];
    }
    statement.seen = cost;
    now.emplace_hint(now.end(), key, statement);
    seconds.emplace_hint(seconds.end(), key, statement.fresh[kSeconds]);
  }
  statements_ = std::move(now);
  names_.Update(seconds);
  // What is fresh at the first sampling is all of the past.
  for (const auto& [key, statement] : statements_) {
    if (first_ || names_.Named(key)) continue;
    for (std::size_t i = 0; i < others_.size(); ++i) others_[i] += statement.fresh[i];
  }
  first_ = false;
}

std::map<StatementKey, StatementCost> StatementTotals::Named() const {
  std::map<StatementKey, StatementCost> named;
  for (const StatementKey& key : names_.Names()) named.emplace(key, statements_.at(key).total);
  return named;
}

}  // namespace tierwatch
