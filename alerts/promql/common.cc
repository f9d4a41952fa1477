#include "alerts/promql/common.h"

#include <utility>

namespace tierwatch::promql {

CommonParts::Part& CommonParts::At(const Expr& expr) {
  const auto id = static_cast<std::size_t>(expr.id);
  if (id >= parts_.size()) parts_.resize(id + 1);
  return parts_[id];
}

ExprPtr CommonParts::Same(ExprPtr node, const std::string& text) {
  const ExprPtr known = nodes_by_text_.try_emplace(text, std::move(node)).first->second;
  Part& part = At(*known);
  const bool literal = std::holds_alternative<NumberLiteral>(known->node);  // cheaper anew
  part.repeated = std::exchange(part.used, true) && !literal;
  return known;
}

const Value* CommonParts::FindValue(std::size_t id, const Steps& steps) const {
  const auto kept = values_.find(id);
  if (kept == values_.end()) return nullptr;
  return kept->second.round == round_ && kept->second.steps == steps ? &kept->second.value
                                                                     : nullptr;
}

void CommonParts::Keep(const Expr& expr, const Steps& steps, const Value& value) {
  if (!At(expr).common()) return;
  Kept& kept = values_[static_cast<std::size_t>(expr.id)];
  kept.round = round_;
  kept.steps = steps;
  kept.value = value;
}

}  // namespace tierwatch::promql
