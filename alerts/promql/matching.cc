// Binary operators between vectors: which series meet which. Signatures are worked out once, not at
// every step.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "alerts/promql/binary.h"
#include "alerts/promql/evaluator.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

constexpr std::size_t kFill = static_cast<std::size_t>(-1);  // stands for a series that isn't there

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The labels that decide on a match.
Labels MatchLabels(const Labels& labels, const VectorMatching& matching) {
  std::vector<Label> kept;
  for (const Label& label : labels) {
    const bool named = Contains(matching.labels, label.name);
    if (matching.on ? named : !named && label.name != kMetricName) kept.push_back(label);
  }
  return Labels(std::move(kept));
}

// Numbers the signatures of the series of both sides.
class Signatures {
 public:
  explicit Signatures(const VectorMatching& matching) : matching_(matching) {}
  std::vector<std::size_t> Of(const StepVector& vector) {
    std::vector<std::size_t> ids;
    for (const StepSeries& series : vector) {
      ids.push_back(numbers_.try_emplace(MatchLabels(series.labels, matching_), numbers_.size())
                        .first->second);
    }
    return ids;
  }
  std::size_t count() const { return numbers_.size(); }

 private:
  const VectorMatching& matching_;
  std::unordered_map<Labels, std::size_t, LabelsHash> numbers_;
};

std::vector<bool> AnyAt(const StepVector& vector, std::size_t steps) {
  std::vector<bool> any(steps);
  for (const StepSeries& series : vector) {
    for (std::size_t step = 0; step < steps; ++step) any[step] = any[step] || series.Has(step);
  }
  return any;
}

// Joins two vectors. "many" and "one" are the sides as the cardinality has them; for one-to-one
// "many" is the left.
class Join {
 public:
  Join(Evaluator& evaluator, const Expr& expr, const Binary& node, StepVector lhs, StepVector rhs)
      : evaluator_(evaluator),
        expr_(expr),
        node_(node),
        matching_(*node.matching),
        swapped_(matching_.cardinality == Cardinality::kOneToMany),
        many_(std::move(swapped_ ? rhs : lhs)),
        one_(std::move(swapped_ ? lhs : rhs)),
        // As in Prometheus, fill_left and fill_right go with the sides as they are after the swap.
        fill_many_(matching_.fill_left),
        fill_one_(matching_.fill_right),
        steps_(evaluator.steps().count) {}

  Result<StepVector> Run() {
    Signatures signatures(matching_);
    many_signature_ = signatures.Of(many_);
    one_signature_ = signatures.Of(one_);
    one_by_signature_.resize(signatures.count());
    matched_.resize(signatures.count());
    for (std::size_t i = 0; i < one_.size(); ++i) one_by_signature_[one_signature_[i]].push_back(i);
    FindActiveSteps();
    if (!CheckOneSide()) return *error_;
    JoinMany();
    if (fill_many_) FillMany();
    if (error_) return *error_;
    return Collect();
  }

 private:
  struct Output {
    StepSeries series;
    std::size_t signature = 0;
    std::vector<bool> touched;  // also where a comparison didn't hold
  };

  bool OneToOne() const { return matching_.cardinality == Cardinality::kOneToOne; }

  // At a step where a side is empty there is nothing to join, and nothing to complain of.
  void FindActiveSteps() {
    const std::vector<bool> many = AnyAt(many_, steps_), one = AnyAt(one_, steps_);
    const bool fills = fill_many_ || fill_one_;
    active_.resize(steps_);
    for (std::size_t step = 0; step < steps_; ++step) {
      active_[step] = (many[step] && one[step]) || (fills && (many[step] || one[step]));
    }
  }

  bool CheckOneSide() {
    for (const std::vector<std::size_t>& group : one_by_signature_) {
      for (std::size_t step = 0; group.size() > 1 && step < steps_; ++step) {
        const StepSeries* first = nullptr;
        for (const std::size_t i : group) {
          if (!active_[step] || !one_[i].Has(step)) continue;
          if (first != nullptr) return FailDuplicate(*first, one_[i]);
          first = &one_[i];
        }
      }
    }
    return true;
  }

