#include "tests/live/promql_differential/documented_changes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <set>

#include "base/duration.h"
#include "tests/live/promql_differential/operands.h"

namespace tierwatch {
namespace {

constexpr double kTolerance = 1e-9;

bool Same(const Answer& a, const Answer& b, double tolerance = kTolerance) {
  return Difference(a, b, tolerance).empty();
}

bool IsOneOf(const Finding& finding, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), NameOf(finding.part)) != names.end();
}

Answer WithoutHistograms(Answer answer) {
  return Without(std::move(answer),
                 [](const Labels&, const auto& point) { return point.histogram.has_value(); });
}

// Calls `judge` for each pair of points of the same series and time; false if any is judged so, or
// if there is a point on one side only.
bool ForEachPair(
    const Answer& theirs, const Answer& ours,
    const std::function<bool(const Labels&, const Answer::Point&, const Answer::Point&)>& judge) {
  return std::equal(theirs.series.begin(), theirs.series.end(), ours.series.begin(),
                    ours.series.end(), [&](const Answer::Series& x, const Answer::Series& y) {
                      return x.labels == y.labels &&
                             std::equal(x.points.begin(), x.points.end(), y.points.begin(),
                                        y.points.end(), [&](const auto& p, const auto& q) {
                                          return p.time == q.time && judge(x.labels, p, q);
                                        });
                    });
}

// What Prometheus says to the same question written in another way.
Answer TheirsRewritten(Engines& engines, const Finding& finding,
                       const Derivation::Rewrite& rewrite) {
  Question question = finding.question;
  question.text = finding.part.Text(rewrite);
  return engines.Theirs(question);
}

// --- windows and matchers

// A window (t-5m, t] is [t-5m+1ms, t] in milliseconds. Rates are extrapolated to the window's
// width.
bool WindowsAreLeftOpen(Engines& engines, const Finding& finding) {
  const Answer theirs = TheirsRewritten(engines, finding, [](const Derivation& node) {
    if (node.production->symbol != "window") return std::string();
    return FormatDuration(ParseDuration(node.Text()).value() - Millis(1));
  });
  const bool extrapolated = IsOneOf(finding, {"rate", "increase", "delta"});
  return Same(theirs, finding.ours, extrapolated ? 1e-3 : kTolerance);
}

bool DotMatchesNewline(Engines& engines, const Finding& finding) {
  return Same(TheirsRewritten(engines, finding,
                              [](const Derivation& node) {
                                return node.production->symbol == "pattern"
                                           ? "(?s:" + node.Text() + ")"
                                           : std::string();
                              }),
              finding.ours);
}

// --- what is refused

bool AnyLabelNameIsValid(Engines&, const Finding& finding) {
  return finding.theirs.error.find("invalid destination label name") != std::string::npos;
}

bool ParenthesesAroundConstants(Engines&, const Finding& finding) {
  return finding.theirs.error.find("unexpected result in StepInvariantExpr") != std::string::npos;
}

bool NanIsNoCount(Engines&, const Finding& finding) {
  return IsOneOf(finding, {"topk", "bottomk"}) && finding.theirs.error.empty() &&
         finding.ours.error.find("NaN") != std::string::npos;
}

bool CountsBelowOneChooseNothing(Engines&, const Finding& finding) {
  return IsOneOf(finding, {"topk", "bottomk"}) && finding.ours.error.empty() &&
         finding.ours.series.empty() &&
         finding.theirs.error.find("Scalar value -Inf overflows int64") != std::string::npos;
}

// --- floats

Answer WithoutNames(Answer answer) {
  for (Answer::Series& series : answer.series) series.labels = WithoutName(series.labels);
  std::sort(answer.series.begin(), answer.series.end(),
            [](const auto& a, const auto& b) { return a.labels < b.labels; });
  return answer;
}

bool Atan2DropsTheName(Engines&, const Finding& finding) {
  return IsOneOf(finding, {"atan2"}) && Same(WithoutNames(finding.theirs), finding.ours);
}

// The date of NaN is what the processor makes of it as an integer; here it is NaN.
bool DateOfNoTime(Engines&, const Finding& finding) {
  return IsOneOf(finding, {"minute", "hour", "day_of_week", "day_of_month", "day_of_year",
                           "days_in_month", "month", "year"}) &&
         ForEachPair(finding.theirs, finding.ours, [](const Labels&, const auto& a, const auto& b) {
           return a.value == b.value || std::isnan(b.value);
         });
}

// Compensated sums lose less where large numbers cancel out.
bool SumsAreMoreExact(Engines& engines, const Finding& finding) {
  if (!IsOneOf(finding, {"sum", "avg", "sum_over_time", "avg_over_time"})) return false;
  double greatest = 0;
  for (const auto& [time, operand] : OperandsOf(engines, finding))
    for (const auto& series : operand.series)
      for (const auto& point : series.points)
        if (std::isfinite(point.value)) greatest = std::max(greatest, std::abs(point.value));
  return Difference(finding.theirs, finding.ours, kTolerance, 1e-13 * greatest).empty();
}

