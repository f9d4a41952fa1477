#include "alerts/rules/rule_tester.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>

#include "alerts/promql/script_load.h"
#include "alerts/rules/group.h"
#include "alerts/rules/query.h"
#include "alerts/series/float_histogram_text.h"
#include "alerts/series/store.h"
#include "base/duration.h"
#include "base/float_text.h"

namespace tierwatch {
namespace {

constexpr std::int64_t kMostEvaluations = 10'000'000;

// Those of promtool.
promql::EngineOptions EngineOptionsOf(const RuleTestFile& file) {
  promql::EngineOptions options;
  options.max_samples = 10'000;
  options.no_step_subquery_interval = file.evaluation_interval;
  return options;
}

// All that was ever appended stays.
series::StoreOptions StoreOptionsOf() {
  series::StoreOptions options;
  options.retention = Millis(0);
  return options;
}

// The input series of a test, value by value.
class Input {
 public:
  explicit Input(const RuleTest& test) : test_(test), last_(test.input.size()) {
    for (const promql::ScriptSeries& series : test.input) {
      length_ = std::max(length_, series.values.size());
    }
  }

  // Appends the values up to `time` that are not there yet.
  void AppendUntil(TimestampMs time, series::Store& store) {
    for (; next_ < length_ && next_time_ <= time - test_.start; ++next_) {
      std::vector<series::Sample> samples;
      for (std::size_t i = 0; i < test_.input.size(); ++i) {
        const promql::ScriptSeries& series = test_.input[i];
        if (next_ >= series.values.size() || series.values[next_].omitted) continue;
        const promql::ScriptValue& value = series.values[next_];
        samples.push_back({series.labels, test_.start + next_time_, value.value, value.histogram});
        promql::SetStoredHint(samples.back(), last_[i]);
      }
      if (!samples.empty()) store.Append("input", samples);
      next_time_ += test_.interval.count();
    }
  }

 private:
  const RuleTest& test_;
  std::vector<series::HistogramPtr> last_;  // by series: the histogram that it ends with
  std::size_t length_ = 0;
  std::size_t next_ = 0;
  TimestampMs next_time_ = 0;  // after the start
};

// In the order of `wanted`; a group that it doesn't name counts as its first one, as in promtool.
std::vector<RuleGroup> Ordered(std::vector<RuleGroup> groups,
                               const std::vector<std::string>& wanted) {
  const auto rank = [&](const RuleGroup& group) -> std::ptrdiff_t {
    const auto at = std::find(wanted.begin(), wanted.end(), group.name);
    return at == wanted.end() ? 0 : at - wanted.begin();
  };
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return groups;
}

std::string Show(const Labels& labels, double value, const series::HistogramPtr& histogram) {
  return labels.ToString() + " " +
         (histogram ? series::PrintHistogramLiteral(*histogram) : FloatText(value));
}

std::string Show(const AlertTest::Expected& alert) {
  return alert.labels.ToString() + " annotations " + alert.annotations.ToString();
}

bool Matches(double expected, double got, bool fuzzy) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (expected == got || (std::isnan(expected) && std::isnan(got))) return true;
  return fuzzy && (std::nextafter(expected, -kInfinity) == got ||
                   std::nextafter(expected, kInfinity) == got);
}

// What is expected and what was found, line by line: the test passes where they are equal.
struct Comparison {
  std::vector<std::string> expected, got;

  std::string Describe(bool diff) const {
    if (!diff) return List("\n        exp: ", expected) + List("\n        got: ", got);
    std::vector<std::string> wanted = expected, found = got, lines;
    std::sort(wanted.begin(), wanted.end());
    std::sort(found.begin(), found.end());
    const auto but = [&](char sign, const auto& these, const auto& those) {
      std::vector<std::string> only;
      std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                          std::back_inserter(only));
      for (const std::string& line : only)
        lines.push_back(fmt::format("\n      {} {}", sign, line));
    };
    but('-', wanted, found);
    but('+', found, wanted);
    return fmt::format("{}", fmt::join(lines, ""));
  }

 private:
  static std::string List(std::string_view title, const std::vector<std::string>& lines) {
    return fmt::format(
        "{}{}", title,
        lines.empty() ? "nothing" : fmt::format("{}", fmt::join(lines, "\n             ")));
  }
};

