// What statements have cost, as counters that never fall: the heaviest by name, the rest as one.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <map>
#include <string>

#include "collectors/sticky_top.h"

namespace tierwatch {

struct StatementKey {
  std::string database, queryid;
  auto operator<=>(const StatementKey&) const = default;
};

/// Calls, seconds, rows, blocks hit, blocks read, bytes of temporary files; and what not every
/// server measures: seconds of I/O, seconds of planning, bytes of WAL. In this order everywhere.
using StatementCost = std::array<double, 9>;
inline constexpr std::size_t kSeconds = 1, kAlwaysMeasured = 6;

/// Keeps the `top` statements that take most time of late (collectors/sticky_top.h; at the first
/// sampling, all the time that the server knows of), and sums the others.
///
/// - A named statement counts what the server counts; it stands still where the server counts back
///   (statistics were reset, or one role's entry was evicted), since nobody can tell these apart.
/// - The others' sum counts what statements without a name do, from the first sampling on. No past
///   moves into it: that would look like load.
///
/// Statements that the server has evicted are forgotten. Not thread-safe.
class StatementTotals {
 public:
  explicit StatementTotals(std::size_t top) : names_(top) {}

  /// One sampling: all statements that the server knows, each key once.
  void Update(const std::map<StatementKey, StatementCost>& statements);

  /// By key.
  std::map<StatementKey, StatementCost> Named() const;
  const StatementCost& Others() const { return others_; }

 private:
  struct Statement {
    StatementCost seen{};   // the server's, at the last sampling
    StatementCost total{};  // ours
    StatementCost fresh{};  // of the last sampling
  };

  StickyTop<StatementKey> names_;
  bool first_ = true;
  std::map<StatementKey, Statement> statements_;
  StatementCost others_{};
};

}  // namespace tierwatch
