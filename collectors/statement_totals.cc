#include "collectors/statement_totals.h"

#include <algorithm>
#include <utility>

namespace tierwatch {
namespace {

constexpr double kMemory = 15.0 / 16;

}  // namespace

void StatementTotals::Update(const std::map<StatementKey, StatementCost>& statements) {
  std::map<StatementKey, Statement> now;
  for (const auto& [key, cost] : statements) {
    Statement statement;
    if (const auto known = statements_.find(key); known != statements_.end()) {
      statement = known->second;
    }
    for (std::size_t i = 0; i < cost.size(); ++i) {
      statement.fresh[i] = std::max(0.0, cost[i] - statement.seen[i]);
      statement.total[i] += statement.fresh[i];
    }
    statement.seen = cost;
    statement.load = statement.load * kMemory + statement.fresh[kSeconds];
    now.emplace_hint(now.end(), key, statement);
  }
  statements_ = std::move(now);
  Name();
  // What is fresh at the first sampling is all of the past.
  for (const auto& [key, statement] : statements_) {
    if (statement.named || first_) continue;
    for (std::size_t i = 0; i < others_.size(); ++i) others_[i] += statement.fresh[i];
  }
  first_ = false;
}

// The top of now decides who has been outside for too long; free names go to the heaviest.
void StatementTotals::Name() {
  std::vector<Statement*> ranking;
  std::size_t named = 0;
  for (auto& [key, statement] : statements_) {
    ranking.push_back(&statement);
    if (statement.named) ++named;
  }
  // Who has a name is before who has none, at equal load.
  std::stable_sort(ranking.begin(), ranking.end(), [](const Statement* a, const Statement* b) {
    return std::pair(a->load, a->named) > std::pair(b->load, b->named);
  });
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    Statement& statement = *ranking[i];
    statement.outside = statement.named && i >= top_ ? statement.outside + 1 : 0;
    if (statement.outside < kPatience) continue;
    statement.named = false;
    statement.outside = 0;
    --named;
  }
  for (std::size_t i = 0; i < ranking.size() && named < top_; ++i) {
    if (ranking[i]->named) continue;
    ranking[i]->named = true;
    ++named;
  }
}

std::map<StatementKey, StatementCost> StatementTotals::Named() const {
  std::map<StatementKey, StatementCost> named;
  for (const auto& [key, statement] : statements_) {
    if (statement.named) named.emplace(key, statement.total);
  }
  return named;
}

}  // namespace tierwatch
