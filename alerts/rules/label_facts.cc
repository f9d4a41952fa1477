#include "alerts/rules/label_facts.h"

#include <algorithm>
#include <set>

#include "alerts/promql/ast.h"
#include "alerts/promql/functions.h"

namespace tierwatch {
namespace {

using namespace promql;

const LabelFact kAbsent{Presence::kNever, {}};

std::set<std::string> Named(const LabelFacts& a, const LabelFacts& b) {
  std::set<std::string> names;
  for (const LabelFacts* facts : {&a, &b}) {
    for (const auto& [name, fact] : facts->labels) names.insert(name);
  }
  return names;
}

bool Positive(Presence presence) {
  return presence == Presence::kSure || presence == Presence::kLikely;
}

/// Of an element of which it is not known which of two it is.
LabelFact Either(const LabelFact& a, const LabelFact& b) {
  LabelFact fact;
  if (a.presence == b.presence) fact.presence = a.presence;
  if (a.presence != b.presence && Positive(a.presence) && Positive(b.presence))
    fact.presence = Presence::kLikely;
  if (a.value && a.value == b.value) fact.value = a.value;
  return fact;
}

/// Of a label that has the same value on both sides of an operator.
LabelFact Both(const LabelFact& a, const LabelFact& b) {
  const auto any = [&](Presence presence) {
    return a.presence == presence || b.presence == presence;
  };
  LabelFact fact;
  for (const Presence presence : {Presence::kNever, Presence::kSure, Presence::kLikely}) {
    if (!any(presence)) continue;
    fact.presence = presence;
    break;
  }
  fact.value = a.value ? a.value : b.value;
  return fact;
}

LabelFacts Unite(const LabelFacts& a, const LabelFacts& b) {
  LabelFacts united;
  united.others = a.others == b.others ? a.others : Presence::kUnknown;
  for (const std::string& name : Named(a, b)) united.Set(name, Either(a.Of(name), b.Of(name)));
  return united;
}

LabelFacts NoLabels() { return {{}, Presence::kNever}; }

class Inference {
 public:
  explicit Inference(const MetricFacts& metrics) : metrics_(metrics) {}

  LabelFacts Of(const Expr& expr) const {
    return std::visit([&](const auto& node) { return Of(node); }, expr.node);
  }

 private:
  LabelFacts Of(const NumberLiteral&) const { return NoLabels(); }
  LabelFacts Of(const StringLiteral&) const { return NoLabels(); }
  LabelFacts Of(const MatrixSelector& node) const { return Of(node.vector); }
  LabelFacts Of(const Subquery& node) const { return Of(*node.expr); }
  LabelFacts Of(const Paren& node) const { return Of(*node.expr); }
  LabelFacts Of(const Unary& node) const { return Of(*node.expr); }
  LabelFacts Of(const StepInvariant& node) const { return Of(*node.expr); }

  LabelFacts Of(const VectorSelector& node) const {
    LabelFacts facts;
    for (const series::Matcher& matcher : node.matchers) {
      if (matcher.name() != kMetricName || matcher.type() != series::MatchType::kEqual) continue;
      if (const auto known = metrics_.find(matcher.value()); known != metrics_.end())
        facts = known->second;
    }
    for (const series::Matcher& matcher : node.matchers) {
      if (matcher.name() == kMetricName) continue;
      if (matcher.type() == series::MatchType::kEqual) {
        facts.Set(matcher.name(),
                  matcher.value().empty() ? kAbsent : LabelFact{Presence::kSure, matcher.value()});
      } else if (!matcher.Matches("")) {
        facts.Set(matcher.name(), {Presence::kSure, facts.Of(matcher.name()).value});
      }
    }
    return facts;
  }

  LabelFacts Of(const Aggregate& node) const {
    LabelFacts inner = Of(*node.expr);
    using enum AggregateOp;
    if (node.op == kTopk || node.op == kBottomk || node.op == kLimitk || node.op == kLimitRatio)
      return inner;
    LabelFacts facts = node.without ? std::move(inner) : NoLabels();
    for (const std::string& label : node.grouping) {
      if (node.without) {
        facts.Set(label, kAbsent);
        continue;
      }
      LabelFact fact = inner.Of(label);
      if (fact.presence == Presence::kUnknown) fact.presence = Presence::kLikely;
      facts.Set(label, fact);
    }
    if (node.op == kCountValues) {
      if (const auto* label = std::get_if<StringLiteral>(&Unwrap(*node.parameter).node))
        facts.Set(label->value, {Presence::kSure, {}});
    }
    return facts;
  }

