#include "alerts/series/store.h"

#include <algorithm>
#include <limits>
#include <mutex>

#include "alerts/series/batch_shape.h"

namespace tierwatch::series {
namespace {

constexpr SeriesId kNoSeries = std::numeric_limits<SeriesId>::max();

std::string SourceKey(std::string_view collector, const Labels& target_labels) {
  return std::string(collector) + " " + target_labels.ToString();
}

std::size_t LabelBytes(const Labels& labels) {
  std::size_t bytes = 0;
  for (const Label& label : labels) bytes += sizeof(Label) + label.name.size() + label.value.size();
  return bytes;
}

struct List : SeriesList {
  std::vector<SeriesId> ids;
  std::uint64_t epoch = 0;
};

struct CopiedWindow : Window {
  SampleBuffer samples;
  std::vector<std::size_t> ends;

  SeriesSamples At(std::size_t i, SampleBuffer&) const override {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1], count = ends[i] - begin;
    SeriesSamples series;
    series.times = std::span(samples.times).subspan(begin, count);
    series.values = std::span(samples.values).subspan(begin, count);
    // The sparse columns end with the last series that has one.
    if (begin + count <= samples.histograms.size())
      series.histograms = std::span(samples.histograms).subspan(begin, count);
    if (begin + count <= samples.start_times.size())
      series.start_times = std::span(samples.start_times).subspan(begin, count);
    return series;
  }
};

}  // namespace

struct Store::Entry {
  std::shared_ptr<const Labels> labels;
  std::uint64_t fingerprint = 0;
  Column column;
  int holders = 0;  // sources whose position map names this id: it must not be reused
};

struct Store::Source {
  BatchShape shape;
  std::vector<SeriesId> ids;  // by the position of a sample in the batch
  TimestampMs time = 0;
};

Store::Store(StoreOptions options) : options_(std::move(options)) {}
Store::~Store() = default;

SeriesId Store::Intern(Labels labels) {
  const std::uint64_t fingerprint = labels.Fingerprint();
  const auto [begin, end] = by_fingerprint_.equal_range(fingerprint);
  for (auto it = begin; it != end; ++it) {
    if (*entries_[it->second]->labels == labels) return it->second;
  }
  if (stats_.series >= options_.max_series) return kNoSeries;
  SeriesId id = static_cast<SeriesId>(entries_.size());
  if (free_ids_.empty()) {
    entries_.emplace_back();
  } else {
    id = free_ids_.back();
    free_ids_.pop_back();
  }
  stats_.bytes += sizeof(Entry) + LabelBytes(labels);
  index_.Add(id, labels);
  entries_[id] = std::make_unique<Entry>(
      Entry{std::make_shared<const Labels>(std::move(labels)), fingerprint, Column(), 0});
  by_fingerprint_.emplace(fingerprint, id);
  ++stats_.series;
  ++epoch_;
  return id;
}

void Store::Remove(SeriesId id) {
  const Entry& entry = *entries_[id];
  const auto [begin, end] = by_fingerprint_.equal_range(entry.fingerprint);
  by_fingerprint_.erase(
      std::find_if(begin, end, [id](const auto& item) { return item.second == id; }));
  index_.Remove(id, *entry.labels);
  stats_.bytes -= sizeof(Entry) + LabelBytes(*entry.labels);
  entries_[id].reset();
  free_ids_.push_back(id);
  --stats_.series;
  ++epoch_;
}

void Store::AppendTo(SeriesId id, const Sample& sample) {
  if (id == kNoSeries) {
    ++stats_.refused;
    return;
  }
  Column& column = entries_[id]->column;
  stats_.bytes -= column.bytes();
  if (column.Append(sample.time, sample.value, sample.histogram, sample.start_time)) {
    ++stats_.samples;
  } else {
    ++stats_.refused;
  }
  stats_.bytes += column.bytes();
}

// Marks the end of a series at `time`, once.
void Store::End(SeriesId id, TimestampMs time) {
  if (id == kNoSeries || entries_[id]->column.empty() || entries_[id]->column.ended()) return;
  Sample marker;
  marker.time = time;
  marker.value = StaleMarker();
  AppendTo(id, marker);
}

void Store::Hold(const std::vector<SeriesId>& ids, int count) {
  for (const SeriesId id : ids) {
    if (id != kNoSeries) entries_[id]->holders += count;
  }
}

void Store::Reshape(Source& source, const Batch& batch) {
  std::vector<SeriesId> ids;
  ForEachSeries(batch, options_.self_labels,
                [&](Labels labels) { ids.push_back(Intern(std::move(labels))); });
  Hold(ids, 1);
  std::vector<SeriesId> present = ids;
  std::sort(present.begin(), present.end());
  for (const SeriesId id : source.ids) {
    if (!std::binary_search(present.begin(), present.end(), id)) End(id, batch.time);
  }
  Hold(source.ids, -1);
  source.ids = std::move(ids);
  source.shape = BatchShape(batch);
}

void Store::Append(const Batch& batch) {
  const std::string key = SourceKey(batch.collector, batch.target_labels);
  const std::unique_lock lock(mutex_);
  Source& source = sources_[key];
  if (!source.shape.Fits(batch)) Reshape(source, batch);
  source.time = batch.time;
  Sample sample;
  sample.time = batch.time;
  std::size_t position = 0;
  ForEachValue(batch, [&](double value) {
    // A source can't end a series by sending the marker as a value.
    sample.value = IsStale(value) ? OrdinaryNan() : value;
    AppendTo(source.ids[position++], sample);
  });
}

