// What the nodes of an expression keep from one evaluation to the next: all that follows from label
// sets alone. A query asked once has it too and throws it away: there is one engine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "alerts/promql/value.h"

namespace tierwatch::promql {

/// Base of what a node keeps. Each holds the frames that it was made from and is made anew when
/// others come.
struct Memo {
  virtual ~Memo() = default;
};

/// Memos by the number of the node. Not thread-safe.
class Memos {
 public:
  enum Slot { kOwn, kNames, kFinish, kSlots };

  explicit Memos(std::size_t nodes) : nodes_(nodes) {}

  template <class T>
  T& Of(int node, Slot slot) {
    const auto at = static_cast<std::size_t>(node);
    if (at >= nodes_.size()) nodes_.resize(at + 1);
    std::unique_ptr<Memo>& memo = nodes_[at][slot];
    if (!memo) memo = std::make_unique<T>();
    return static_cast<T&>(*memo);
  }
  const FramePtr& Unlabelled(const std::shared_ptr<series::Symbols>& symbols);

 private:
  std::vector<std::array<std::unique_ptr<Memo>, kSlots>> nodes_;
  FramePtr unlabelled_;
};

/// New labels for the series of a frame.
struct Relabelling : Memo {
  FramePtr input;
  FramePtr frame;                   // the labels of the result
  std::vector<std::uint32_t> to{};  // by series of the input, in `frame`; empty: one to one
};

/// `fresh`, or the frame that `kept` holds where it has the same label sets: so that what depends
/// on it needn't be made anew.
FramePtr Settled(FramePtr& kept, FramePtr fresh);

}  // namespace tierwatch::promql
