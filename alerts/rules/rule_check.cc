#include "alerts/rules/rule_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "alerts/promql/ast.h"
#include "alerts/promql/functions.h"
#include "alerts/rules/value_range.h"
#include "base/duration.h"

namespace tierwatch {
namespace {

using namespace promql;

/// Functions that give nothing of a single sample.
constexpr std::string_view kNeedTwoSamples[] = {
    "rate",   "increase", "delta",          "irate",
    "idelta", "deriv",    "predict_linear", "double_exponential_smoothing"};

std::string Describe(const ValueRange& range) {
  if (range.IsConstant()) return fmt::format("always {}", range.low);
  if (range.low == -std::numeric_limits<double>::infinity())
    return fmt::format("at most {}", range.high);
  if (range.high == std::numeric_limits<double>::infinity())
    return fmt::format("at least {}", range.low);
  return fmt::format("between {} and {}", range.low, range.high);
}

bool NeverHolds(BinaryOp op, const ValueRange& a, const ValueRange& b) {
  if (a.low > a.high || b.low > b.high) return false;  // said where it became so
  switch (op) {
    case BinaryOp::kGreater:
      return a.high <= b.low;
    case BinaryOp::kGreaterEqual:
      return a.high < b.low;
    case BinaryOp::kLess:
      return a.low >= b.high;
    case BinaryOp::kLessEqual:
      return a.low > b.high;
    case BinaryOp::kEqual:
      return a.high < b.low || a.low > b.high;
    case BinaryOp::kNotEqual:
      return a.IsConstant() && b.IsConstant() && a.low == b.low;
    default:
      return false;
  }
}

bool Positive(Presence presence) {
  return presence == Presence::kSure || presence == Presence::kLikely;
}

/// Why two elements can't have the same value of a label, and whether that is certain.
struct Mismatch {
  bool is_sure = false;
  std::string why;
};

std::optional<Mismatch> Compare(const std::string& label, const LabelFact& left,
                                const LabelFact& right, bool is_named) {
  if (left.presence == Presence::kSure && right.presence == Presence::kSure && left.value &&
      right.value && left.value != right.value) {
    return Mismatch{true, fmt::format("{} is {} on the left and {} on the right", label,
                                      Quote(*left.value), Quote(*right.value))};
  }
  const bool left_lacks = left.presence == Presence::kNever;
  const bool right_lacks = right.presence == Presence::kNever;
  if (left_lacks == right_lacks) return std::nullopt;
  const Presence other = left_lacks ? right.presence : left.presence;
  if (!Positive(other) && !is_named) return std::nullopt;
  return Mismatch{other == Presence::kSure,
                  fmt::format("the {} side has no label {}{}", left_lacks ? "left" : "right",
                              Quote(label), Positive(other) ? ", the other one has" : "")};
}

class Checker {
 public:
  Checker(const std::vector<RuleGroup>& groups, const MetricCatalog& catalog, RuleText& text)
      : groups_(groups), catalog_(catalog), text_(text), facts_(catalog.metrics) {}

  std::vector<RuleFinding> Run() {
    for (const RuleGroup& group : groups_) {
      for (const Rule& rule : group.rules) {
        if (rule.kind == Rule::Kind::kRecording && rule.expr) Record(group, rule);
      }
    }
    for (const RuleGroup& group : groups_) {
      for (const Rule& rule : group.rules) Check(rule);
    }
    return std::move(findings_);
  }

 private:
  void Record(const RuleGroup& group, const Rule& rule) {
    LabelFacts facts = InferLabels(*rule.expr, facts_);
    for (const TemplatedText& label : rule.labels) {
      const std::string& value = label.text.text();
      facts.Set(label.name, value.empty() ? LabelFact{Presence::kNever, {}}
                                          : LabelFact{Presence::kSure, value});
    }
    const auto [interval, is_first] = recorded_.try_emplace(rule.name, group.interval);
    interval->second = std::min(interval->second, group.interval);
    // Of what several rules record, or is a metric besides, nothing is known.
    if (!is_first || catalog_.metrics.contains(rule.name)) facts = LabelFacts();
    facts_.insert_or_assign(rule.name, std::move(facts));
  }

  void Add(bool is_error, Location where, std::string message) {
    if (seen_.emplace(where.ToString(), message).second)
      findings_.push_back({is_error, std::move(where), std::move(message)});
  }
  void AddIn(const Expr& expr, bool is_error, std::string message) {
    AddAt(expr.where, is_error, std::move(message));
  }
  void AddAt(const Place& place, bool is_error, std::string message) {
    Add(is_error, text_.InExpression(*rule_, static_cast<std::size_t>(std::max(place.begin, 0))),
        std::move(message));
  }

  void Check(const Rule& rule) {
    rule_ = &rule;
    CheckDuplicate(rule);
    if (!rule.expr) return;
    Walk(*rule.expr);
    if (rule.kind == Rule::Kind::kRecording) return;
    const LabelFacts facts = InferLabels(*rule.expr, facts_);
    CheckTemplates("labels", rule.labels, facts);
    CheckTemplates("annotations", rule.annotations, facts);
  }

