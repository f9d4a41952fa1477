// The parts that the expressions of a rule group have in common: kept once, evaluated once a round.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "alerts/promql/ast.h"
#include "alerts/promql/value.h"

namespace tierwatch::promql {

/// Not thread-safe.
class CommonParts {
 public:
  /// The number of a new node.
  int NewId() { return nodes_++; }
  /// The node that stands for `node` and for all that are equal to it: `text` tells what it is.
  ExprPtr Same(ExprPtr node, const std::string& text);
  /// Forgets the values of the last round.
  void NewRound() { ++round_; }

  /// The value that a common part had earlier in this round, null where it has none yet.
  const Value* Find(const Expr& expr, const Steps& steps) const {
    const auto id = static_cast<std::size_t>(expr.id);
    return id < parts_.size() && parts_[id].common() ? FindValue(id, steps) : nullptr;
  }
  /// Keeps the value of a part that occurs more than once.
  void Keep(const Expr& expr, const Steps& steps, const Value& value);
  /// Values of the part may differ within a round: it reads what rules of the group write.
  void Exclude(const Expr& expr) { At(expr).excluded = true; }

 private:
  struct Part {
    bool repeated = false;
    bool excluded = false;
    bool used = false;
    bool common() const { return repeated && !excluded; }
  };
  struct Kept {
    std::uint64_t round = 0;
    Steps steps{};
    Value value{};
  };
  Part& At(const Expr& expr);
  const Value* FindValue(std::size_t id, const Steps& steps) const;

  int nodes_ = 0;
  std::uint64_t round_ = 1;
  std::unordered_map<std::string, ExprPtr> nodes_by_text_;
  std::vector<Part> parts_;                       // by node
  std::unordered_map<std::size_t, Kept> values_;  // by node, of common parts
};

}  // namespace tierwatch::promql