  bool FailDuplicate(const StepSeries& a, const StepSeries& b) {
    const auto [first, second] = std::minmax(a.labels, b.labels);
    error_ =
        Error{"found duplicate series for the match group " +
              Braces(MatchLabels(first, matching_)) + " on the " + (swapped_ ? "left" : "right") +
              " hand-side of the operation: [" + Braces(first) + ", " + Braces(second) +
              "];many-to-many matching not allowed: matching labels must be unique on one side"};
    return false;
  }

  std::size_t OneAt(std::size_t signature, std::size_t step) const {
    for (const std::size_t i : one_by_signature_[signature]) {
      if (one_[i].Has(step)) return i;
    }
    return kFill;
  }

  void JoinMany() {
    for (std::size_t i = 0; i < many_.size(); ++i) {
      for (std::size_t step = 0; step < steps_ && !error_; ++step) {
        if (!active_[step] || !many_[i].Has(step)) continue;
        const std::size_t one = OneAt(many_signature_[i], step);
        if (one == kFill && !fill_one_) continue;
        const Point filled{fill_one_.value_or(0)};
        Put(i, one, many_signature_[i], step, many_[i].At(step),
            one == kFill ? filled : one_[one].At(step));
      }
    }
  }

  void FillMany() {
    for (std::size_t i = 0; i < one_.size(); ++i) {
      const std::vector<bool>& matched = matched_[one_signature_[i]];
      const std::vector<bool> matched_before = matched;
      for (std::size_t step = 0; step < steps_ && !error_; ++step) {
        if (!active_[step] || !one_[i].Has(step) ||
            (!matched_before.empty() && matched_before[step]))
          continue;
        Put(kFill, i, one_signature_[i], step, Point{*fill_many_}, one_[i].At(step));
      }
    }
  }

  void Put(std::size_t many, std::size_t one, std::size_t signature, std::size_t step, Point left,
           Point right) {
    if (swapped_) std::swap(left, right);
    Element element = Combine(evaluator_, node_.op, left, right, expr_.where);
    if (!element.matched) return;
    std::vector<bool>& matched = matched_[signature];
    matched.resize(steps_);
    if (OneToOne() && matched[step]) {
      error_ = Error{
          "multiple matches for labels: many-to-one matching must be explicit "
          "(group_left/group_right)"};
      return;
    }
    matched[step] = true;
    Output& output = OutputOf(many, one, signature);
    output.touched[step] = true;
    if (node_.return_bool) element.point = Point{element.keep ? 1.0 : 0.0};
    if (element.keep || node_.return_bool) output.series.Set(step, std::move(element.point));
  }

  Output& OutputOf(std::size_t many, std::size_t one, std::size_t signature) {
    // A series meets the same one step after step, so the last answer is nearly always right.
    if (last_ == std::pair(many, one) && !outputs_.empty()) return outputs_[last_output_];
    const auto [at, fresh] = index_.try_emplace({many, one}, outputs_.size());
    if (fresh) {
      StepSeries series = evaluator_.NewSeries(ResultLabels(many, one));
      series.drop_name = node_.return_bool;
      outputs_.push_back({std::move(series), signature, std::vector<bool>(steps_)});
    }
    last_ = {many, one};
    last_output_ = at->second;
    return outputs_[last_output_];
  }

  Labels ResultLabels(std::size_t many, std::size_t one) const {
    const Labels from_one =
        one == kFill ? MatchLabels(many_[many].labels, matching_) : one_[one].labels;
    Labels labels = many == kFill ? MatchLabels(one_[one].labels, matching_) : many_[many].labels;
    const bool names_now = node_.return_bool && !evaluator_.options().delayed_name_removal;
    if (ChangesMetric(node_.op) || names_now) labels = WithoutName(labels);
    if (OneToOne()) {
      std::vector<Label> kept;
      for (const Label& label : labels) {
        if (Contains(matching_.labels, label.name) == matching_.on) kept.push_back(label);
      }
      labels = Labels(std::move(kept));
    }
    for (const std::string& name : matching_.include) labels.Set(name, from_one.Get(name));
    return labels;
  }