// The deviation of an infinity is NaN, also where it is alone.
bool DeviationOfInfinity(Engines&, const Finding& finding) {
  if (!IsOneOf(finding, {"stddev", "stdvar"})) return false;
  return ForEachPair(finding.theirs, finding.ours, [](const Labels&, const auto& a, const auto& b) {
    return (a.value == 0 && std::isnan(b.value)) ||
           Same(Answer{"", "", "", {{Labels(), {a}}}}, Answer{"", "", "", {{Labels(), {b}}}});
  });
}

// The window of step 0 was moved over the samples of all later steps.
bool PredictionAtAFixedTime(Engines&, const Finding& finding) {
  const auto later = [&](const Labels&, const auto& point) {
    return point.time != finding.question.start;
  };
  return IsOneOf(finding, {"predict_linear"}) && finding.question.IsRange() &&
         finding.part.children[0].Text().find('@') != std::string::npos &&
         Same(Without(finding.theirs, later), Without(finding.ours, later));
}

// Where the samples begin inside of the window, 2.42 went back by up to 1.1 intervals instead of a
// half, and did not stop where a histogram's count was zero.
bool ExtrapolationStopsEarlier(Engines& engines, const Finding& finding) {
  if (!IsOneOf(finding, {"rate", "increase"})) return false;
  std::map<ElementKey, std::size_t> counts;
  for (const auto& [time, operand] : OperandsOf(engines, finding))
    for (const auto& series : operand.series)
      counts[{time, WithoutName(series.labels)}] = series.points.size();
  return ForEachPair(
      finding.theirs, finding.ours, [&](const Labels& labels, const auto& a, const auto& b) {
        if (a.histogram.has_value() != b.histogram.has_value()) return false;
        const double before = a.histogram ? a.histogram->count : a.value;
        const double now = b.histogram ? b.histogram->count : b.value;
        const double intervals = static_cast<double>(counts[{a.time, labels}]) - 1;
        return before == now || std::abs(before - now) <= kTolerance * std::abs(now) ||
               (before > now && before < now * (1 + 1.1 / intervals));
      });
}

// Which of equal elements are kept is not said; the values are.
bool EqualElementsAreChosenOtherwise(Engines&, const Finding& finding) {
  const auto values = [](const Answer& answer) {
    std::multiset<std::pair<TimestampMs, double>> all;
    for (const auto& series : answer.series)
      for (const auto& point : series.points)
        all.emplace(point.time, std::isnan(point.value) ? HUGE_VAL : point.value);
    return all;
  };
  return IsOneOf(finding, {"topk", "bottomk"}) && !finding.ours.series.empty() &&
         values(finding.theirs) == values(finding.ours);
}

// Two sums that differ in the last bit have two texts.
bool TextShowsTheLastBit(Engines&, const Finding& finding) {
  const auto numbers = [](const Answer& answer) {
    Answer::Series all;
    for (const auto& series : answer.series) {
      const std::string text(series.labels.Get(series.labels.Has("value") ? "value" : "job"));
      for (const auto& point : series.points)
        all.points.push_back({point.time, std::strtod(text.c_str(), nullptr) + point.value});
    }
    std::sort(all.points.begin(), all.points.end(), [](const auto& a, const auto& b) {
      return std::pair(a.time, a.value) < std::pair(b.time, b.value);
    });
    return Answer{"", "", "", {std::move(all)}};
  };
  return IsOneOf(finding, {"count_values"}) && Same(numbers(finding.theirs), numbers(finding.ours));
}

// --- native histograms

// Asked without the histograms of its operands, 2.42 gives the floats that we give. Where `partly`,
// it may give more: what mixes both has no result now.
bool FloatsAreTheSame(Engines& engines, const Finding& finding, bool partly) {
  if (HistogramOperands(engines, finding).empty()) return false;
  Answer theirs = TheirsRewritten(engines, finding, [&](const Derivation& node) {
    const bool operand = std::any_of(finding.part.children.begin(), finding.part.children.end(),
                                     [&](const Derivation& child) { return &child == &node; });
    const std::string text = node.Text();
    Question question = finding.question;
    question.text = "histogram_count(" + text + ")";
    if (!operand || engines.Theirs(question).series.empty()) return std::string();
    return "((" + text + ") unless " + question.text + ")";
  });
  const Answer ours = WithoutHistograms(finding.ours);
  if (IsOneOf(finding, {"atan2"})) theirs = WithoutNames(std::move(theirs));
  if (!partly) return Same(theirs, ours);
  std::set<ElementKey> expected;
  for (const auto& series : ours.series)
    for (const auto& point : series.points) expected.emplace(point.time, series.labels);
  return Same(Without(std::move(theirs),
                      [&](const Labels& labels, const auto& point) {
                        return !expected.contains({point.time, labels});
                      }),
              ours);
}

