// The label sets of many series, apart from their numbers.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "alerts/series/sample.h"
#include "alerts/series/symbols.h"
#include "base/labels.h"

namespace tierwatch::series {

struct LabelPair {
  Symbol name = kNoText;
  Symbol value = kNoText;
  auto operator<=>(const LabelPair&) const = default;
};

/// One label set: ascending by the number of the name, names unique, no value kNoText.
using LabelPairs = std::span<const LabelPair>;

/// The value of `name`, kNoText where it is absent.
inline Symbol ValueOf(LabelPairs labels, Symbol name) {
  for (const LabelPair& label : labels) {
    if (label.name == name) return label.value;
  }
  return kNoText;
}
/// Sets `name`; the value kNoText removes it.
void SetValue(std::vector<LabelPair>& labels, Symbol name, Symbol value);
std::uint64_t HashOf(LabelPairs labels);
std::vector<LabelPair> Interned(Symbols& symbols, const Labels& labels);
std::vector<LabelPair> Interned(Symbols& symbols, std::span<const LabelView> labels);
Labels Spelled(const Symbols& symbols, LabelPairs labels);

/// A list of label sets. Immutable. Whoever works out something from a frame keeps it as long as
/// the same frame comes again, so frames are compared by their address.
class Frame {
 public:
  std::size_t size() const { return ends_.size(); }
  LabelPairs operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {pairs_.data() + begin, ends_[i] - begin};
  }
  /// The metric's name goes when the evaluation ends.
  bool DropsName(std::size_t i) const { return drops_[i] != 0; }
  std::string_view Text(std::size_t i, Symbol name) const {
    return symbols_->Text(ValueOf((*this)[i], name));
  }
  Labels LabelsOf(std::size_t i) const { return Spelled(*symbols_, (*this)[i]); }
  const std::shared_ptr<Symbols>& symbols() const { return symbols_; }
  /// True where all label sets are known to differ.
  bool distinct() const { return distinct_; }
  bool DropsAnyName() const { return drops_any_; }
  std::size_t bytes() const {
    return sizeof *this + pairs_.capacity() * sizeof(LabelPair) +
           ends_.capacity() * sizeof(std::uint32_t) + drops_.capacity();
  }

 private:
  friend class FrameBuilder;
  std::shared_ptr<Symbols> symbols_;
  std::vector<LabelPair> pairs_;     // of all series, one after the other
  std::vector<std::uint32_t> ends_;  // by series, in pairs_
  std::vector<std::uint8_t> drops_;
  bool distinct_ = false;
  bool drops_any_ = false;
};
using FramePtr = std::shared_ptr<const Frame>;

/// Makes a frame. Not thread-safe.
class FrameBuilder {
 public:
  explicit FrameBuilder(std::shared_ptr<Symbols> symbols);
  void Reserve(std::size_t series, std::size_t pairs);
  /// The index of the new label set.
  std::size_t Add(LabelPairs labels, bool drops_name = false);
  /// The index of an equal label set that was inserted before, else that of a new one, and whether
  /// it is new. Not to be mixed with Add.
  std::pair<std::size_t, bool> Insert(LabelPairs labels, bool drops_name = false);
  /// The index of an equal label set that was inserted before.
  std::optional<std::size_t> Find(LabelPairs labels) const;
  void SetDropsName(std::size_t i, bool drops) { frame_->drops_[i] = drops ? 1 : 0; }
  std::size_t size() const { return frame_->size(); }
  const Frame& frame() const { return *frame_; }
  /// `distinct`: all that was added differs. Frames made by Insert are distinct anyhow.
  FramePtr Finish(bool distinct = false);

 private:
  void Grow();

  std::shared_ptr<Frame> frame_;
  std::vector<std::uint32_t> slots_;  // open addressing: index + 1, 0 where free
};

}  // namespace tierwatch::series
