#include "alerts/promql/common.h"

#include <utility>

namespace tierwatch::promql {

CommonParts::State& CommonParts::At(const Expr& expr) {
  const auto id = static_cast<std::size_t>(expr.id);
  if (id >= states_.size()) states_.resize(id + 1);
  return states_[id];
}

ExprPtr CommonParts::Same(ExprPtr node, const std::string& text) {
  const auto [known, fresh] = parts_.try_emplace(text, std::move(node));
  ++At(*known->second).uses;
  return known->second;
}

const Value* CommonParts::Find(const Expr& expr, const Steps& steps) const {
  const auto id = static_cast<std::size_t>(expr.id);
  if (id >= states_.size()) return nullptr;
  const State& state = states_[id];
  return state.round == round_ && state.steps == steps ? &state.value : nullptr;
}

void CommonParts::Keep(const Expr& expr, const Steps& steps, const Value& value) {
  State& state = At(expr);
  if (state.uses < 2 || state.excluded) return;
  state.round = round_;
  state.steps = steps;
  state.value = value;
}

}  // namespace tierwatch::promql