// Elements whose operands are, or hold, floats alone give the same.
bool OthersAreTheSame(Engines& engines, const Finding& finding) {
  const std::set<ElementKey> keys = HistogramOperands(engines, finding);
  const auto concerned = [&](const Labels& labels, const auto& point) {
    return keys.contains({point.time, WithoutName(labels)});
  };
  return !keys.empty() &&
         Same(Without(finding.theirs, concerned), Without(finding.ours, concerned));
}

bool FloatFunctionsIgnoreHistograms(Engines& engines, const Finding& finding) {
  const std::string_view symbol = finding.part.production->symbol;
  return (symbol == "call" || symbol == "scalar") &&
         !IsOneOf(finding, {"histogram_quantile", "histogram_fraction", "histogram_sum",
                            "histogram_count", "label_replace", "label_join"}) &&
         FloatsAreTheSame(engines, finding, false);
}

bool FloatAggregationsIgnoreHistograms(Engines& engines, const Finding& finding) {
  return IsOneOf(finding, {"min", "max", "stddev", "stdvar", "quantile", "topk", "bottomk"}) &&
         FloatsAreTheSame(engines, finding, false);
}

bool SumsDontMixTypes(Engines& engines, const Finding& finding) {
  return IsOneOf(finding, {"sum", "avg"}) && FloatsAreTheSame(engines, finding, true);
}

bool OperatorsKnowHistograms(Engines& engines, const Finding& finding) {
  const bool is_operator = std::any_of(
      finding.part.children.begin(), finding.part.children.end(), [](const auto& child) {
        return child.production->symbol == "arithmetic" || child.production->symbol == "comparison";
      });
  return is_operator &&
         (FloatsAreTheSame(engines, finding, false) || OthersAreTheSame(engines, finding));
}

// 0 took the place of a histogram.
bool LabelFunctionsKeepHistograms(Engines&, const Finding& finding) {
  return IsOneOf(finding, {"label_replace", "label_join"}) &&
         ForEachPair(finding.theirs, finding.ours, [](const Labels&, const auto& a, const auto& b) {
           if (b.histogram) return !a.histogram && a.value == 0;
           return a.value == b.value || (std::isnan(a.value) && std::isnan(b.value));
         });
}

// Counted by its text instead of as the number 0.
bool HistogramsHaveAText(Engines& engines, const Finding& finding) {
  if (!IsOneOf(finding, {"count_values"})) return false;
  Finding floats = finding;
  std::erase_if(floats.ours.series, [](const Answer::Series& series) {
    return series.labels.Get("value").starts_with("{") || series.labels.Get("job").starts_with("{");
  });
  return FloatsAreTheSame(engines, floats, false);
}

bool NegationOfHistograms(Engines&, const Finding& finding) {
  const auto opposite = [](const HistogramAnswer& a, const HistogramAnswer& b) {
    return a.count == -b.count && a.sum == -b.sum;
  };
  return finding.part.production->text.starts_with("-") &&
         ForEachPair(finding.theirs, finding.ours,
                     [&](const Labels&, const auto& a, const auto& b) {
                       if (a.histogram && b.histogram) return opposite(*a.histogram, *b.histogram);
                       return !a.histogram && !b.histogram &&
                              (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)));
                     });
}

bool RangesWithHistograms(Engines& engines, const Finding& finding) {
  const std::vector<Derivation>& operands = finding.part.children;
  const bool of_range = std::any_of(operands.begin(), operands.end(), IsRangeVector);
  return of_range && OthersAreTheSame(engines, finding);
}

// Both results lie in the same bucket, or at the two ends of the gap between two; the quantile 0 is
// where the lowest bucket begins, and was NaN.
bool ExponentialInterpolation(Engines& engines, const Finding& finding) {
  if (!IsOneOf(finding, {"histogram_quantile"})) return false;
  std::map<ElementKey, HistogramAnswer> histograms;
  for (const auto& [time, operand] : OperandsOf(engines, finding))
    for (const auto& series : operand.series)
      for (const auto& point : series.points)
        if (point.histogram) histograms[{time, WithoutName(series.labels)}] = *point.histogram;
  return ForEachPair(
      finding.theirs, finding.ours, [&](const Labels& labels, const auto& a, const auto& b) {
        if (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value))) return true;
        const auto& buckets = histograms[{a.time, labels}].buckets;
        const auto bucket_of = [&](double value) {
          const double slack = 1e-12 * std::abs(value);
          return std::find_if(buckets.begin(), buckets.end(), [&](const auto& bucket) {
            return bucket.lower - slack <= value && value <= bucket.upper + slack;
          });
        };
        const auto x = bucket_of(a.value), y = bucket_of(b.value);
        if (std::isnan(a.value)) return y == buckets.begin() && b.value == y->lower;
        if (x == buckets.end() || y == buckets.end()) return false;
        const auto near = [](double u, double v) { return std::abs(u - v) <= 1e-12 * std::abs(v); };
        return x == y || (y - x == 1 && near(a.value, x->upper) && near(b.value, y->lower));
      });
}

