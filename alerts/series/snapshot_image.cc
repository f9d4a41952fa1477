#include "alerts/series/snapshot_image.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "alerts/series/float_histogram.h"
#include "alerts/series/series_table.h"

namespace tierwatch::series {
namespace {

// Commits of a snapshot stay far from where doubles aren't exact.
constexpr std::uint64_t kMaxCommit = std::uint64_t{1} << 52;
constexpr std::uint32_t kMaxRow = std::numeric_limits<std::uint32_t>::max() / 2;

// The texts that are used, then the label sets by the place of those.
void PutLabels(const LabelSets& sets, const Symbols& symbols, WireWriter& out) {
  std::unordered_map<Symbol, std::uint32_t> places;
  std::vector<Symbol> texts;
  std::vector<std::uint32_t> labels, ends;
  const auto place = [&](Symbol symbol) {
    const auto [at, fresh] = places.try_emplace(symbol, texts.size());
    if (fresh) texts.push_back(symbol);
    return at->second;
  };
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (const LabelPair& label : sets[i]) {
      labels.push_back(place(label.name));
      labels.push_back(place(label.value));
    }
    ends.push_back(static_cast<std::uint32_t>(labels.size() / 2));
  }
  out.Put(static_cast<std::uint32_t>(texts.size()));
  for (const Symbol text : texts) out.PutText(symbols.Text(text));
  out.PutAll(std::span<const std::uint32_t>(labels));
  out.PutAll(std::span<const std::uint32_t>(ends));
}

bool TakeLabels(WireReader& in, Symbols& symbols, LabelSets& sets) {
  std::vector<Symbol> texts(in.TakeCount(sizeof(std::uint32_t)));
  for (Symbol& text : texts) text = symbols.Intern(in.TakeText());
  const auto labels = in.TakeAll<std::uint32_t>();
  const auto ends = in.TakeAll<std::uint32_t>();
  const bool known =
      std::ranges::all_of(labels, [&](std::uint32_t place) { return place < texts.size(); });
  if (!in.ok() || !known || !std::is_sorted(ends.begin(), ends.end())) return false;
  if (labels.size() != 2 * std::size_t{ends.empty() ? 0 : ends.back()}) return false;
  std::size_t begin = 0;
  for (const std::uint32_t end : ends) {
    std::vector<LabelPair> set;
    for (; begin < end; ++begin)
      set.push_back({texts[labels[2 * begin]], texts[labels[2 * begin + 1]]});
    std::sort(set.begin(), set.end());
    for (std::size_t i = 0; i < set.size(); ++i) {
      if (set[i].name == kNoText || set[i].value == kNoText) return false;
      if (i > 0 && set[i].name == set[i - 1].name) return false;
    }
    if (set.size() > SeriesTable::kMaxLabels) return false;
    sets.Add(set);
  }
  return true;
}

void PutChunk(const SealedChunk& chunk, WireWriter& out) {
  const SealedRows& about = chunk.about();
  out.Put(about.first_row);
  out.Put(about.rows);
  out.Put(about.first_time);
  out.Put(about.last_time);
  out.Put(about.last_commit);
  out.Put(about.samples);
  out.PutAll(chunk.ends());
  out.PutAll(chunk.packed());
}

SealedChunkPtr TakeChunk(WireReader& in) {
  SealedRows about;
  about.first_row = in.Take<std::uint32_t>();
  about.rows = in.Take<std::uint32_t>();
  about.first_time = in.Take<TimestampMs>();
  about.last_time = in.Take<TimestampMs>();
  about.last_commit = in.Take<std::uint64_t>();
  about.samples = in.Take<std::uint64_t>();
  auto ends = in.TakeAll<std::uint32_t>();
  auto packed = in.TakeAll<std::uint8_t>();
  if (!in.ok() || about.first_row == 0 || about.first_row > kMaxRow ||
      about.last_commit > kMaxCommit) {
    return nullptr;
  }
  return SealedChunk::Restore(about, std::move(ends), std::move(packed));
}

// The chunk continues the block: later, with higher numbers, and nothing in columns of nobody.
bool Continues(const BlockImage& block, const SealedChunk& chunk) {
  for (std::size_t column = block.labels.size(); column < chunk.width(); ++column) {
    if (chunk.Has(column)) return false;
  }
  if (block.chunks.empty()) return true;
  const SealedRows &before = block.chunks.back()->about(), &now = chunk.about();
  return before.last_time < now.first_time && before.first_row + before.rows <= now.first_row;
}

void PutBuckets(const Buckets& buckets, WireWriter& out) {
  out.PutAll(std::span<const std::int32_t>(buckets.index));
  out.PutAll(std::span<const double>(buckets.count));
}

bool TakeBuckets(WireReader& in, Buckets& buckets) {
  buckets.index = in.TakeAll<std::int32_t>();
  buckets.count = in.TakeAll<double>();
  return in.ok() && buckets.index.size() == buckets.count.size() &&
         std::ranges::adjacent_find(buckets.index, std::greater_equal<>()) == buckets.index.end();
}

void PutHistogram(const FloatHistogram& histogram, WireWriter& out) {
  out.Put(static_cast<std::uint8_t>(histogram.reset_hint));
  out.Put(static_cast<std::int32_t>(histogram.schema));
  for (const double number :
       {histogram.zero_threshold, histogram.zero_count, histogram.count, histogram.sum})
    out.Put(number);
  PutBuckets(histogram.positive, out);
  PutBuckets(histogram.negative, out);
  out.PutAll(histogram.bounds());
}

HistogramPtr TakeHistogram(WireReader& in) {
  auto histogram = std::make_shared<FloatHistogram>();
  const std::uint8_t hint = in.Take<std::uint8_t>();
  histogram->schema = in.Take<std::int32_t>();
  for (double* const number :
       {&histogram->zero_threshold, &histogram->zero_count, &histogram->count, &histogram->sum})
    *number = in.Take<double>();
  if (!TakeBuckets(in, histogram->positive) || !TakeBuckets(in, histogram->negative))
    return nullptr;
  auto bounds = in.TakeAll<double>();
  const bool custom = histogram->UsesCustomBuckets();
  if (!in.ok() || hint > static_cast<std::uint8_t>(ResetHint::kGauge)) return nullptr;
  if (!custom &&
      (histogram->schema < kMinSchema || histogram->schema > kMaxSchema || !bounds.empty()))
    return nullptr;
  const std::vector<std::int32_t>& index = histogram->positive.index;
  if (custom && !index.empty() &&
      (index.front() < 0 || static_cast<std::size_t>(index.back()) > bounds.size()))
    return nullptr;
  // Written so that NaN is out of order.
  for (std::size_t i = 1; i < bounds.size(); ++i) {
    if (!(bounds[i - 1] < bounds[i])) return nullptr;
  }
  histogram->reset_hint = static_cast<ResetHint>(hint);
  if (!bounds.empty())
    histogram->custom_bounds = std::make_shared<const std::vector<double>>(std::move(bounds));
  return histogram;
}

}  // namespace