class RuleTester {
 public:
  RuleTester(const RuleTestFile& file, const RuleTest& test, const std::vector<RuleGroup>& groups,
             const RuleTestOptions& options, const Clock& clock)
      : file_(file),
        test_(test),
        options_(options),
        engine_(EngineOptionsOf(file)),
        store_(StoreOptionsOf()),
        query_(MakeRuleQuery(engine_, store_)),
        sink_(WriteTo(store_)),
        context_{query_, sink_, test.external_labels, test.external_url, Millis(60'000), clock} {
    const MakeRuleQuestions questions = AskStanding(engine_, store_, clock);
    for (RuleGroup& group : Ordered(groups, file.group_eval_order)) {
      groups_.push_back(std::make_unique<Group>(std::move(group), questions));
    }
  }

  RuleTestResult Run() {
    if (Evaluate()) {
      for (const ExprTest& test : test_.exprs) Check(test);
      if (options_.dump) result_.dump = Dump();
    }
    return std::move(result_);
  }

 private:
  // `what` is the first line of it, "" for what concerns the whole test.
  void Fail(const Location& where, std::string_view what) {
    const std::string name =
        test_.name.starts_with("unnamed#") ? "" : fmt::format("name: {}, ", test_.name);
    result_.failures.push_back(fmt::format("    {}: {}{}", where.ToString(), name, what));
  }
  void Fail(const Location& where, std::string what, const Comparison& comparison) {
    if (comparison.expected == comparison.got) return;
    Fail(where, what + comparison.Describe(options_.diff));
  }

  // False where a rule failed.
  bool Evaluate() {
    const std::int64_t step = file_.evaluation_interval.count();
    if (test_.LastTime().count() / step >= kMostEvaluations) {
      Fail(test_.where, fmt::format("more than {} evaluations, one each {} up to {}",
                                    kMostEvaluations, FormatDuration(file_.evaluation_interval),
                                    FormatDuration(test_.LastTime())));
      return false;
    }
    Input input(test_);
    for (std::int64_t time = 0; time <= test_.LastTime().count(); time += step) {
      input.AppendUntil(test_.start + time, store_);
      if (!EvaluateGroups(Millis(time))) return false;
      for (const AlertTest& alert : test_.alerts) {
        if (time <= alert.time.count() && alert.time.count() < time + step) Check(alert);
      }
    }
    return true;
  }

  bool EvaluateGroups(Millis time) {
    bool well = true;
    for (const auto& group : groups_) {
      const GroupResult result = group->Evaluate(test_.start + time.count(), context_);
      for (const std::string& error : result.errors) {
        well = false;
        Fail(test_.where, fmt::format("{}, time: {}", error, FormatDuration(time)));
      }
    }
    return well;
  }

  void Check(const AlertTest& test) {
    std::vector<AlertTest::Expected> got;
    for (const auto& group : groups_) {
      for (const Alert& alert : group->Alerts()) {
        if (alert.state != AlertState::kFiring || alert.labels.Get("alertname") != test.alert)
          continue;
        got.push_back({alert.labels, alert.annotations});
      }
    }
    std::sort(got.begin(), got.end());
    Comparison comparison;
    for (const auto& alert : test.expected) comparison.expected.push_back(Show(alert));
    for (const auto& alert : got) comparison.got.push_back(Show(alert));
    Fail(test.where, fmt::format("alertname: {}, time: {}", test.alert, FormatDuration(test.time)),
         comparison);
  }

  void Check(const ExprTest& test) {
    const std::string what =
        fmt::format("expr: {}, time: {}", Quote(test.text), FormatDuration(test.time));
    Result<promql::Vector> vector = query_(test.expr, test_.start + test.time.count());
    if (!vector.ok()) return Fail(test.where, what + ", err: " + vector.error().message);
    std::sort(vector->begin(), vector->end(),
              [](const auto& a, const auto& b) { return a.labels < b.labels; });
    Comparison comparison;
    for (const auto& sample : test.expected) {
      comparison.expected.push_back(Show(sample.labels, sample.value, sample.histogram));
    }
    for (const promql::VectorSample& sample : *vector) {
      comparison.got.push_back(ShowAsExpected(sample, test));
    }
    Fail(test.where, what, comparison);
  }

  // A value that will do is shown as the one that is expected.
  std::string ShowAsExpected(const promql::VectorSample& sample, const ExprTest& test) const {
    const auto less = [](const auto& a, const Labels& labels) { return a.labels < labels; };
    auto at = std::lower_bound(test.expected.begin(), test.expected.end(), sample.labels, less);
    const bool does = at != test.expected.end() && at->labels == sample.labels && !at->histogram &&
                      !sample.histogram && Matches(at->value, sample.value, file_.fuzzy_compare);
    return Show(sample.labels, does ? at->value : sample.value, sample.histogram);
  }

  std::string Dump() const {
    // A range in whole seconds, and its start is not in it.
    const Millis span =
        std::chrono::floor<std::chrono::seconds>(test_.LastTime()) + std::chrono::seconds(2);
    const TimestampMs end = test_.start + span.count() - 1000;
    const auto expr = promql::Parse(fmt::format(R"({{__name__=~".+"}}[{}])", FormatDuration(span)));
    const auto all = promql::Engine().Instant(*expr, store_, end);
    if (!all.ok()) return all.error().message + "\n";
    std::string text;
    for (const promql::SeriesPoints& series : std::get<promql::Matrix>(all->value)) {
      text += series.labels.ToString() + " =>\n";
      for (const auto& [time, value] : series.points) {
        text += fmt::format("{} @[{}]\n", FloatText(value), time);
      }
      for (const auto& [time, histogram] : series.histograms) {
        text += fmt::format("{} @[{}]\n", series::PrintHistogramLiteral(*histogram), time);
      }
    }
    return text;
  }

  const RuleTestFile& file_;
  const RuleTest& test_;
  const RuleTestOptions& options_;
  const promql::Engine engine_;
  series::Store store_;
  const RuleQuery query_;
  const SeriesSink sink_;
  const GroupContext context_;
  std::vector<std::unique_ptr<Group>> groups_;
  RuleTestResult result_;
};

}  // namespace

RuleTestResult RunRuleTest(const RuleTestFile& file, const RuleTest& test,
                           const std::vector<RuleGroup>& groups, const RuleTestOptions& options,
                           const Clock& clock) {
  return RuleTester(file, test, groups, options, clock).Run();
}

}  // namespace tierwatch