// The bounds cut two buckets; of these the shares differ.
bool ExponentialFraction(Engines& engines, const Finding& finding) {
  if (!IsOneOf(finding, {"histogram_fraction"})) return false;
  std::map<ElementKey, double> shares;  // of the two largest buckets
  for (const auto& [time, operand] : OperandsOf(engines, finding)) {
    for (const auto& series : operand.series) {
      if (!series.points.back().histogram) continue;
      const HistogramAnswer& histogram = *series.points.back().histogram;
      std::vector<double> counts{0, 0};
      for (const auto& bucket : histogram.buckets) counts.push_back(bucket.count);
      std::partial_sort(counts.begin(), counts.begin() + 2, counts.end(), std::greater<>());
      shares[{time, WithoutName(series.labels)}] = (counts[0] + counts[1]) / histogram.count;
    }
  }
  return ForEachPair(
      finding.theirs, finding.ours, [&](const Labels& labels, const auto& a, const auto& b) {
        return a.value == b.value || std::abs(a.value - b.value) <= shares[{a.time, labels}] ||
               (std::isnan(a.value) && std::isnan(b.value));
      });
}

constexpr DocumentedChange kChanges[] = {
    {"a window does not hold the sample at its left edge", "3.0 #13904, 3.0.1 #15431",
     WindowsAreLeftOpen},
    {"the . of a regular expression matches a newline", "3.0 #14505", DotMatchesNewline},
    {"any UTF-8 text is a label name", "3.3 #15974", AnyLabelNameIsValid},
    {"parentheses around a string", "#16880", ParenthesesAroundConstants},
    {"NaN is no count of elements", "3.6 #16725", NanIsNoCount},
    {"a count of elements below 1 chooses nothing, however low", "3.5 #16404",
     CountsBelowOneChooseNothing},
    {"atan2 drops the metric's name", "2.47 #12595", Atan2DropsTheName},
    {"a deviation with an infinity is NaN", "3.0 #14941", DeviationOfInfinity},
    {"the date of NaN is not said", "https://go.dev/ref/spec#Conversions", DateOfNoTime},
    {"predict_linear of a range fixed by @", "2.51 #13559", PredictionAtAFixedTime},
    {"topk and bottomk choose among equals in another order", "2.44 #12190",
     EqualElementsAreChosenOtherwise},
    {"sums are compensated", "2.54 #14074, 2.55 #14413, 3.5 #16569", SumsAreMoreExact},
    {"a text shows the last bit of a sum, which Prometheus takes in the order of labels",
     "2.31 #9459", TextShowsTheLastBit},
    {"a rate's extrapolation stops half an interval before the samples, and at zero",
     "2.51 #13725, 3.6 #16828", ExtrapolationStopsEarlier},
    {"quantiles of native histograms are interpolated exponentially", "#12525, 3.0 #14677",
     ExponentialInterpolation},
    {"fractions of native histograms are interpolated exponentially", "3.0 #14677",
     ExponentialFraction},
    {"histograms can be negated", "3.0 #14821", NegationOfHistograms},
    {"functions of floats ignore histograms",
     "3.1 #15169 #15479, 3.3 #15964, https://prometheus.io/docs/prometheus/latest/querying/"
     "functions/",
     FloatFunctionsIgnoreHistograms},
    {"aggregations of floats ignore histograms", "3.0 #14941, 3.1 #15245 #15432",
     FloatAggregationsIgnoreHistograms},
    {"avg takes histograms; sum and avg don't mix them with floats",
     "2.45 #12262, 2.55 #14611, 3.1 #15432", SumsDontMixTypes},
    {"label_replace and label_join keep histograms", "2.51 #13536", LabelFunctionsKeepHistograms},
    {"count_values takes histograms", "3.1 #15422", HistogramsHaveAText},
    {"operators take histograms, and drop what they can't take",
     "2.45 #12262, 2.54 #14454, 3.1 #15245 #15413", OperatorsKnowHistograms},
    {"functions of ranges take histograms, or ignore them",
     "2.45 #12262, 3.1 #15469 #15527 #15667, 3.2 #15711, 3.3 #15853, 3.5 #16744",
     RangesWithHistograms},
};

}  // namespace

std::span<const DocumentedChange> DocumentedChanges() { return kChanges; }

}  // namespace tierwatch