  // As promtool's lint: whatever the expressions are.
  void CheckDuplicate(const Rule& rule) {
    if (!text_.IsNamed(rule)) return;
    std::string labels;
    for (const TemplatedText& label : rule.labels)
      labels += fmt::format(",{}={}", label.name, Quote(label.text.text()));
    const auto [first, is_new] =
        first_of_.try_emplace(std::tuple(rule.where.file, rule.name, labels), rule.where);
    if (is_new) return;
    Add(false, rule.where,
        fmt::format("{} has the name and the labels of the rule at {}:{}", rule.name,
                    first->second.line, first->second.column));
  }

  void CheckTemplates(std::string_view key, const std::vector<TemplatedText>& texts,
                      const LabelFacts& facts) {
    for (const TemplatedText& text : texts) {
      for (const LabelUse& use : text.text.LabelsShown()) {
        if (use.name == kMetricName || facts.Of(use.name).presence != Presence::kNever) continue;
        Add(false, text_.InTemplate(*rule_, key, text.name, use.offset),
            fmt::format("the expression's result has no label {}, so this shows nothing",
                        Quote(use.name)));
      }
    }
  }

  // ---- expressions

  void Walk(const Expr& expr) {
    if (const auto* selector = std::get_if<VectorSelector>(&expr.node)) Check(expr, *selector);
    if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) Check(expr, matrix->vector);
    if (const auto* binary = std::get_if<Binary>(&expr.node)) Check(*binary);
    if (const auto* call = std::get_if<Call>(&expr.node)) Check(expr, *call);
    for (const ExprPtr& child : Children(expr)) Walk(*child);
  }

  static std::string NameOf(const VectorSelector& selector) {
    for (const series::Matcher& matcher : selector.matchers) {
      if (matcher.name() == kMetricName && matcher.type() == series::MatchType::kEqual)
        return matcher.value();
    }
    return "";
  }

  void Check(const Expr& expr, const VectorSelector& selector) {
    for (const series::Matcher& matcher : selector.matchers) {
      const bool lists = matcher.type() == series::MatchType::kEqual ||
                         (matcher.type() == series::MatchType::kRegexp);
      if (!lists || matcher.literals().empty()) continue;
      const auto possible = [&](const std::string& value) {
        return std::all_of(selector.matchers.begin(), selector.matchers.end(),
                           [&](const series::Matcher& other) {
                             return other.name() != matcher.name() || other.Matches(value);
                           });
      };
      if (std::none_of(matcher.literals().begin(), matcher.literals().end(), possible)) {
        AddIn(expr, true,
              fmt::format("no value of {} satisfies all of its matchers", Quote(matcher.name())));
      }
    }
    const std::string name = NameOf(selector);
    if (!name.empty()) CheckName(expr, name, selector);
  }

  void CheckName(const Expr& expr, const std::string& name, const VectorSelector& selector) {
    const auto known = facts_.find(name);
    if (known != facts_.end()) return CheckMatchers(expr, name, known->second, selector);
    if (name == "ALERTS" || name == "ALERTS_FOR_STATE") return;
    if (!catalog_.owned_prefix || !name.starts_with(*catalog_.owned_prefix)) return;
    std::vector<std::string_view> names;
    for (const auto& [candidate, facts] : facts_) names.push_back(candidate);
    const std::string_view nearest = Nearest(name, names);
    AddIn(expr, catalog_.unknown_is_error,
          fmt::format("{} {}{}", catalog_.unknown, name,
                      nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest)));
  }

  void CheckMatchers(const Expr& expr, const std::string& name, const LabelFacts& facts,
                     const VectorSelector& selector) {
    for (const series::Matcher& matcher : selector.matchers) {
      if (matcher.name() == kMetricName || matcher.Matches("")) continue;
      const LabelFact fact = facts.Of(matcher.name());
      if (fact.presence == Presence::kNever) {
        AddIn(expr, false, fmt::format("{} has no label {}", name, Quote(matcher.name())));
      } else if (fact.value && !matcher.Matches(*fact.value)) {
        AddIn(expr, false, fmt::format("{} has {}={}", name, matcher.name(), Quote(*fact.value)));
      } else if (fact.presence == Presence::kUnknown) {
        CheckSpelling(expr, name, facts, matcher.name());
      }
    }
  }

  // Any label may be a target's; one that is nearly the metric's own is more likely a slip.
  void CheckSpelling(const Expr& expr, const std::string& name, const LabelFacts& facts,
                     const std::string& label) {
    std::vector<std::string_view> own;
    for (const auto& [candidate, fact] : facts.labels) own.push_back(candidate);
    const std::string_view nearest = Nearest(label, own);
    if (nearest.empty()) return;
    AddIn(expr, false,
          fmt::format("{} has no label {} of its own; did you mean {}?", name, Quote(label),
                      nearest));
  }

