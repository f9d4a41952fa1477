// What a writer gives, as values and label sets in one order; and a fingerprint of the latter, by
// which the next batch of the same shape is known without them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "alerts/series/frame.h"
#include "alerts/series/sample.h"
#include "alerts/series/symbols.h"
#include "base/batch.h"
#include "base/labels.h"

namespace tierwatch::series {

/// Of all names, types, labels and bounds of a batch and of their order. 128 bits: two shapes that
/// differ aren't taken for one.
struct Shape {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Shape&) const = default;
};

/// A float without a start time: what a row of a block can hold.
template <class AnySample>
bool IsPlain(const AnySample& sample) {
  return sample.histogram == nullptr && sample.start_time == 0;
}

/// Appends the values in the order of the exposition: histograms and summaries give one each for
/// their buckets or quantiles, for _sum and for _count. A histogram without a +Inf bucket is given
/// one.
Shape TakeValues(const Batch& batch, std::vector<double>& values);
Shape TakeValues(std::span<const Sample> samples, std::vector<double>& values);
Shape TakeValues(std::span<const SampleView> samples, std::vector<double>& values);

/// Label sets, one behind the other. May hold one more than once.
class LabelSets {
 public:
  std::size_t size() const { return ends_.size(); }
  LabelPairs operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {pairs_.data() + begin, ends_[i] - begin};
  }
  void Add(LabelPairs labels);

 private:
  std::vector<LabelPair> pairs_;
  std::vector<std::size_t> ends_;
};

/// Those of a batch's samples, in the order of TakeValues. A metric's own label wins over the
/// target's, and that over one of `self_labels`.
LabelSets SeriesOf(const Batch& batch, const Labels& self_labels, Symbols& symbols);
LabelSets SeriesOf(std::span<const Sample> samples, Symbols& symbols);
LabelSets SeriesOf(std::span<const SampleView> samples, Symbols& symbols);

}  // namespace tierwatch::series
