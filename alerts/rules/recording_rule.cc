#include "alerts/rules/recording_rule.h"

#include <fmt/format.h>

#include <unordered_set>

namespace tierwatch {

Result<std::vector<std::shared_ptr<const Labels>>> RecordingRule::Name(
    const promql::Vector& result) const {
  std::vector<std::shared_ptr<const Labels>> series;
  std::unordered_set<Labels, LabelsHash> seen;
  for (const promql::VectorSample& sample : result) {
    Labels labels = sample.labels;
    labels.Set(kMetricName, rule_.name);
    for (const TemplatedText& label : rule_.labels) labels.Set(label.name, label.text.text());
    if (!seen.insert(labels).second) {
      return Error{"vector contains metrics with the same labelset after applying rule labels"};
    }
    series.push_back(std::make_shared<const Labels>(std::move(labels)));
  }
  return series;
}

Result<RuleOutput> RecordingRule::Take(const promql::Vector& result, TimestampMs time, int limit) {
  if (!shape_.Fits(result)) {
    Result<std::vector<std::shared_ptr<const Labels>>> series = Name(result);
    if (!series.ok()) return std::move(series).error();
    series_ = std::move(*series);
    shape_ = ResultShape(result);
  }
  if (limit > 0 && result.size() > static_cast<std::size_t>(limit)) {
    return Error{fmt::format("exceeded limit of {} with {} series", limit, result.size()),
                 Reason::kLimit};
  }
  RuleOutput output;
  output.samples.reserve(result.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    output.samples.push_back({series_[i], time, result[i].value});
  }
  return output;
}

}  // namespace tierwatch
