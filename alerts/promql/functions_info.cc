// info(): adds the labels of info metrics (target_info and its like) to series of the same job and
// instance. Source of the semantics: Prometheus 3.14, promql/info.go.
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "alerts/promql/functions.h"
#include "alerts/promql/instant.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

using series::Matcher;
using series::MatchType;

constexpr std::string_view kIdentifying[] = {"instance", "job"};

Matcher Pattern(std::string_view name, std::string_view pattern) {
  return std::move(Matcher::Make(MatchType::kRegexp, name, pattern)).value();  // ours are all valid
}

bool AllMatch(const std::vector<Matcher>& matchers, std::string_view value) {
  return std::all_of(matchers.begin(), matchers.end(),
                     [&](const Matcher& m) { return m.Matches(value); });
}

// The last frame of a result, which depends on what info there is.
struct InfoFrame : Memo {
  FramePtr frame;
};

class InfoJoin {
 public:
  InfoJoin(Evaluator& evaluator, const Expr& expr, const Call& call, StepVector base)
      : evaluator_(evaluator),
        expr_(expr),
        steps_(evaluator.steps().count),
        shift_(FirstShift(*call.args[0])),
        base_(std::move(base)),
        base_labels_(Spell(base_)) {
    if (call.args.size() < 2) {
      names_ = {Matcher::Equal(kMetricName, "target_info")};
      return;
    }
    for (const Matcher& matcher : std::get<VectorSelector>(Unwrap(*call.args[1]).node).matchers) {
      (matcher.name() == kMetricName ? names_ : data_).push_back(matcher);
    }
    SettleNames();
  }

  Result<Value> Run() {
    if (const Result<void> found = Select(); !found.ok()) return found.error();
    for (std::size_t i = 0; i < info_labels_.size(); ++i) {
      by_identity_[Identity(info_labels_[i])][std::string(info_labels_[i].Get(kMetricName))]
          .push_back(i);
    }
    for (std::size_t i = 0; i < base_.size(); ++i) {
      if (const auto error = evaluator_.Interrupted(i)) return *error;
      if (const Result<void> joined = Join(i); !joined.ok()) return joined.error();
    }
    return Collect();
  }

 private:
  using Choice = std::vector<std::size_t>;  // of info series, one per metric that has one at a step

  // A selector that says only what the name isn't means info metrics all the same.
  void SettleNames() {
    const bool positive = std::any_of(names_.begin(), names_.end(), [](const Matcher& m) {
      return m.type() == MatchType::kEqual || m.type() == MatchType::kRegexp;
    });
    if (names_.empty()) {
      names_ = {Matcher::Equal(kMetricName, "target_info")};
    } else if (!positive) {
      names_.insert(names_.begin(), Pattern(kMetricName, ".+_info"));
    }
  }

  static std::vector<Labels> Spell(const StepVector& vector) {
    std::vector<Labels> labels;
    for (std::size_t i = 0; i < vector.size(); ++i) labels.push_back(vector.frame->LabelsOf(i));
    return labels;
  }

  bool IsInfo(const Labels& labels) const { return AllMatch(names_, labels.Get(kMetricName)); }