void Store::Append(std::string_view source, std::span<const Sample> samples) {
  static_cast<void>(
      source);  // samples carry their whole labels; nothing is remembered of their writer yet
  const std::unique_lock lock(mutex_);
  for (const Sample& sample : samples) AppendTo(Intern(sample.labels), sample);
}

void Store::Forget(std::string_view collector, const Labels& target_labels) {
  const std::unique_lock lock(mutex_);
  const auto source = sources_.find(SourceKey(collector, target_labels));
  if (source == sources_.end()) return;
  for (const SeriesId id : source->second.ids) End(id, source->second.time + 1);
  Hold(source->second.ids, -1);
  sources_.erase(source);
}

void Store::DropBefore(TimestampMs horizon) {
  for (SeriesId id = 0; id < entries_.size(); ++id) {
    if (!entries_[id]) continue;
    Column& column = entries_[id]->column;
    stats_.bytes -= column.bytes();
    stats_.samples -= column.DropBefore(horizon);
    stats_.bytes += column.bytes();
    if (column.empty() && entries_[id]->holders == 0) Remove(id);
  }
}

void Store::Prune(TimestampMs now) {
  const std::unique_lock lock(mutex_);
  if (options_.retention.count() > 0) DropBefore(now - options_.retention.count());
  if (options_.max_bytes == 0) return;
  // Gives up the oldest eighth of what is kept until the rest fits.
  while (stats_.bytes + index_.bytes() > options_.max_bytes && stats_.samples > 0) {
    TimestampMs oldest = std::numeric_limits<TimestampMs>::max();
    for (const auto& entry : entries_) {
      if (entry && !entry->column.empty()) oldest = std::min(oldest, entry->column.oldest());
    }
    DropBefore(oldest >= now ? oldest + 1 : oldest + (now - oldest) / 8 + 1);
  }
}

std::vector<SeriesId> Store::Find(std::span<const Matcher> matchers) const {
  std::vector<SeriesId> ids;
  std::vector<const Matcher*> rest;
  if (!index_.Candidates(matchers, ids, rest)) {
    for (SeriesId id = 0; id < entries_.size(); ++id) {
      if (entries_[id]) ids.push_back(id);
    }
  }
  std::erase_if(ids, [&](SeriesId id) {
    const Labels& labels = *entries_[id]->labels;
    return std::any_of(rest.begin(), rest.end(), [&](const Matcher* matcher) {
      return !matcher->Matches(labels.Get(matcher->name()));
    });
  });
  return ids;
}

class Store::StoreView final : public View {
 public:
  explicit StoreView(const Store& store) : store_(store) {}
  const std::shared_ptr<Symbols>& symbols() const override { return store_.symbols_; }
  Result<SeriesListPtr> Find(std::span<const Matcher> matchers, const TimeRange* within,
                             const SeriesListPtr& former) override {
    const std::shared_lock lock(store_.mutex_);
    if (former && static_cast<const List&>(*former).epoch == store_.epoch_) return former;
    auto list = std::make_shared<List>();
    list->epoch = store_.epoch_;
    FrameBuilder frame(store_.symbols_);
    for (const SeriesId id : store_.Find(matchers)) {
      const Entry& entry = *store_.entries_[id];
      if (within && !entry.column.HasBetween(within->from, within->to)) continue;
      list->ids.push_back(id);
      frame.Add(Interned(*store_.symbols_, *entry.labels));
    }
    list->frame = frame.Finish(true);
    return SeriesListPtr(std::move(list));
  }
  Result<std::unique_ptr<Window>> Read(const SeriesListPtr& list, TimeRange range) override {
    auto window = std::make_unique<CopiedWindow>();
    const std::shared_lock lock(store_.mutex_);
    for (const SeriesId id : static_cast<const List&>(*list).ids) {
      if (store_.entries_[id])
        store_.entries_[id]->column.Copy(range.from, range.to, window->samples);
      window->ends.push_back(window->samples.times.size());
    }
    return std::unique_ptr<Window>(std::move(window));
  }

 private:
  const Store& store_;
};

std::unique_ptr<View> Store::Open(Interrupt) const { return std::make_unique<StoreView>(*this); }

std::vector<Labels> Store::Series(std::span<const std::vector<Matcher>> sets, TimestampMs from,
                                  TimestampMs to) const {
  const std::shared_lock lock(mutex_);
  std::vector<SeriesId> ids;
  if (sets.empty()) ids = Find({});
  for (const std::vector<Matcher>& matchers : sets) {
    const std::vector<SeriesId> found = Find(matchers);
    ids.insert(ids.end(), found.begin(), found.end());
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<Labels> result;
  for (const SeriesId id : ids) {
    if (entries_[id]->column.HasBetween(from, to)) result.push_back(*entries_[id]->labels);
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<std::string> Store::LabelNames() const {
  const std::shared_lock lock(mutex_);
  return index_.Names();
}

std::vector<std::string> Store::LabelValues(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  return index_.Values(name);
}

StoreStats Store::Stats() const {
  const std::shared_lock lock(mutex_);
  StoreStats stats = stats_;
  stats.bytes += index_.bytes();
  return stats;
}

}  // namespace tierwatch::series