void Put(const BlockImage& image, const Symbols& symbols, WireWriter& out) {
  out.PutText(image.source);
  out.Put(image.source_time);
  PutLabels(image.labels, symbols, out);
  out.Put(static_cast<std::uint32_t>(image.chunks.size()));
  for (const SealedChunkPtr& chunk : image.chunks) PutChunk(*chunk, out);
}

std::optional<BlockImage> TakeBlock(std::span<const std::uint8_t> bytes, Symbols& symbols) {
  WireReader in(bytes);
  BlockImage image;
  image.source = in.TakeText();
  image.source_time = in.Take<TimestampMs>();
  if (!TakeLabels(in, symbols, image.labels)) return std::nullopt;
  const std::size_t chunks = in.TakeCount(sizeof(SealedRows));
  for (std::size_t i = 0; i < chunks; ++i) {
    SealedChunkPtr chunk = TakeChunk(in);
    if (!chunk || !Continues(image, *chunk)) return std::nullopt;
    image.chunks.push_back(std::move(chunk));
  }
  if (!in.AtEnd() || image.chunks.empty()) return std::nullopt;
  return image;
}

void Put(const ColumnImage& image, const Symbols& symbols, WireWriter& out) {
  const SampleBuffer& samples = image.samples;
  PutLabels(image.labels, symbols, out);
  out.PutAll(std::span<const TimestampMs>(samples.times));
  out.PutAll(std::span<const double>(samples.values));
  out.PutAll(std::span<const TimestampMs>(samples.start_times));
  out.Put(static_cast<std::uint8_t>(samples.histograms.empty() ? 0 : 1));
  for (const HistogramPtr& histogram : samples.histograms) {
    out.Put(static_cast<std::uint8_t>(histogram ? 1 : 0));
    if (histogram) PutHistogram(*histogram, out);
  }
}

std::optional<ColumnImage> TakeColumn(std::span<const std::uint8_t> bytes, Symbols& symbols) {
  WireReader in(bytes);
  ColumnImage image;
  if (!TakeLabels(in, symbols, image.labels) || image.labels.size() != 1) return std::nullopt;
  SampleBuffer& samples = image.samples;
  samples.times = in.TakeAll<TimestampMs>();
  samples.values = in.TakeAll<double>();
  samples.start_times = in.TakeAll<TimestampMs>();
  const std::size_t count = samples.times.size();
  const bool ascending =
      std::ranges::adjacent_find(samples.times, std::greater_equal<>()) == samples.times.end();
  if (!ascending || samples.values.size() != count ||
      (!samples.start_times.empty() && samples.start_times.size() != count)) {
    return std::nullopt;
  }
  if (in.Take<std::uint8_t>() != 0) {
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
      const bool is_one = in.Take<std::uint8_t>() != 0;
      samples.histograms.push_back(is_one ? TakeHistogram(in) : nullptr);
      if (is_one && !samples.histograms.back()) return std::nullopt;
    }
  }
  if (!in.AtEnd()) return std::nullopt;
  return image;
}

}  // namespace tierwatch::series
