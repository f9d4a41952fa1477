#include "alerts/series/series_table.h"

#include <algorithm>
#include <cassert>
#include <functional>

namespace tierwatch::series {

SeriesId SeriesTable::Find(LabelPairs labels) const {
  return set_.Find(HashOf(labels),
                   [&](SeriesId id) { return std::ranges::equal(this->labels(id), labels); });
}

LabelPairs SeriesTable::labels(SeriesId id) const {
  const Entry& entry = entries_[id];
  return {slabs_[entry.begin / kSlabPairs].get() + entry.begin % kSlabPairs, entry.size};
}

std::optional<Newest> SeriesTable::NewestOf(SeriesId id) const {
  if (!Has(id)) return std::nullopt;
  const Home at = home(id);
  std::optional<Newest> newest;
  if (at.block != Home::kNone && blocks_[at.block]) newest = blocks_[at.block]->Newest(at.column);
  if (const ColumnPtr own = column(id)) {
    std::optional<Newest> loose = own->Newest();
    if (loose && (!newest || newest->time < loose->time)) newest = std::move(loose);
  }
  return newest;
}

ColumnPtr SeriesTable::column(SeriesId id) const {
  const auto column = columns_.find(id);
  return column == columns_.end() ? nullptr : column->second;
}

std::uint32_t SeriesTable::Keep(LabelPairs labels) {
  if (slab_used_ + labels.size() > kSlabPairs) {
    slabs_.push_back(std::make_unique_for_overwrite<LabelPair[]>(kSlabPairs));
    slab_used_ = 0;
  }
  std::copy(labels.begin(), labels.end(), slabs_.back().get() + slab_used_);
  const std::uint32_t begin =
      static_cast<std::uint32_t>(slabs_.size() - 1) * kSlabPairs + slab_used_;
  slab_used_ += static_cast<std::uint32_t>(labels.size());
  pairs_ += labels.size();
  return begin;
}

SeriesId SeriesTable::Add(LabelPairs labels, Home home) {
  assert(labels.size() <= kMaxLabels);
  SeriesId id = limit();
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  entries_[id] = {Keep(labels), static_cast<std::uint32_t>(labels.size()), home};
  set_.Insert(id, Hasher());
  index_.Add(id, labels, epoch());
  return id;
}

void SeriesTable::SetHome(SeriesId id, Home home) {
  entries_[id].home = home;
  index_.Touch(labels(id), epoch());
}

const ColumnPtr& SeriesTable::AddColumn(SeriesId id) {
  index_.Touch(labels(id), epoch());
  return columns_[id] = std::make_shared<Column>();
}

void SeriesTable::RemoveColumn(SeriesId id) {
  index_.Touch(labels(id), epoch());
  columns_.erase(id);
}

void SeriesTable::Remove(std::span<const SeriesId> ids) {
  index_.Remove(
      ids, [this](SeriesId id) { return labels(id); }, epoch());
  for (const SeriesId id : ids) {
    set_.Erase(id, Hasher());
    columns_.erase(id);
    garbage_ += entries_[id].size;
    entries_[id] = Entry();
    free_.push_back(id);
  }
  std::sort(free_.begin(), free_.end(), std::greater<>());
  if (garbage_ > 4 * kSlabPairs && garbage_ * 2 > pairs_) Compact();
}

void SeriesTable::Compact() {
  std::vector<std::unique_ptr<LabelPair[]>> former;
  former.swap(slabs_);
  slab_used_ = kSlabPairs;
  pairs_ = garbage_ = 0;
  for (Entry& entry : entries_) {
    if (entry.size == kFree) continue;
    entry.begin =
        Keep({former[entry.begin / kSlabPairs].get() + entry.begin % kSlabPairs, entry.size});
  }
}

std::uint32_t SeriesTable::AddBlock(std::shared_ptr<Block> block) {
  if (free_blocks_.empty()) {
    blocks_.push_back(std::move(block));
    return static_cast<std::uint32_t>(blocks_.size() - 1);
  }
  const std::uint32_t number = free_blocks_.back();
  free_blocks_.pop_back();
  blocks_[number] = std::move(block);
  return number;
}

void SeriesTable::ReplaceBlock(std::uint32_t number, std::shared_ptr<Block> block) {
  for (std::uint32_t column = 0; column < block->columns(); ++column)
    SetHome(block->id(column), {number, column});
  blocks_[number] = std::move(block);
}

void SeriesTable::RemoveBlock(std::uint32_t number) {
  blocks_[number].reset();
  free_blocks_.push_back(number);
}

void SeriesTable::Renumber(const std::function<Symbol(Symbol)>& renumbered) {
  Compact();
  set_ = NumberSet();
  index_ = Index();
  for (SeriesId id = 0; id < limit(); ++id) {
    const Entry& entry = entries_[id];
    if (entry.size == kFree) continue;
    const std::span<LabelPair> labels(
        slabs_[entry.begin / kSlabPairs].get() + entry.begin % kSlabPairs, entry.size);
    for (LabelPair& label : labels) label = {renumbered(label.name), renumbered(label.value)};
    std::sort(labels.begin(), labels.end());
    set_.Insert(id, Hasher());
    index_.Add(id, labels, epoch());
  }
}

std::size_t SeriesTable::bytes() const {
  constexpr std::size_t kColumnEntry = 64;  // of columns_, about; the columns count for themselves
  return entries_.capacity() * sizeof(Entry) + free_.capacity() * sizeof(SeriesId) + set_.bytes() +
         slabs_.size() * kSlabPairs * sizeof(LabelPair) + index_.bytes() +
         columns_.size() * kColumnEntry + blocks_.capacity() * sizeof(blocks_[0]);
}

}  // namespace tierwatch::series