  LabelFacts Of(const Call& node) const {
    const std::string_view name = node.function->name;
    if (name == "absent" || name == "absent_over_time") return Absent(node);
    const auto vector = std::find_if(node.args.begin(), node.args.end(), [](const ExprPtr& arg) {
      const ValueType type = TypeOf(*arg);
      return type == ValueType::kVector || type == ValueType::kMatrix;
    });
    if (vector == node.args.end()) return NoLabels();
    LabelFacts facts = Of(**vector);
    if (name == "label_replace" || name == "label_join") {
      const auto* label = std::get_if<StringLiteral>(&Unwrap(*node.args[1]).node);
      if (label == nullptr) return {};
      facts.Set(label->value, {});
      return facts;
    }
    // What an experimental function does to labels is its own affair: info() adds some.
    if (name == "info" || name == "histogram_quantiles") return {};
    if (name == "histogram_quantile" || name == "histogram_fraction") facts.Set("le", kAbsent);
    return facts;
  }

  /// The labels that equality matchers name once.
  LabelFacts Absent(const Call& node) const {
    LabelFacts facts = NoLabels();
    const Expr& arg = Unwrap(*node.args[0]);
    const auto* selector = std::get_if<VectorSelector>(&arg.node);
    if (const auto* matrix = std::get_if<MatrixSelector>(&arg.node)) selector = &matrix->vector;
    if (selector == nullptr) return facts;
    std::map<std::string, int> named;
    for (const series::Matcher& matcher : selector->matchers) ++named[matcher.name()];
    for (const series::Matcher& matcher : selector->matchers) {
      if (matcher.name() != kMetricName && matcher.type() == series::MatchType::kEqual &&
          !matcher.value().empty() && named[matcher.name()] == 1)
        facts.Set(matcher.name(), {Presence::kSure, matcher.value()});
    }
    return facts;
  }

  LabelFacts Of(const Binary& node) const {
    if (!node.matching)
      return TypeOf(*node.lhs) == ValueType::kScalar ? Of(*node.rhs) : Of(*node.lhs);
    const LabelFacts left = Of(*node.lhs);
    const LabelFacts right = Of(*node.rhs);
    if (node.op == BinaryOp::kOr) return Unite(left, right);
    if (IsSetOperator(node.op)) return left;
    const VectorMatching& matching = *node.matching;
    if (matching.cardinality == Cardinality::kOneToMany) return Joined(right, left, matching);
    return Joined(left, right, matching);
  }

  /// `many` is the side that keeps its labels.
  static LabelFacts Joined(const LabelFacts& many, const LabelFacts& one,
                           const VectorMatching& matching) {
    const bool fills = matching.fill_left || matching.fill_right;
    const auto equal = [&](const std::string& label) {
      return fills ? Either(many.Of(label), one.Of(label)) : Both(many.Of(label), one.Of(label));
    };
    const auto listed = [&](const std::string& label) {
      return std::find(matching.labels.begin(), matching.labels.end(), label) !=
             matching.labels.end();
    };
    const bool one_to_one = matching.cardinality == Cardinality::kOneToOne;
    if (fills && !one_to_one) return {};
    LabelFacts facts = one_to_one && matching.on ? NoLabels() : many;
    if (fills && !matching.on) facts = Unite(many, one);
    for (const std::string& label : Named(many, one)) {
      if (listed(label) == matching.on) facts.Set(label, equal(label));
    }
    for (const std::string& label : matching.labels) {
      if (!matching.on) facts.Set(label, one_to_one ? kAbsent : many.Of(label));
      if (matching.on) {
        LabelFact fact = equal(label);
        if (fact.presence == Presence::kUnknown) fact.presence = Presence::kLikely;
        facts.Set(label, fact);
      }
    }
    if (!matching.on && one.others == Presence::kNever && !fills) facts.others = Presence::kNever;
    for (const std::string& label : matching.include) facts.Set(label, one.Of(label));
    return facts;
  }

  const MetricFacts& metrics_;
};

}  // namespace

LabelFact LabelFacts::Of(std::string_view label) const {
  const auto found = labels.find(label);
  return found == labels.end() ? LabelFact{others, {}} : found->second;
}

void LabelFacts::Set(std::string_view label, LabelFact fact) {
  labels.insert_or_assign(std::string(label), std::move(fact));
}

LabelFacts InferLabels(const promql::Expr& expr, const MetricFacts& metrics) {
  return Inference(metrics).Of(expr);
}

}  // namespace tierwatch
