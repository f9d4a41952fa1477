// What statements have cost, as counters that never fall: the heaviest by name, the rest as one.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace tierwatch {

struct StatementKey {
  std::string database, queryid;
  auto operator<=>(const StatementKey&) const = default;
};

/// Calls, seconds, rows, blocks hit, blocks read: in this order everywhere.
using StatementCost = std::array<double, 5>;
inline constexpr std::size_t kSeconds = 1;

/// Keeps the `top` statements that take most time of late, and sums the others.
///
/// - A statement's load is the time that it took, a sixteenth of it forgotten at each sampling; at
///   the first one it is all the time that the server knows of.
/// - A statement keeps its name until it has not been among the `top` for kPatience samplings
///   running, so that two of nearly the same load don't take turns.
/// - A named statement counts what the server counts; it stands still where the server counts back
///   (statistics were reset, or one role's entry was evicted), since nobody can tell these apart.
/// - The others' sum counts what statements without a name do, from the first sampling on. No past
///   moves into it: that would look like load.
///
/// Statements that the server has evicted are forgotten. Not thread-safe.
class StatementTotals {
 public:
  static constexpr int kPatience = 4;

  explicit StatementTotals(std::size_t top) : top_(top) {}

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
    double load = 0;
    bool named = false;
    int outside = 0;  // samplings running that it was named, but not among the top
  };
  void Name();

  const std::size_t top_;
  bool first_ = true;
  std::map<StatementKey, Statement> statements_;
  StatementCost others_{};
};

}  // namespace tierwatch
