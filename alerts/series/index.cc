#include "alerts/series/index.h"

#include <algorithm>
#include <utility>

namespace tierwatch::series {

IdList::~IdList() {
  if (capacity_ > 1) delete[] many_;
}

void IdList::Swap(IdList& other) noexcept {
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(many_, other.many_);  // the larger member of the union
}

void IdList::PushBack(SeriesId id) {
  if (size_ == capacity_) {
    const std::uint32_t capacity = std::max(4u, capacity_ + capacity_ / 2);
    auto* grown = new SeriesId[capacity];
    std::copy_n(data(), size_, grown);
    if (capacity_ > 1) delete[] many_;
    many_ = grown;
    capacity_ = capacity;
  }
  data()[size_++] = id;
}

void IdList::Sort() {
  SeriesId* const end = data() + size_;
  SeriesId* const unsorted = std::is_sorted_until(data(), end);
  std::sort(unsorted, end);
  std::inplace_merge(data(), unsorted, end);
}

void IdList::EraseIf(const std::function<bool(SeriesId)>& gone) {
  size_ = static_cast<std::uint32_t>(std::remove_if(data(), data() + size_, gone) - data());
  if (size_ * 4 > capacity_ || capacity_ <= 8) return;
  IdList smaller;
  for (const SeriesId id : ids()) smaller.PushBack(id);
  Swap(smaller);
}

std::uint64_t Index::HashOf(LabelPair label) {
  std::uint64_t hash = (std::uint64_t{label.name} << 32 | label.value) * 0x9e3779b97f4a7c15ULL;
  return hash ^ hash >> 29;
}

std::uint32_t Index::Find(LabelPair label) const {
  return set_.Find(HashOf(label), [&](std::uint32_t i) { return entries_[i].label == label; });
}

std::uint32_t Index::FindOrAdd(LabelPair label) {
  std::uint32_t entry = Find(label);
  if (entry != NumberSet::kNone) return entry;
  if (free_.empty()) {
    entry = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    entry = free_.back();
    free_.pop_back();
  }
  entries_[entry].label = label;
  set_.Insert(entry, Hasher());
  values_[label.name].push_back(label.value);
  return entry;
}

void Index::Add(SeriesId id, LabelPairs labels, std::uint64_t epoch) {
  for (const LabelPair& label : labels) {
    const std::uint32_t number = FindOrAdd(label);
    Entry& entry = entries_[number];
    const std::span<const SeriesId> ids = entry.ids.ids();
    if (!ids.empty() && ids.back() > id) unsorted_.push_back(number);
    ids_bytes_ -= entry.ids.bytes();
    entry.ids.PushBack(id);
    ids_bytes_ += entry.ids.bytes();
    entry.changed = epoch;
  }
}

void Index::Sort() {
  std::sort(unsorted_.begin(), unsorted_.end());
  unsorted_.erase(std::unique(unsorted_.begin(), unsorted_.end()), unsorted_.end());
  for (const std::uint32_t entry : unsorted_) entries_[entry].ids.Sort();
  unsorted_.clear();
}

void Index::Touch(LabelPairs labels, std::uint64_t epoch) {
  for (const LabelPair& label : labels) {
    const std::uint32_t entry = Find(label);
    if (entry != NumberSet::kNone) entries_[entry].changed = epoch;
  }
}

void Index::Remove(std::span<const SeriesId> ids,
                   const std::function<LabelPairs(SeriesId)>& labels_of, std::uint64_t epoch) {
  if (ids.empty()) return;
  std::vector<bool> gone(*std::max_element(ids.begin(), ids.end()) + 1u);
  std::vector<std::uint32_t> touched;
  for (const SeriesId id : ids) {
    gone[id] = true;
    for (const LabelPair& label : labels_of(id)) {
      const std::uint32_t number = Find(label);
      if (number == NumberSet::kNone || entries_[number].changed == epoch) continue;
      entries_[number].changed = epoch;
      touched.push_back(number);
    }
  }
  std::vector<Symbol> names;
  for (const std::uint32_t number : touched) {
    Entry& entry = entries_[number];
    ids_bytes_ -= entry.ids.bytes();
    entry.ids.EraseIf([&](SeriesId id) { return id < gone.size() && gone[id]; });
    ids_bytes_ += entry.ids.bytes();
    if (!entry.ids.ids().empty()) continue;
    set_.Erase(number, Hasher());
    names.push_back(entry.label.name);
    entry = Entry();
    free_.push_back(number);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const Symbol name : names) {
    const auto values = values_.find(name);
    std::erase_if(values->second, [&](Symbol value) {
      return Find({name, value}) == NumberSet::kNone;
    });
    if (values->second.empty()) values_.erase(values);
  }
}

std::span<const SeriesId> Index::Postings(LabelPair label) const {
  const std::uint32_t entry = Find(label);
  return entry == NumberSet::kNone ? std::span<const SeriesId>() : entries_[entry].ids.ids();
}

std::uint64_t Index::ChangedAt(LabelPair label) const {
  const std::uint32_t entry = Find(label);
  return entry == NumberSet::kNone ? 0 : entries_[entry].changed;
}

std::span<const Symbol> Index::Values(Symbol name) const {
  const auto values = values_.find(name);
  return values == values_.end() ? std::span<const Symbol>() : std::span(values->second);
}

std::vector<Symbol> Index::Names() const {
  std::vector<Symbol> names;
  for (const auto& [name, values] : values_) names.push_back(name);
  return names;
}

std::size_t Index::bytes() const {
  return entries_.capacity() * sizeof(Entry) + ids_bytes_ + set_.bytes() +
         set_.size() * sizeof(Symbol) * 3 / 2;  // of values_, about
}

}  // namespace tierwatch::series
