#include "alerts/promql/script_load.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "alerts/promql/histogram_element.h"
#include "alerts/promql/text.h"
#include "alerts/series/classic_histogram.h"

namespace tierwatch::promql {
namespace {

// What the series of one classic histogram say at one time.
struct Classic {
  std::vector<series::ClassicBucket> buckets;
  std::optional<double> count;
  double sum = 0;
};

// The series' part in a classic histogram, and the histogram's labels.
enum class Part { kNone, kBucket, kSum, kCount };

Part PartOf(const Labels& labels, Labels& base) {
  const std::string_view name = labels.Get(kMetricName);
  for (const auto& [suffix, part] : {std::pair<std::string_view, Part>{"_bucket", Part::kBucket},
                                     {"_sum", Part::kSum},
                                     {"_count", Part::kCount}}) {
    if (!name.ends_with(suffix)) continue;
    base = labels;
    base.Set(kMetricName, name.substr(0, name.size() - suffix.size()));
    base.Remove("le");
    return part;
  }
  return Part::kNone;
}

}  // namespace

void SetStoredHint(series::Sample& sample, series::HistogramPtr& last) {
  series::HistogramPtr given = sample.histogram;
  if (given) {
    sample.histogram =
        Changed(*given, [&](auto& copy) { copy.reset_hint = given->StoredHint(last.get()); });
  }
  last = std::move(given);
}

void ScriptLoader::Append(const Labels& labels, std::vector<series::Sample> samples) {
  series::HistogramPtr& last = last_[labels];
  for (series::Sample& sample : samples) SetStoredHint(sample, last);
  store_.Append("script", samples);
}

Result<void> ScriptLoader::Load(const ScriptLoad& load) {
  for (std::size_t n = 0; n < load.lines.size(); ++n) {
    const ScriptLoad::Line& line = load.lines[n];
    // Of lines with equal labels the last one counts.
    const bool superseded =
        std::any_of(load.lines.begin() + static_cast<std::ptrdiff_t>(n) + 1, load.lines.end(),
                    [&](const auto& later) { return later.series.labels == line.series.labels; });
    if (superseded) continue;
    std::vector<series::Sample> samples;
    for (std::size_t i = 0; i < line.series.values.size(); ++i) {
      const ScriptValue& value = line.series.values[i];
      if (value.omitted) continue;
      const TimestampMs time = load.gap.count() * static_cast<std::int64_t>(i);
      const bool starts = !line.starts.empty() && line.starts[i].has_value();
      samples.push_back({line.series.labels, time, value.value, value.histogram,
                         starts ? time + line.starts[i]->count() : 0});
    }
    Append(line.series.labels, std::move(samples));
  }
  return load.with_custom_histograms ? LoadCustomHistograms(load) : Result<void>();
}

Result<void> ScriptLoader::LoadCustomHistograms(const ScriptLoad& load) {
  std::map<Labels, std::map<std::size_t, Classic>>
      histograms;  // by labels, then position in the lines
  for (const ScriptLoad::Line& line : load.lines) {
    Labels base;
    const Part part = PartOf(line.series.labels, base);
    const std::optional<double> bound = ParseBucketBound(line.series.labels.Get("le"));
    if (part == Part::kNone || (part == Part::kBucket && !bound)) continue;
    for (std::size_t i = 0; i < line.series.values.size(); ++i) {
      const ScriptValue& value = line.series.values[i];
      if (value.omitted || value.histogram) continue;
      Classic& classic = histograms[base][i];
      if (part == Part::kBucket) classic.buckets.push_back({*bound, value.value});
      if (part == Part::kSum) classic.sum = value.value;
      if (part == Part::kCount) classic.count = value.value;
    }
  }
  for (auto& [labels, steps] : histograms) {
    std::vector<series::Sample> samples;
    for (auto& [position, classic] : steps) {
      Result<series::FloatHistogram> histogram =
          series::FromClassicBuckets(std::move(classic.buckets), classic.count, classic.sum);
      if (!histogram.ok()) return histogram.error();
      samples.push_back({labels, load.gap.count() * static_cast<std::int64_t>(position), 0,
                         Share(std::move(histogram).value()), 0});
    }
    Append(labels, std::move(samples));
  }
  return {};
}

}  // namespace tierwatch::promql