  Result<StepVector> Collect() {
    if (!OneToOne() && !UniqueInGroups()) {
      return Error{"multiple matches for labels: grouping labels must ensure unique matches"};
    }
    StepVector vector;
    for (Output& output : outputs_) {
      if (!output.series.Empty()) vector.push_back(std::move(output.series));
    }
    return evaluator_.Merge(std::move(vector));
  }

  bool UniqueInGroups() const {
    std::map<std::pair<std::size_t, Labels>, std::vector<bool>> seen;
    for (const Output& output : outputs_) {
      std::vector<bool>& touched = seen[{output.signature, output.series.labels}];
      touched.resize(steps_);
      for (std::size_t step = 0; step < steps_; ++step) {
        if (output.touched[step] && touched[step]) return false;
        touched[step] = touched[step] || output.touched[step];
      }
    }
    return true;
  }

  Evaluator& evaluator_;
  const Expr& expr_;
  const Binary& node_;
  const VectorMatching& matching_;
  const bool swapped_;
  const StepVector many_, one_;
  const std::optional<double> fill_many_, fill_one_;
  const std::size_t steps_;
  std::vector<std::size_t> many_signature_, one_signature_;
  std::vector<std::vector<std::size_t>> one_by_signature_;
  std::vector<bool> active_;
  std::vector<std::vector<bool>> matched_;  // by signature, then step; empty where never
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> index_;
  std::vector<Output> outputs_;
  std::pair<std::size_t, std::size_t> last_{kFill, kFill};
  std::size_t last_output_ = 0;
  std::optional<Error> error_;
};

// Where any series of a signature has a value: by signature, then step.
std::vector<std::vector<bool>> Presence(const StepVector& vector,
                                        const std::vector<std::size_t>& signatures,
                                        std::size_t count, std::size_t steps) {
  std::vector<std::vector<bool>> presence(count, std::vector<bool>(steps));
  for (std::size_t i = 0; i < vector.size(); ++i) {
    std::vector<bool>& present = presence[signatures[i]];
    for (std::size_t step = 0; step < steps; ++step)
      present[step] = present[step] || vector[i].Has(step);
  }
  return presence;
}

// Keeps the elements whose signature is (or isn't) present on the other side.
void KeepWhere(StepVector& vector, const std::vector<std::size_t>& signatures,
               const std::vector<std::vector<bool>>& presence, bool wanted) {
  for (std::size_t i = 0; i < vector.size(); ++i) {
    for (std::size_t step = 0; step < vector[i].values.size(); ++step) {
      if (vector[i].Has(step) && presence[signatures[i]][step] != wanted) vector[i].Set(step, {});
    }
  }
  std::erase_if(vector, [](const StepSeries& series) { return series.Empty(); });
}

}  // namespace

std::string Braces(const Labels& labels) {
  std::string text;
  for (const Label& label : labels)
    text += (text.empty() ? "" : ", ") + label.name + "=" + Quote(label.value);
  return "{" + text + "}";
}

Result<StepVector> EvaluateMatched(Evaluator& evaluator, const Expr& expr, const Binary& node,
                                   StepVector lhs, StepVector rhs) {
  return Join(evaluator, expr, node, std::move(lhs), std::move(rhs)).Run();
}

Result<StepVector> EvaluateSetOperator(Evaluator& evaluator, const Binary& node, StepVector lhs,
                                       StepVector rhs) {
  const std::size_t steps = evaluator.steps().count;
  Signatures signatures(*node.matching);
  const std::vector<std::size_t> left = signatures.Of(lhs), right = signatures.Of(rhs);
  if (node.op != BinaryOp::kOr) {
    const auto presence = Presence(rhs, right, signatures.count(), steps);
    KeepWhere(lhs, left, presence, node.op == BinaryOp::kAnd);
    return lhs;
  }
  const auto presence = Presence(lhs, left, signatures.count(), steps);
  KeepWhere(rhs, right, presence, false);
  std::move(rhs.begin(), rhs.end(), std::back_inserter(lhs));
  // One step's result may still be told apart by names that go later.
  if (evaluator.at_one_step() && evaluator.options().delayed_name_removal) return lhs;
  return evaluator.Merge(std::move(lhs));
}

}  // namespace tierwatch::promql
