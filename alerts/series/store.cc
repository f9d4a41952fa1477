#include "alerts/series/store.h"

#include <algorithm>
#include <bit>
#include <cmath>

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
  if (!one_time) return AppendLoose(samples);
  const auto [source, lock] = Lock(std::string(kSamplesKey) + std::string(name));
  std::vector<double> values;
  const Shape shape = TakeValues(samples, values);
  std::ranges::transform(values, values.begin(), Kept);
  if (!source->shaped || shape != source->shape || time <= source->time) {
    const Gate::Pass pass = symbols_gate_.Enter();
    const LabelSets sets = SeriesOf(samples, *symbols_);
    std::vector<bool> loose;
    for (const Sample& sample : samples) loose.push_back(!IsPlain(sample));
    SetRoutes(*source, {sets, std::move(loose), time, false, options_.max_series}, table_,
              table_mutex_);
    source->shape = shape;
    source->shaped = time > source->time;  // a late one doesn't go where the next ones will
  }
  Write(*source, {time, values, samples});
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
  Write(passing, {samples[0].time, values, samples});
}

// The number of samples that were kept.
std::uint64_t Store::CommitLoose(const Source& source, const Values& values, std::uint64_t commit) {
  const HistogramPtr no_histogram;
  std::uint64_t kept = 0;
  for (const LooseRoute& route : source.loose) {
    const Sample* const sample = values.samples.empty() ? nullptr : &values.samples[route.position];
    const TimestampMs time = sample ? sample->time : values.time;
    if (route.home && route.home->Newest(route.home_column) >= time) continue;
    const Column::Taken taken = route.column->Append(time, values.values[route.position],
                                                     sample ? sample->histogram : no_histogram,
                                                     sample ? sample->start_time : 0, commit);
    kept += taken == Column::Taken::kYes ? 1 : 0;
  }
  refused_ += source.loose.size() - kept;
  for (const ColumnPtr& column : source.ended_loose) {
    if (column->Append(values.time, StaleMarker(), no_histogram, 0, commit) ==
        Column::Taken::kYes) {
      ++kept;
    }
  }
  return kept;
}

void Store::Write(Source& source, const Values& values) {
  std::vector<Block*> written;
  std::uint64_t kept = 0;
  refused_ += source.refused;
  for (const Route& route : source.routes) {
    if (route.samples == 0 && route.ended.empty()) continue;
    if (values.time <= route.block->last_time()) {
      refused_ += route.samples;
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
    kept += CommitLoose(source, values, commit);
    committed_.store(commit, std::memory_order_release);
  }
  samples_ += kept;
  source.time = std::max(source.time, values.time);
  source.ended_loose.clear();
  for (Route& route : source.routes) {
    route.ended.clear();
    route.block->Settle(route.samples == 0);
  }
  std::erase_if(source.routes, [](const Route& route) { return route.samples == 0; });
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

TimestampMs Store::Newest() const {
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