  void Check(const Expr& expr, const Call& call) {
    const std::string_view function = call.function->name;
    if (std::find(std::begin(kNeedTwoSamples), std::end(kNeedTwoSamples), function) ==
        std::end(kNeedTwoSamples))
      return;
    const Expr& arg = Unwrap(*call.args[0]);
    if (const auto* subquery = std::get_if<Subquery>(&arg.node)) {
      if (subquery->range.expr || subquery->step.expr || subquery->step.value.count() == 0) return;
      return CheckRange(expr, function, subquery->range.value, subquery->step.value, true);
    }
    const auto* matrix = std::get_if<MatrixSelector>(&arg.node);
    if (matrix == nullptr || matrix->range.expr) return;
    if (matrix->vector.anchored || matrix->vector.smoothed) return;
    const std::string name = NameOf(matrix->vector);
    if (const auto recorded = recorded_.find(name); recorded != recorded_.end()) {
      CheckRange(expr, function, matrix->range.value, recorded->second, true);
    } else if (catalog_.interval_is_sure || catalog_.metrics.contains(name)) {
      CheckRange(expr, function, matrix->range.value, catalog_.sample_interval,
                 catalog_.interval_is_sure);
    }
  }

  void CheckRange(const Expr& expr, std::string_view function, Millis range, Millis interval,
                  bool is_sure) {
    if (range >= 2 * interval) return;
    const bool never = range <= interval;
    AddIn(expr, never && is_sure,
          fmt::format("{} needs two samples, and a range of {} {}{}: there is one each {}{}",
                      function, FormatDuration(range), never ? "never" : "now and then",
                      never ? " holds more than one" : " holds only one", FormatDuration(interval),
                      is_sure ? "" : " unless the configuration says otherwise"));
  }

  void Check(const Binary& binary) {
    if (IsComparison(binary.op) && !binary.return_bool) CheckComparison(binary);
    if (binary.matching && binary.op != BinaryOp::kOr && !binary.matching->fill_left &&
        !binary.matching->fill_right)
      CheckMatching(binary);
  }

  void CheckComparison(const Binary& binary) {
    if (binary.matching && (binary.matching->fill_left || binary.matching->fill_right)) return;
    const ValueRange left = InferRange(*binary.lhs);
    const ValueRange right = InferRange(*binary.rhs);
    if (!NeverHolds(binary.op, left, right)) return;
    const auto* aggregate = std::get_if<Aggregate>(&Unwrap(*binary.lhs).node);
    const bool counts = aggregate != nullptr && aggregate->op == AggregateOp::kCount;
    AddAt(binary.op_place, true,
          fmt::format("never holds: the left side is {}, the right side {}{}", Describe(left),
                      Describe(right),
                      counts ? "; of no series count() gives nothing, not 0 (see absent())" : ""));
  }

  void CheckMatching(const Binary& binary) {
    const VectorMatching& matching = *binary.matching;
    const LabelFacts left = InferLabels(*binary.lhs, facts_);
    const LabelFacts right = InferLabels(*binary.rhs, facts_);
    std::set<std::string> labels(matching.labels.begin(), matching.labels.end());
    if (!matching.on) {
      const std::set<std::string> ignored = std::exchange(labels, {});
      for (const LabelFacts* side : {&left, &right}) {
        for (const auto& [label, fact] : side->labels) {
          if (!ignored.contains(label)) labels.insert(label);
        }
      }
    }
    std::optional<Mismatch> worst;
    for (const std::string& label : labels) {
      std::optional<Mismatch> mismatch =
          Compare(label, left.Of(label), right.Of(label), matching.on);
      if (mismatch && (!worst || (mismatch->is_sure && !worst->is_sure))) worst = mismatch;
    }
    if (!worst) return;
    const bool unless = binary.op == BinaryOp::kUnless;
    AddAt(binary.op_place, worst->is_sure && !unless,
          fmt::format("{} {}: {}", Quote(OpText(binary.op)),
                      unless           ? "takes nothing away"
                      : worst->is_sure ? "never matches"
                                       : "matches only series without the label",
                      worst->why));
  }

  const std::vector<RuleGroup>& groups_;
  const MetricCatalog& catalog_;
  RuleText& text_;
  MetricFacts facts_;                       // of the catalog and of what is recorded
  std::map<std::string, Millis> recorded_;  // by name: how often
  const Rule* rule_ = nullptr;              // the one that is looked at
  std::map<std::tuple<std::string, std::string, std::string>, Location> first_of_;
  std::set<std::pair<std::string, std::string>> seen_;
  std::vector<RuleFinding> findings_;
};

}  // namespace

std::string RuleFinding::ToString() const {
  return fmt::format("{}: {}: {}", where.ToString(), is_error ? "error" : "warning", message);
}

std::vector<RuleFinding> CheckRules(const std::vector<RuleGroup>& groups,
                                    const MetricCatalog& catalog, RuleText& text) {
  return Checker(groups, catalog, text).Run();
}

}  // namespace tierwatch
