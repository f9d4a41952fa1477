// The inverted index: from a label to the ids of the series that have it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "alerts/series/frame.h"
#include "alerts/series/number_set.h"
#include "alerts/series/queryable.h"

namespace tierwatch::series {

/// Ids in ascending order; one takes no memory of its own.
class IdList {
 public:
  IdList() = default;
  IdList(const IdList&) = delete;
  IdList& operator=(const IdList&) = delete;
  IdList(IdList&& other) noexcept { Swap(other); }
  IdList& operator=(IdList&& other) noexcept {
    Swap(other);
    return *this;
  }
  ~IdList();

  std::span<const SeriesId> ids() const { return {data(), size_}; }
  std::size_t bytes() const { return capacity_ > 1 ? capacity_ * sizeof(SeriesId) : 0; }
  void PushBack(SeriesId id);
  /// To be called after PushBack of an id that wasn't the greatest.
  void Sort();
  void EraseIf(const std::function<bool(SeriesId)>& gone);

 private:
  const SeriesId* data() const { return capacity_ > 1 ? many_ : &one_; }
  SeriesId* data() { return capacity_ > 1 ? many_ : &one_; }
  void Swap(IdList& other) noexcept;

  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 1;
  union {
    SeriesId* many_ = nullptr;
    SeriesId one_;
  };
};

/// Thread-safe for readers as long as nobody writes. `epoch` is the number of the change of the
/// set of series that a call belongs to.
class Index {
 public:
  void Add(SeriesId id, LabelPairs labels, std::uint64_t epoch);
  /// To be called after any number of Add: until then ids may be out of order.
  void Sort();
  /// Lists that were made of these labels' series no longer hold.
  void Touch(LabelPairs labels, std::uint64_t epoch);
  /// `labels_of` still knows the labels of the ids, which are any.
  void Remove(std::span<const SeriesId> ids, const std::function<LabelPairs(SeriesId)>& labels_of,
              std::uint64_t epoch);

  /// Of series that have the label, ascending.
  std::span<const SeriesId> Postings(LabelPair label) const;
  /// The epoch in which they last changed; 0 where there are none.
  std::uint64_t ChangedAt(LabelPair label) const;
  /// The values that any series has of the name, in no order.
  std::span<const Symbol> Values(Symbol name) const;
  std::vector<Symbol> Names() const;
  std::size_t labels() const { return set_.size(); }
  std::size_t bytes() const;

 private:
  struct Entry {
    LabelPair label;
    std::uint64_t changed = 0;
    IdList ids;
  };
  static std::uint64_t HashOf(LabelPair label);
  std::uint32_t Find(LabelPair label) const;
  std::uint32_t FindOrAdd(LabelPair label);
  auto Hasher() const {
    return [this](std::uint32_t entry) { return HashOf(entries_[entry].label); };
  }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;  // entries without a label
  NumberSet set_;                    // of entries, by their label
  std::unordered_map<Symbol, std::vector<Symbol>> values_;
  std::vector<std::uint32_t> unsorted_;  // entries whose ids are out of order
  std::size_t ids_bytes_ = 0;
};

}  // namespace tierwatch::series
