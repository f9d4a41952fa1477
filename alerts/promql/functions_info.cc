// info(): adds the labels of info metrics (target_info and its like) to series of the same job and
// instance. Source of the semantics: Prometheus 3.14, promql/info.go.
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <map>
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

class InfoJoin {
 public:
  InfoJoin(Evaluator& evaluator, const Call& call, StepVector base)
      : evaluator_(evaluator),
        steps_(evaluator.steps().count),
        shift_(FirstShift(*call.args[0])),
        base_(std::move(base)) {
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
    for (std::size_t i = 0; i < info_.size(); ++i) {
      by_identity_[Identity(info_[i].labels)][std::string(info_[i].labels.Get(kMetricName))]
          .push_back(i);
    }
    for (const StepSeries& series : base_) {
      if (const Result<void> joined = Join(series); !joined.ok()) return joined.error();
    }
    Result<StepVector> merged = evaluator_.Merge(std::move(out_));
    if (!merged.ok()) return merged.error();
    return Value{std::move(merged).value()};
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

  bool IsInfo(const StepSeries& series) const {
    return AllMatch(names_, series.labels.Get(kMetricName));
  }

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
      for (const StepSeries& series : base_) {
        if (!IsInfo(series) && series.labels.Has(name))
          values.insert(std::string(series.labels.Get(name)));
      }
      std::string pattern;
      for (const std::string& value : values)
        pattern += (pattern.empty() ? "" : "|") + RE2::QuoteMeta(value);
      if (!pattern.empty()) selector.matchers.push_back(Pattern(name, pattern));
    }
    if (selector.matchers.empty()) return {};
    selector.matchers.insert(selector.matchers.end(), data_.begin(), data_.end());
    selector.matchers.insert(selector.matchers.end(), names_.begin(), names_.end());
    const Result<StepVector> values = evaluator_.SelectInstant(selector, Evaluator::Give::kValue);
    if (!values.ok()) return values.error();
    for (const StepSeries& series : *values) {
      if (series.histograms.empty()) continue;
      return Error{"this should be an info metric, with float samples: " + Braces(series.labels)};
    }
    Result<StepVector> info = evaluator_.SelectInstant(selector, Evaluator::Give::kTime);
    if (!info.ok()) return info.error();
    info_ = std::move(info).value();
    return {};
  }

  // Of several series of one info metric the newest sample counts.
  Result<Choice> ChooseAt(const Labels& identity, std::size_t step) const {
    Choice choice;
    const auto metrics = by_identity_.find(identity);
    if (metrics == by_identity_.end()) return choice;
    for (const auto& [name, candidates] : metrics->second) {
      const StepSeries* best = nullptr;
      for (const std::size_t i : candidates) {
        if (!info_[i].Has(step)) continue;
        if (best != nullptr && best->values[step] == info_[i].values[step]) {
          const std::string at = " @ " + std::to_string(std::llround(best->values[step] * 1000));
          return Error{"found duplicate series for info metric: existing " + Braces(best->labels) +
                       at + ", new " + Braces(info_[i].labels) + at};
        }
        if (best == nullptr || best->values[step] < info_[i].values[step]) best = &info_[i];
      }
      if (best != nullptr) choice.push_back(static_cast<std::size_t>(best - info_.data()));
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
      for (const Label& label : info_[i].labels) {
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

  Result<void> Join(const StepSeries& series) {
    if (IsInfo(series)) {
      out_.push_back(series);
      return {};
    }
    // Without any info, a series stays only if no label of it was asked for.
    const bool stays =
        std::all_of(data_.begin(), data_.end(), [](const Matcher& m) { return m.Matches(""); });
    const Labels identity = Identity(series.labels);
    std::map<Choice, std::size_t> outputs;
    for (std::size_t step = 0; step < steps_; ++step) {
      if (!series.Has(step)) continue;
      Result<Choice> choice = ChooseAt(identity, step);
      if (!choice.ok()) return choice.error();
      if (choice->empty() && !stays) continue;
      const auto [at, fresh] = outputs.try_emplace(*choice, out_.size());
      if (fresh) {
        Result<Labels> labels = Extended(series.labels, *choice);
        if (!labels.ok()) return labels.error();
        out_.push_back(evaluator_.NewSeries(std::move(labels).value()));
        out_.back().drop_name = series.drop_name;
      }
      out_[at->second].Set(step, series.At(step));
    }
    return {};
  }

  Evaluator& evaluator_;
  const std::size_t steps_;
  const TimeShift shift_;
  const StepVector base_;
  std::vector<Matcher> names_;  // of info metrics
  std::vector<Matcher> data_;   // of their other labels
  StepVector info_;             // with the times of their samples as values
  std::map<Labels, std::map<std::string, std::vector<std::size_t>>> by_identity_;
  StepVector out_;
};

}  // namespace

Result<Value> EvaluateInfo(Evaluator& evaluator, const Expr&, const Call& call) {
  Result<StepVector> base = evaluator.Vector(*call.args[0]);
  if (!base.ok()) return base.error();
  return InfoJoin(evaluator, call, std::move(base).value()).Run();
}

}  // namespace tierwatch::promql
