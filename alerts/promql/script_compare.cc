#include "alerts/promql/script_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "alerts/promql/classic_quantile.h"
#include "alerts/series/float_histogram.h"
#include "alerts/series/float_histogram_text.h"

namespace tierwatch::promql {
namespace {

constexpr double kEpsilon = 1e-6;

std::string ToText(double value, const series::HistogramPtr& histogram) {
  return histogram ? series::PrintHistogramLiteral(*histogram) : fmt::format("{}", value);
}

bool SameHistogram(const ScriptValue& expected, const series::FloatHistogram& actual) {
  series::FloatHistogram want = *expected.histogram, got = actual;
  want.Compact();
  got.Compact();
  if (expected.hint_given && want.reset_hint != got.reset_hint) return false;
  return series::AlmostEqual(want, got, kEpsilon);
}

std::string CompareValue(const Labels& labels, const ScriptValue& expected, double value,
                         const series::HistogramPtr& histogram) {
  const bool same = (expected.histogram != nullptr) == (histogram != nullptr) &&
                    (histogram ? SameHistogram(expected, *histogram)
                               : AlmostEqual(expected.value, value, kEpsilon));
  if (same) return "";
  return fmt::format("expected {} for {} but got {}", ToText(expected.value, expected.histogram),
                     labels.ToString(), ToText(value, histogram));
}

// Where a label set stands in the script; the last of equal lines counts.
const ScriptSeries* FindSeries(const ScriptEval& eval, const Labels& labels,
                               std::size_t* position = nullptr) {
  for (std::size_t i = eval.series.size(); i-- > 0;) {
    if (eval.series[i].labels != labels) continue;
    if (position != nullptr) *position = i;
    return &eval.series[i];
  }
  return nullptr;
}

std::string FirstMissing(const ScriptEval& eval, const std::set<Labels>& seen) {
  for (const ScriptSeries& series : eval.series) {
    if (seen.count(series.labels) == 0)
      return "expected metric " + series.labels.ToString() + " not found";
  }
  return "";
}

std::string ComparePoints(const ScriptEval& eval, const ScriptSeries& expected,
                          const SeriesPoints& actual) {
  std::size_t floats = 0, histograms = 0;
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    const ScriptValue& value = expected.values[i];
    if (value.omitted) continue;
    const TimestampMs time = eval.start + eval.step.count() * static_cast<std::int64_t>(i);
    std::string difference;
    TimestampMs actual_time = -1;
    if (value.histogram && histograms < actual.histograms.size()) {
      const auto& [t, histogram] = actual.histograms[histograms++];
      actual_time = t;
      difference = CompareValue(actual.labels, value, 0, histogram);
    } else if (!value.histogram && floats < actual.points.size()) {
      const auto& [t, number] = actual.points[floats++];
      actual_time = t;
      difference = CompareValue(actual.labels, value, number, nullptr);
    }
    if (actual_time != time) {
      return fmt::format("expected a value of {} at {} ms, but found {} ms",
                         actual.labels.ToString(), time, actual_time);
    }
    if (!difference.empty()) return fmt::format("{} at {} ms", difference, time);
  }
  if (floats != actual.points.size() || histograms != actual.histograms.size()) {
    return fmt::format("expected {} floats and {} histograms of {} but got {} and {}", floats,
                       histograms, actual.labels.ToString(), actual.points.size(),
                       actual.histograms.size());
  }
  return "";
}

std::string CompareMatrix(const ScriptEval& eval, const Matrix& matrix) {
  if (eval.ordered) return "expected ordered result, but query returned a matrix";
  if (eval.scalar) return "expected scalar result, but got a matrix";
  std::set<Labels> seen;
  for (const SeriesPoints& series : matrix) {
    if (!seen.empty() && series.labels < *seen.rbegin()) return "matrix is not sorted by labels";
    const ScriptSeries* expected = FindSeries(eval, series.labels);
    if (expected == nullptr) return "unexpected metric " + series.labels.ToString() + " in result";
    if (std::string difference = ComparePoints(eval, *expected, series); !difference.empty())
      return difference;
    seen.insert(series.labels);
  }
  return FirstMissing(eval, seen);
}

std::string CompareNotes(const std::vector<ScriptExpectation>& expected,
                         const std::vector<std::string>& actual, const char* kind) {
  if (expected.empty()) return "";
  for (const ScriptExpectation& expectation : expected) {
    const bool found = std::any_of(actual.begin(), actual.end(),
                                   [&](const auto& a) { return expectation.Matches(a); });
    if (!found) {
      return fmt::format("expected {} {} but found [{}]", kind, expectation.Describe(),
                         fmt::join(actual, "; "));
    }
  }
  for (const std::string& note : actual) {
    const bool found = std::any_of(expected.begin(), expected.end(),
                                   [&](const auto& e) { return e.Matches(note); });
    if (!found) return fmt::format("unexpected {} {}", kind, note);
  }
  return "";
}

}  // namespace

std::string CompareVector(const ScriptEval& eval, const Vector& vector, bool ordered) {
  if (eval.scalar) return "expected scalar result, but got a vector";
  std::set<Labels> seen;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const VectorSample& sample = vector[i];
    std::size_t position = 0;
    const ScriptSeries* expected = FindSeries(eval, sample.labels, &position);
    if (expected == nullptr || expected->values.empty()) {
      return "unexpected metric " + sample.labels.ToString() + " in result, has " +
             ToText(sample.value, sample.histogram);
    }
    if (ordered && position != i) {
      return fmt::format("expected metric {} at position {} but was at {}",
                         sample.labels.ToString(), position + 1, i + 1);
    }
    std::string difference =
        CompareValue(sample.labels, expected->values.front(), sample.value, sample.histogram);
    if (!difference.empty()) return difference;
    seen.insert(sample.labels);
  }
  return FirstMissing(eval, seen);
}

std::string CompareResult(const ScriptEval& eval, const QueryResult& result) {
  if (const auto* matrix = std::get_if<Matrix>(&result.value)) return CompareMatrix(eval, *matrix);
  if (const auto* vector = std::get_if<Vector>(&result.value))
    return CompareVector(eval, *vector, eval.ordered);
  if (const auto* scalar = std::get_if<Scalar>(&result.value)) {
    if (!eval.scalar) return "expected vector or matrix result, but got a scalar";
    if (AlmostEqual(*eval.scalar, scalar->value, kEpsilon)) return "";
    return fmt::format("expected scalar {} but got {}", *eval.scalar, scalar->value);
  }
  const std::string& text = std::get<std::string>(result.value);
  return eval.text.value_or("") == text
             ? ""
             : fmt::format("expected string {} but got {}", eval.text.value_or(""), text);
}

std::string CompareAnnotations(const ScriptEval& eval, const QueryResult& result) {
  const std::vector<std::string>&warnings = result.warnings, &infos = result.infos;
  if (eval.warn && warnings.empty()) return "expected warnings but got none";
  if (eval.info && infos.empty()) return "expected infos but got none";
  if (eval.no_warn && !warnings.empty()) return "unexpected warning " + warnings.front();
  if (eval.no_info && !infos.empty()) return "unexpected info " + infos.front();
  std::string difference = CompareNotes(eval.warnings, warnings, "warning");
  return difference.empty() ? CompareNotes(eval.infos, infos, "info") : difference;
}

std::string CompareFailure(const ScriptEval& eval, const std::string& message) {
  for (const ScriptExpectation& expectation : eval.failures) {
    if (!expectation.Matches(message)) {
      return "expected failure " + expectation.Describe() + " but got: " + message;
    }
  }
  return "";
}

}  // namespace tierwatch::promql
