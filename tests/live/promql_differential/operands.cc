#include "tests/live/promql_differential/operands.h"

namespace tierwatch {

std::string NameOf(const Derivation& part) {
  for (const Derivation& child : part.children) {
    const std::string_view symbol = child.production->symbol;
    if (symbol == "summary" || symbol == "choosing" || symbol == "arithmetic" ||
        symbol == "comparison" || symbol == "set")
      return child.Text();
  }
  const std::string_view text = part.production->text;
  return std::string(text.substr(0, text.find_first_of(" ($")));
}

std::vector<std::pair<TimestampMs, Answer>> OperandsOf(const Engines& engines,
                                                       const Finding& finding) {
  std::vector<std::pair<TimestampMs, Answer>> operands;
  for (const Derivation& child : finding.part.children) {
    for (const Question& question : EachStep(child, finding.question)) {
      Answer answer = engines.Ours(question);
      if (answer.error.empty()) operands.emplace_back(question.start, std::move(answer));
    }
  }
  return operands;
}

std::set<ElementKey> HistogramOperands(const Engines& engines, const Finding& finding) {
  std::set<ElementKey> keys;
  for (const auto& [time, operand] : OperandsOf(engines, finding)) {
    for (const Answer::Series& series : operand.series) {
      for (const Answer::Point& point : series.points)
        if (point.histogram) keys.emplace(time, WithoutName(series.labels));
    }
  }
  return keys;
}

Answer Without(Answer answer,
               const std::function<bool(const Labels& labels, const Answer::Point& point)>& drop) {
  for (Answer::Series& series : answer.series)
    std::erase_if(series.points, [&](const auto& point) { return drop(series.labels, point); });
  std::erase_if(answer.series, [](const auto& series) { return series.points.empty(); });
  return answer;
}

Labels WithoutName(Labels labels) {
  labels.Remove(kMetricName);
  return labels;
}

}  // namespace tierwatch
