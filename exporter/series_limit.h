// Keeps a target from giving more series than it may: a family that grew goes whole, and is named.
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace tierwatch {

/// A family that was taken out of a sample.
struct DroppedFamily {
  std::string name;
  std::size_t series = 0;
};

/// How many series (lines of text format) the metrics of a family make.
std::size_t SeriesOf(const prometheus::MetricFamily& family);

/// One target's. Not thread-safe.
class SeriesLimit {
 public:
  /// Values of labels are names and addresses; longer ones are somebody's mistake.
  static constexpr std::size_t kLongestLabelValue = 1'024;

  explicit SeriesLimit(std::size_t most) : most_(most) {}

  /// Takes families out of a sample of more than `most` series: first the one that has grown by
  /// most series since the last sample that was within the limit, and so on until the rest fits. So
  /// what the target gave before goes on, and the same family stays away while there is too much of
  /// it: no series comes and goes. A metric with a label value of more than kLongestLabelValue
  /// bytes is taken out of its family, which is then named with the number of those.
  std::vector<DroppedFamily> Apply(std::vector<prometheus::MetricFamily>& families);

 private:
  const std::size_t most_;
  std::unordered_map<std::string, std::size_t> usual_;  // of the last sample within the limit
};

}  // namespace tierwatch
