#include "alerts/series/store.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "alerts/series/float_histogram.h"

namespace tierwatch::series {
namespace {

// What the keys of sources begin with.
constexpr std::string_view kTargetKey = "target ", kSamplesKey = "samples ",
                           kRuleKey = "samples rule ";

std::string TargetKey(std::string_view collector, const Labels& target_labels) {
  return std::string(kTargetKey) + std::string(collector) + " " + target_labels.ToString();
}

// The mark of a gap is no value.
double Kept(double value) { return IsGap(value) ? OrdinaryNan() : value; }

// Rows are packed with their times as doubles.
bool IsPackable(TimestampMs time) { return time > -kMaxPackedTime && time < kMaxPackedTime; }

bool HoldsSame(const Newest& newest, double value, const HistogramPtr& histogram) {
  if (newest.histogram || histogram)
    return newest.histogram && histogram && newest.histogram->Equals(*histogram);
  return std::bit_cast<std::uint64_t>(newest.value) == std::bit_cast<std::uint64_t>(value);
}

void FillRow(const Route& route, std::span<const double> values, std::span<double> row) {
  const std::uint32_t* const positions = route.positions.data();
  for (std::size_t column = 0; column < row.size(); ++column) {
    const std::uint32_t position = positions[column];
    row[column] = position == Route::kNowhere ? std::bit_cast<double>(kGapBits) : values[position];
  }
  for (const std::uint32_t column : route.ended) row[column] = StaleMarker();
}

}  // namespace

Store::Store(StoreOptions options) : options_(std::move(options)) {}
Store::~Store() = default;

std::pair<std::shared_ptr<Source>, std::unique_lock<std::mutex>> Store::Lock(
    const std::string& key) {
  while (true) {
    std::shared_ptr<Source> source;
    {
      const std::lock_guard lock(sources_mutex_);
      std::shared_ptr<Source>& known = sources_[key];
      if (!known) known = std::make_shared<Source>();
      source = known;
    }
    std::unique_lock lock(source->mutex);
    if (!source->gone) return {std::move(source), std::move(lock)};
  }
}

void Store::Append(const Batch& batch) {
  const auto [source, lock] = Lock(TargetKey(batch.collector, batch.target_labels));
  std::vector<double> values;
  std::size_t expected = 0;
  for (const Route& route : source->routes) expected += route.samples;
  values.reserve(expected);
  const Shape shape = TakeValues(batch, values);
  // A source can't end a series by sending the marker as a value.
  for (double& value : values) {
    if (std::isnan(value) && (IsStale(value) || IsGap(value))) value = OrdinaryNan();
  }
  if (batch.time <= source->time || !IsPackable(batch.time)) {
    refused_ += values.size();
    return;
  }
  if (!source->shaped || shape != source->shape) {
    const Gate::Pass pass = symbols_gate_.Enter();
    const LabelSets sets = SeriesOf(batch, options_.self_labels, *symbols_);
    SetRoutes(*source, {sets, {}, batch.time, true, options_.max_series}, table_, table_mutex_);
    source->shape = shape;
    source->shaped = true;
  }
  Write(*source, {batch.time, values});
}

void Store::Append(std::string_view name, std::span<const Sample> samples) {
  if (samples.empty()) return;
  const TimestampMs time = samples[0].time;
  const bool one_time = IsPackable(time) && std::ranges::all_of(samples, [&](const Sample& sample) {
                          return sample.time == time;
                        });
  if (one_time) {
    AppendOfOneTime(name, samples);
  } else {
    AppendLoose(samples);
  }
}

std::vector<RefusedSample> Store::Append(std::string_view name,
                                         std::span<const SampleView> samples) {
  return samples.empty() ? std::vector<RefusedSample>() : AppendOfOneTime(name, samples);
}

template <class AnySample>
std::vector<RefusedSample> Store::AppendOfOneTime(std::string_view name,
                                                  std::span<const AnySample> samples) {
  const TimestampMs time = samples[0].time;
  const auto [source, lock] = Lock(std::string(kSamplesKey) + std::string(name));
  std::vector<double> values;
  values.reserve(samples.size());
  const Shape shape = TakeValues(samples, values);
  std::ranges::transform(values, values.begin(), Kept);
  if (!source->shaped || shape != source->shape || time <= source->time) {
    const Gate::Pass pass = symbols_gate_.Enter();
    const LabelSets sets = SeriesOf(samples, *symbols_);
    std::vector<bool> loose;
    for (const AnySample& sample : samples) loose.push_back(!IsPlain(sample));
    SetRoutes(*source, {sets, std::move(loose), time, false, options_.max_series}, table_,
              table_mutex_);
    source->shape = shape;
    source->shaped = time > source->time;  // a late one doesn't go where the next ones will
  }
  std::vector<Extra> extras;
  if (!source->loose.empty()) {
    for (const AnySample& sample : samples)
      extras.push_back({sample.time, &sample.histogram, sample.start_time});
  }
  const std::vector<NoRoute> refused = Write(*source, {time, values, extras});
  return Reasons(refused, samples);
}

template <class AnySample>
std::vector<RefusedSample> Store::Reasons(std::span<const NoRoute> refused,
                                          std::span<const AnySample> samples) const {
  std::vector<RefusedSample> reasons;
  const std::shared_lock lock(table_mutex_);
  for (const auto& [position, series] : refused) {
    const AnySample& sample = samples[position];
    const std::optional<Newest> newest =
        series == kNoSeries ? std::nullopt : table_.NewestOf(series);
    if (series == kNoSeries) {
      reasons.push_back({position, Refusal::kSeriesLimit});
    } else if (!newest || newest->time != sample.time) {
      reasons.push_back({position, Refusal::kOutOfOrder});
    } else if (!HoldsSame(*newest, Kept(sample.value), sample.histogram)) {
      reasons.push_back({position, Refusal::kDuplicate});
    }
  }
  return reasons;
}

// Samples of several times: each series has its own column, whoever writes.
void Store::AppendLoose(std::span<const Sample> samples) {
  Source passing;
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(Kept(sample.value));
  {
    const Gate::Pass pass = symbols_gate_.Enter();
    const LabelSets sets = SeriesOf(samples, *symbols_);
    SetRoutes(passing,
              {sets, std::vector<bool>(samples.size(), true), samples[0].time, false,
               options_.max_series},
              table_, table_mutex_);
  }
  std::vector<Extra> extras;
  for (const Sample& sample : samples)
    extras.push_back({sample.time, &sample.histogram, sample.start_time});
  Write(passing, {samples[0].time, values, extras});
}

// The number of samples that were kept; those that weren't are added to `refused`.
std::uint64_t Store::CommitLoose(const Source& source, const Values& values, std::uint64_t commit,
                                 std::vector<NoRoute>& refused) {
  const HistogramPtr no_histogram;
  std::uint64_t kept = 0;
  for (const LooseRoute& route : source.loose) {
    const Extra extra =
        values.extras.empty() ? Extra{values.time, &no_histogram} : values.extras[route.position];
    const std::optional<Newest> at_home =
        route.home ? route.home->Newest(route.home_column) : std::nullopt;
    if ((!at_home || at_home->time < extra.time) &&
        route.column->Append(extra.time, values.values[route.position], *extra.histogram,
                             extra.start_time, commit) == Column::Taken::kYes) {
      ++kept;
    } else {
      refused.push_back({route.position, route.series});
    }
  }
  for (const ColumnPtr& column : source.ended_loose) {
    if (column->Append(values.time, StaleMarker(), no_histogram, 0, commit) ==
        Column::Taken::kYes) {
      ++kept;
    }
  }
  return kept;
}

std::vector<NoRoute> Store::Write(Source& source, const Values& values) {
  std::vector<Block*> written;
  std::uint64_t kept = 0;
  std::vector<NoRoute> refused = source.refused;
  for (const Route& route : source.routes) {
    if (route.samples == 0 && route.ended.empty()) continue;
    if (values.time <= route.block->last_time()) {
      for (std::uint32_t column = 0; column < route.positions.size(); ++column) {
        if (route.positions[column] != Route::kNowhere)
          refused.push_back({route.positions[column], route.block->id(column)});
      }
      continue;
    }
    const std::span<double> row = route.block->StartRow(values.time);
    FillRow(route, values.values, row);
    const std::size_t samples = route.samples + route.ended.size();
    route.block->FinishRow(static_cast<std::uint32_t>(samples));
    kept += samples;
    written.push_back(route.block.get());
  }
  {
    const std::lock_guard lock(commit_mutex_);
    const std::uint64_t commit = committed_.load(std::memory_order_relaxed) + 1;
    for (Block* const block : written) block->Commit(commit);
    kept += CommitLoose(source, values, commit, refused);
    committed_.store(commit, std::memory_order_release);
  }
  samples_ += kept;
  refused_ += refused.size();
  source.time = std::max(source.time, values.time);
  source.ended_loose.clear();
  for (Route& route : source.routes) {
    route.ended.clear();
    route.block->Settle(route.samples == 0);
  }
  std::erase_if(source.routes, [](const Route& route) { return route.samples == 0; });
  return refused;
}

void Store::ShiftTimes(Millis by) {
  std::vector<std::string> keys;
  {
    const std::lock_guard lock(sources_mutex_);
    for (const auto& [key, source] : sources_) {
      if (key.starts_with(kTargetKey) || key.starts_with(kRuleKey)) keys.push_back(key);
    }
  }
  for (const std::string& key : keys) {
    const auto [source, lock] = Lock(key);
    for (const auto& [number, block] : source->blocks) block->ShiftTimes(by.count());
    if (source->time != std::numeric_limits<TimestampMs>::min()) source->time += by.count();
  }
}

TimestampMs Store::NewestTime() const {
  TimestampMs newest = 0;
  for (const std::shared_ptr<Source>& source : Sources()) {
    const std::lock_guard lock(source->mutex);
    newest = std::max(newest, source->time);
  }
  return newest;
}

void Store::Forget(std::string_view collector, const Labels& target_labels) {
  const auto [source, lock] = Lock(TargetKey(collector, target_labels));
  if (source->routes.empty() && source->loose.empty()) return;
  const LabelSets none;
  const TimestampMs time = source->time + 1;
  SetRoutes(*source, {none, {}, time, true, options_.max_series}, table_, table_mutex_);
  Write(*source, {time, {}});
  source->shaped = false;
}

}  // namespace tierwatch::series