  // Info is looked up when the series is: at the @ and offset of its first selector.
  static TimeShift FirstShift(const Expr& expr) {
    if (const auto* vector = std::get_if<VectorSelector>(&expr.node)) return vector->shift;
    if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) return matrix->vector.shift;
    if (const auto* subquery = std::get_if<Subquery>(&expr.node)) {
      // A selector's own @ overrides what is around it; offsets add up.
      TimeShift shift = FirstShift(*subquery->expr);
      if (shift.at != TimeShift::At::kNone) return shift;
      shift.at = subquery->shift.at;
      shift.time = subquery->shift.time;
      shift.offset.value += subquery->shift.offset.value;
      return shift;
    }
    const std::vector<ExprPtr> children = Children(expr);
    return children.empty() ? TimeShift() : FirstShift(*children.front());
  }

  static Labels Identity(const Labels& labels) {
    Labels identity;
    for (const std::string_view name : kIdentifying) identity.Set(name, labels.Get(name));
    return identity;
  }

  Result<void> Select() {
    VectorSelector selector;
    selector.shift = shift_;
    for (const std::string_view name : kIdentifying) {
      std::set<std::string> values;
      for (std::size_t i = 0; i < base_.size(); ++i) {
        if (!base_.Empty(i) && !IsInfo(base_labels_[i]) && base_labels_[i].Has(name))
          values.insert(std::string(base_labels_[i].Get(name)));
      }
      std::string pattern;
      for (const std::string& value : values)
        pattern += (pattern.empty() ? "" : "|") + RE2::QuoteMeta(value);
      if (!pattern.empty()) selector.matchers.push_back(Pattern(name, pattern));
    }
    if (selector.matchers.empty()) return {};
    selector.matchers.insert(selector.matchers.end(), data_.begin(), data_.end());
    selector.matchers.insert(selector.matchers.end(), names_.begin(), names_.end());
    const Result<StepVector> values =
        evaluator_.SelectInstant(nullptr, selector, Evaluator::Give::kValue);
    if (!values.ok()) return values.error();
    for (std::size_t at = 0; at < values->histograms.size(); ++at) {
      if (!values->histograms[at]) continue;
      return Error{"this should be an info metric, with float samples: " +
                   Braces(values->frame->LabelsOf(at / steps_))};
    }
    Result<StepVector> info = evaluator_.SelectInstant(nullptr, selector, Evaluator::Give::kTime);
    if (!info.ok()) return info.error();
    info_ = std::move(info).value();
    info_labels_ = Spell(info_);
    return {};
  }

  // Of several series of one info metric the newest sample counts.
  Result<Choice> ChooseAt(const Labels& identity, std::size_t step) const {
    Choice choice;
    const auto metrics = by_identity_.find(identity);
    if (metrics == by_identity_.end()) return choice;
    for (const auto& [name, candidates] : metrics->second) {
      std::optional<std::size_t> best;
      for (const std::size_t i : candidates) {
        if (!info_.Has(i, step)) continue;
        const double time = info_.Row(i)[step];
        if (best && info_.Row(*best)[step] == time) {
          const std::string at = " @ " + std::to_string(std::llround(time * 1000));
          return Error{"found duplicate series for info metric: existing " +
                       Braces(info_labels_[*best]) + at + ", new " + Braces(info_labels_[i]) + at};
        }
        if (!best || info_.Row(*best)[step] < time) best = i;
      }
      if (best) choice.push_back(*best);
    }
    return choice;
  }

  bool Wanted(std::string_view name) const {
    return data_.empty() || std::any_of(data_.begin(), data_.end(),
                                        [&](const Matcher& m) { return m.name() == name; });
  }

  // The labels with those of the chosen info series. The base's own ones win; two info metrics may
  // not disagree.
  Result<Labels> Extended(const Labels& base, const Choice& choice) const {
    Labels added;
    for (const std::size_t i : choice) {
      for (const Label& label : info_labels_[i]) {
        if (label.name == kMetricName || !Wanted(label.name)) continue;
        const std::string_view before = added.Get(label.name);
        if (!before.empty() && before != label.value)
          return Error{"conflicting label: " + label.name};
        if (!base.Has(label.name)) added.Set(label.name, label.value);
      }
    }
    Labels labels = base;
    for (const Label& label : added) labels.Set(label.name, label.value);
    return labels;
  }

  // A row of the result that has base series `i` as it is, but for its labels.
  std::size_t AddOutput(const Labels& labels, std::size_t i) {
    out_labels_.push_back(series::Interned(*evaluator_.symbols(), labels));
    out_drops_.push_back(base_.frame->DropsName(i));
    out_.emplace_back(steps_);
    return out_.size() - 1;
  }

  Result<void> Join(std::size_t i) {
    const Labels& base = base_labels_[i];
    if (IsInfo(base)) {
      const std::size_t output = AddOutput(base, i);
      for (std::size_t step = 0; step < steps_; ++step) out_[output][step] = base_.At(i, step);
      return {};
    }
    // Without any info, a series stays only if no label of it was asked for.
    const bool stays =
        std::all_of(data_.begin(), data_.end(), [](const Matcher& m) { return m.Matches(""); });
    const Labels identity = Identity(base);
    std::map<Choice, std::size_t> outputs;
    for (std::size_t step = 0; step < steps_; ++step) {
      if (!base_.Has(i, step)) continue;
      Result<Choice> choice = ChooseAt(identity, step);
      if (!choice.ok()) return choice.error();
      if (choice->empty() && !stays) continue;
      const auto [at, fresh] = outputs.try_emplace(*choice, 0);
      if (fresh) {
        const Result<Labels> labels = Extended(base, *choice);
        if (!labels.ok()) return labels.error();
        at->second = AddOutput(*labels, i);
      }
      out_[at->second][step] = base_.At(i, step);
    }
    return {};
  }

  // Joins rows of equal labels.
  Result<Value> Collect() {
    FrameBuilder frame(evaluator_.symbols());
    std::vector<std::size_t> to;
    for (std::size_t i = 0; i < out_.size(); ++i)
      to.push_back(frame.Insert(out_labels_[i], out_drops_[i]).first);
    StepVector vector =
        evaluator_.NewVector(Settled(evaluator_.MemoOf<InfoFrame>(expr_).frame, frame.Finish()));
    for (std::size_t i = 0; i < out_.size(); ++i) {
      for (std::size_t step = 0; step < steps_; ++step) {
        Point& point = out_[i][step];
        if (!point.histogram && IsAbsent(point.value)) continue;
        if (vector.Has(to[i], step))
          return Error{"vector cannot contain metrics with the same labelset"};
        vector.Set(to[i], step, std::move(point));
      }
    }
    return Value{std::move(vector)};
  }

  Evaluator& evaluator_;
  const Expr& expr_;
  const std::size_t steps_;
  const TimeShift shift_;
  const StepVector base_;
  const std::vector<Labels> base_labels_;
  std::vector<Matcher> names_;  // of info metrics
  std::vector<Matcher> data_;   // of their other labels
  StepVector info_;             // with the times of their samples as values
  std::vector<Labels> info_labels_;
  std::map<Labels, std::map<std::string, std::vector<std::size_t>>> by_identity_;
  std::vector<std::vector<LabelPair>> out_labels_;  // by row of the result
  std::vector<bool> out_drops_;
  std::vector<std::vector<Point>> out_;  // by row, then step
};

}  // namespace

Result<Value> EvaluateInfo(Evaluator& evaluator, const Expr& expr, const Call& call) {
  Result<StepVector> base = evaluator.Vector(*call.args[0]);
  if (!base.ok()) return base.error();
  return InfoJoin(evaluator, expr, call, std::move(base).value()).Run();
}

}  // namespace tierwatch::promql
