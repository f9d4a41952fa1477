#include "alerts/rules/recording_rule.h"

#include <fmt/format.h>

namespace tierwatch {

void RecordingRule::Name(std::size_t i) {
  Labels labels = frame_->LabelsOf(i);
  labels.Set(kMetricName, rule_.name);
  for (const TemplatedText& label : rule_.labels) labels.Set(label.name, label.text.text());
  series_[i].last_taken = &taken_[labels];
  series_[i].labels = std::make_shared<const Labels>(std::move(labels));
}

Result<RuleOutput> RecordingRule::Take(const promql::Elements& elements, TimestampMs time,
                                       int limit) {
  if (frame_ != elements.frame) {
    taken_.clear();
    series_.assign(elements.frame->size(), {});
    frame_ = elements.frame;
  }
  ++number_;
  RuleOutput output;
  for (std::size_t i = 0; i < elements.values.size(); ++i) {
    if (!elements.Has(i)) continue;
    if (!series_[i].labels) Name(i);
    if (std::exchange(*series_[i].last_taken, number_) == number_)
      return Error{"vector contains metrics with the same labelset after applying rule labels"};
    output.samples.push_back({series_[i].labels, time, elements.values[i],
                              elements.histograms.empty() ? nullptr : elements.histograms[i]});
  }
  if (limit > 0 && output.samples.size() > static_cast<std::size_t>(limit)) {
    return Error{fmt::format("exceeded limit of {} with {} series", limit, output.samples.size()),
                 Reason::kLimit};
  }
  return output;
}

}  // namespace tierwatch
