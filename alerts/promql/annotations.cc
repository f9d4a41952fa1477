#include "alerts/promql/annotations.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/labels.h"

namespace tierwatch::promql {

std::string ForMetric(std::string_view metric) {
  return metric.empty() ? "" : " for metric name " + Quote(metric);
}

void Annotations::InfoMonotonicity(std::string_view metric, const Monotonicity& what,
                                   const Place& where) {
  std::string text =
      "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
      "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)" +
      ForMetric(metric);
  const auto [at, fresh] = monotonicity_.try_emplace(std::move(text), what, where);
  if (fresh) return;
  auto& [merged, place] = at->second;
  merged.first = std::min(merged.first, what.first);
  merged.last = std::max(merged.last, what.last);
  merged.least_bucket = std::min(merged.least_bucket, what.least_bucket);
  merged.greatest_bucket = std::max(merged.greatest_bucket, what.greatest_bucket);
  merged.greatest_difference = std::max(merged.greatest_difference, what.greatest_difference);
  merged.samples += what.samples;
}

void Annotations::WarnQuantile(double quantile, const Place& where) {
  Warn(
      "PromQL warning: quantile value should be between 0 and 1, got " + FloatTextG(quantile, true),
      where);
}

void Annotations::WarnMixed(std::string_view metric, const Place& where) {
  Warn(
      "PromQL warning: encountered a mix of histograms and floats for metric name " + Quote(metric),
      where);
}

void Annotations::InfoHistogramIgnored(std::string_view aggregation, const Place& where) {
  Info(fmt::format("PromQL info: ignored histogram in {} aggregation", aggregation), where);
}

void Annotations::InfoHistogramIgnoredInRange(std::string_view metric, const Place& where) {
  Info(
      "PromQL info: ignored histograms in a range containing both floats and histograms for metric "
      "name " +
          Quote(metric),
      where);
}

void Annotations::WarnMixedSchemas(std::string_view metric, const Place& where) {
  Warn(
      "PromQL warning: vector contains a mix of histograms with exponential and custom buckets "
      "schemas for metric "
      "name " +
          Quote(metric),
      where);
}

void Annotations::InfoReconciled(std::string_view operation, const Place& where) {
  Info(fmt::format("PromQL info: mismatched custom buckets were reconciled during {}", operation),
       where);
}

void Annotations::WarnResetCollision(std::string_view operation, const Place& where) {
  Warn(fmt::format("PromQL warning: conflicting counter resets during histogram {}", operation),
       where);
}

std::vector<std::string> Annotations::Texts(const Places& places,
                                            const Monotonicities& monotonicity) {
  std::vector<std::string> texts;
  for (const auto& [text, place] : places) texts.push_back(text + " (" + place.ToString() + ")");
  for (const auto& [text, entry] : monotonicity) {
    const auto& [what, place] = entry;
    texts.push_back(fmt::format(
        "{}, from buckets {} to {}, with a max diff of {:.2g}, over {} samples from {} to {} ({})",
        text, FloatTextG(what.least_bucket, true), FloatTextG(what.greatest_bucket, true),
        what.greatest_difference, what.samples, FormatTimestamp(what.first / 1000 * 1000),
        FormatTimestamp(what.last / 1000 * 1000), place.ToString()));
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace tierwatch::promql
