// How the store is written to a file and read back: block by block, with no lock held meanwhile.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "alerts/series/snapshot_file.h"
#include "alerts/series/snapshot_image.h"
#include "alerts/series/store.h"

namespace tierwatch::series {
namespace {

struct Images {
  std::vector<BlockImage> blocks;
  std::vector<ColumnImage> columns;
};

Result<Images> ReadImages(std::FILE* file, Symbols& symbols) {
  SnapshotReader reader(file);
  Images images;
  while (true) {
    Result<Section> section = reader.Next();
    if (!section.ok()) return std::move(section).error();
    if (section->kind == SectionKind::kEnd) return images;
    bool whole = false;
    if (section->kind == SectionKind::kBlock) {
      if (auto block = TakeBlock(section->content, symbols); block) {
        images.blocks.push_back(std::move(*block));
        whole = true;
      }
    } else if (auto column = TakeColumn(section->content, symbols); column) {
      images.columns.push_back(std::move(*column));
      whole = true;
    }
    if (!whole) return Error{"a section makes no sense", Reason::kParse};
  }
}

}  // namespace

Result<void> Store::WriteSnapshot(const std::string& path) const {
  Result<SnapshotWriter> writer = SnapshotWriter::Create(path);
  if (!writer.ok()) return std::move(writer).error();
  std::vector<std::pair<std::string, std::shared_ptr<Source>>> sources;
  {
    const std::lock_guard lock(sources_mutex_);
    sources.assign(sources_.begin(), sources_.end());
  }
  for (const auto& [key, source] : sources) PutBlocks(key, *source, *writer);
  PutColumns(*writer);
  return writer->Finish();
}

// What the blocks consist of is copied between two batches, so that none is written by half; it
// never changes afterwards.
void Store::PutBlocks(const std::string& key, Source& source, SnapshotWriter& writer) const {
  std::vector<std::pair<BlockImage, BlockLayoutPtr>> copies;
  std::uint64_t commit = 0;
  const Gate::Pass pass = symbols_gate_.Enter();
  {
    const std::lock_guard lock(source.mutex);
    const std::shared_lock table(table_mutex_);
    commit = committed_.load(std::memory_order_acquire);
    for (const auto& [number, block] : source.blocks) {
      BlockImage image{key, source.time, {}, {}};
      for (std::uint32_t column = 0; column < block->columns(); ++column) {
        const SeriesId id = block->id(column);
        image.labels.Add(id == Block::kForgotten ? LabelPairs() : table_.labels(id));
      }
      copies.emplace_back(std::move(image), block->layout());
    }
  }
  for (auto& [image, layout] : copies) {
    image.chunks = PackedRows(*layout, commit);
    if (image.chunks.empty()) continue;
    WireWriter bytes;
    Put(image, *symbols_, bytes);
    writer.Put(SectionKind::kBlock, bytes.bytes());
    image = BlockImage();
  }
}

void Store::PutColumns(SnapshotWriter& writer) const {
  std::vector<SeriesId> ids;
  {
    const std::shared_lock table(table_mutex_);
    for (const auto& [id, column] : table_.columns()) ids.push_back(id);
  }
  for (const SeriesId id : ids) {
    ColumnImage image;
    ColumnPtr column;
    const Gate::Pass pass = symbols_gate_.Enter();
    {
      const std::shared_lock table(table_mutex_);
      column = table_.column(id);
      if (!column) continue;  // went meanwhile
      image.labels.Add(table_.labels(id));
    }
    const TimeRange all;
    column->Copy(all.from, all.to, committed_.load(std::memory_order_acquire), image.samples);
    WireWriter bytes;
    Put(image, *symbols_, bytes);
    writer.Put(SectionKind::kColumn, bytes.bytes());
  }
}

Result<void> Store::ReadSnapshot(const std::string& path) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rbe"), close);
  if (!file) {
    if (!std::filesystem::exists(path)) return {};
    return Error{"read " + path + ": can't be opened"};
  }
  Result<void> read = ReadSnapshot(file.get());
  if (read.ok()) return read;
  const std::string aside = path + ".damaged";
  const bool moved = std::rename(path.c_str(), aside.c_str()) == 0;
  return Error{path + ": " + read.error().message + (moved ? "; set aside as " + aside : ""),
               read.error().reason};
}

Result<void> Store::ReadSnapshot(std::FILE* file) {
  const Gate::Pass pass = symbols_gate_.Enter();
  Result<Images> images = ReadImages(file, *symbols_);
  if (!images.ok()) return std::move(images).error();
  for (BlockImage& image : images->blocks) Restore(image);
  const std::uint64_t commit = committed_;
  const std::unique_lock table(table_mutex_);
  table_.Change();
  for (const ColumnImage& image : images->columns) Restore(image, commit);
  table_.Sort();
  return {};
}

void Store::Restore(BlockImage& image) {
  const auto [source, lock] = Lock(image.source);
  source->time = std::max(source->time, image.source_time);
  auto block = std::make_shared<Block>();
  std::vector<SeriesId> ids;
  {
    const std::unique_lock table(table_mutex_);
    table_.Change();
    const std::uint32_t number = table_.AddBlock(block);
    source->blocks.emplace(number, block);
    for (std::uint32_t column = 0; column < image.labels.size(); ++column) {
      const LabelPairs labels = image.labels[column];
      const bool takes = !labels.empty() && table_.size() < options_.max_series &&
                         table_.Find(labels) == kNoSeries;
      ids.push_back(takes ? table_.Add(labels, {number, column}) : Block::kForgotten);
    }
    table_.Sort();
  }
  for (const SealedChunkPtr& chunk : image.chunks) samples_ += chunk->about().samples;
  const std::lock_guard commit(commit_mutex_);
  committed_ = std::max(committed_.load(), image.chunks.back()->about().last_commit);
  block->Restore(std::move(image.chunks), ids);
}

void Store::Restore(const ColumnImage& image, std::uint64_t commit) {
  const LabelPairs labels = image.labels[0];
  SeriesId id = table_.Find(labels);
  if (id == kNoSeries && table_.size() < options_.max_series) id = table_.Add(labels, Home());
  if (id == kNoSeries || table_.HasColumn(id)) return;
  const ColumnPtr& column = table_.AddColumn(id);
  const SampleBuffer& samples = image.samples;
  for (std::size_t i = 0; i < samples.times.size(); ++i) {
    column->Append(samples.times[i], samples.values[i],
                   samples.histograms.empty() ? nullptr : samples.histograms[i],
                   samples.start_times.empty() ? 0 : samples.start_times[i], commit);
  }
  samples_ += samples.times.size();
}

}  // namespace tierwatch::series
