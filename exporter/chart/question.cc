#include "exporter/chart/question.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "alerts/promql/ast.h"
#include "base/interrupt.h"

namespace tierwatch {
namespace {

using promql::ExprPtr;
using promql::ValueType;

constexpr Millis kLongest{10'000};
constexpr std::int64_t kMoments = 240;
constexpr Millis kShortestStep{1'000};
constexpr std::size_t kMostLines = 20;

// `drawn op limit`; without a limit where the expression is no comparison with a number.
struct Condition {
  ExprPtr drawn, limit;
};

Condition Split(const ExprPtr& expr) {
  const auto* binary = std::get_if<promql::Binary>(&promql::Unwrap(*expr).node);
  if (binary == nullptr || !promql::IsComparison(binary->op)) return {expr, nullptr};
  const bool left_is_number = promql::TypeOf(*binary->lhs) == ValueType::kScalar;
  const bool right_is_number = promql::TypeOf(*binary->rhs) == ValueType::kScalar;
  if (left_is_number == right_is_number) return {expr, nullptr};
  return left_is_number ? Condition{binary->rhs, binary->lhs} : Condition{binary->lhs, binary->rhs};
}

// One chart's questions, all within one time.
class Asker {
 public:
  Asker(const ChartSource& source, TimestampMs start, TimestampMs end, Millis step)
      : source_(source),
        start_(start),
        end_(end),
        step_(step),
        interrupt_(After(source.clock, kLongest, source.stop)) {}

  Result<promql::Matrix> Ask(const ExprPtr& expr) const { return AskFrom(expr, start_); }
  Result<promql::Matrix> AskAtEnd(const ExprPtr& expr) const { return AskFrom(expr, end_); }

 private:
  Result<promql::Matrix> AskFrom(const ExprPtr& expr, TimestampMs start) const {
    auto answer = source_.engine.Range(expr, source_.storage, start, end_, step_, interrupt_);
    if (!answer.ok()) return answer.error();
    auto* matrix = std::get_if<promql::Matrix>(&answer->value);
    if (matrix == nullptr) return Error{"the expression has no value over time"};
    return std::move(*matrix);
  }

  const ChartSource& source_;
  const TimestampMs start_, end_;
  const Millis step_;
  const Interrupt interrupt_;
};

// Whether a series with these labels is the alert's: rules add labels, and take none but the name.
bool Accuses(const Labels& alert, const Labels& series) {
  return std::all_of(series.begin(), series.end(), [&](const Label& label) {
    return label.name == kMetricName || label.name == "alertstate" ||
           alert.Get(label.name) == label.value;
  });
}

// The names of labels that are not the same in all of them.
std::set<std::string> Telling(const promql::Matrix& matrix) {
  std::set<std::string> telling;
  for (const promql::SeriesPoints& series : matrix) {
    const Labels& first = matrix.front().labels;
    for (const Label& label : series.labels)
      if (first.Get(label.name) != label.value) telling.insert(label.name);
    for (const Label& label : first)
      if (series.labels.Get(label.name) != label.value) telling.insert(label.name);
  }
  return telling;
}

std::string NameOf(const Labels& labels, const std::set<std::string>& telling) {
  std::string name;
  for (const Label& label : labels) {
    if (telling.contains(label.name))
      name += fmt::format("{}{}={}", name.empty() ? "" : " ", label.name, label.value);
  }
  return name;
}

void TakeLines(promql::Matrix matrix, const std::optional<Labels>& alert, Chart& chart) {
  const std::set<std::string> telling = Telling(matrix);
  for (promql::SeriesPoints& series : matrix) {
    if (series.points.empty()) continue;  // histograms have no line
    chart.lines.push_back({NameOf(series.labels, telling), std::move(series.points),
                           alert && Accuses(*alert, series.labels)});
  }
  std::ranges::stable_partition(chart.lines, &ChartLine::accused);
  if (chart.lines.size() > kMostLines) {
    chart.left_out = chart.lines.size() - kMostLines;
    chart.lines.resize(kMostLines);
  }
  if (chart.lines.empty()) chart.note = "no samples of this time";
}

void TakeSpans(const promql::Matrix& states, const Labels& alert, Chart& chart) {
  for (const promql::SeriesPoints& series : states) {
    if (!Accuses(alert, series.labels)) continue;
    const bool firing = series.labels.Get("alertstate") == "firing";
    for (const auto& [time, value] : series.points) {
      const TimestampMs from = std::max(chart.start, time - chart.step.count());
      if (!chart.spans.empty() && chart.spans.back().firing == firing &&
          chart.spans.back().to >= from) {
        chart.spans.back().to = time;
      } else {
        chart.spans.push_back({from, time, firing});
      }
    }
  }
}

}  // namespace

Result<Chart> AskChart(const ChartQuestion& question, const ChartSource& source) {
  const Result<ExprPtr> expr = promql::Parse(question.expr);
  if (!expr.ok()) return expr.error();
  const ValueType type = promql::TypeOf(**expr);
  if (type != ValueType::kVector && type != ValueType::kScalar)
    return Error{"a chart needs an expression that gives an instant vector or a number"};
  const Condition condition = Split(*expr);

  Chart chart;
  chart.end = question.end;
  chart.start = question.end - question.range.count();
  chart.step = std::max(kShortestStep, question.range / kMoments);
  chart.subtitle = promql::Print(**expr);
  chart.unit = UnitOf(*condition.drawn);
  if (question.alert) chart.title = question.alert->Get("alertname");
  const Asker asker(source, chart.start, chart.end, chart.step);
  Result<promql::Matrix> lines = asker.Ask(condition.drawn);
  if (!lines.ok()) return lines.error();
  TakeLines(*std::move(lines), question.alert, chart);
  if (condition.limit) {
    const Result<promql::Matrix> limit = asker.AskAtEnd(condition.limit);
    if (limit.ok() && !limit->empty() && !limit->front().points.empty())
      chart.limit = limit->front().points.back().second;
  }
  if (question.alert) {
    const Result<ExprPtr> states =
        promql::Parse("ALERTS{alertname=" + Quote(question.alert->Get("alertname")) + "}");
    const Result<promql::Matrix> matrix = states.ok() ? asker.Ask(*states) : states.error();
    if (matrix.ok()) TakeSpans(*matrix, *question.alert, chart);
  }
  return chart;
}

}  // namespace tierwatch
