#include "exporter/remote_write/remote_write_histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "alerts/series/float_histogram.h"
#include "exporter/remote_write/message_reader.h"

namespace tierwatch {
namespace {

using series::Buckets;
using series::FloatHistogram;

struct Span {
  std::int64_t offset = 0;
  std::uint64_t length = 0;
};

// The buckets of one sign as the message has them.
struct WrittenBuckets {
  std::vector<Span> spans;
  std::vector<double> counts;
  std::int64_t last = 0;  // what the next difference is of

  void AddSpan(MessageReader message) {
    Span span;
    while (message.Next()) {
      switch (message.Field()) {
        case 1:
          span.offset = message.Sint32();
          break;
        case 2:
          span.length = message.Uint32();
          break;
        default:
          message.Skip();
      }
    }
    spans.push_back(span);
  }
  void AddDelta(std::int64_t delta) {
    last = static_cast<std::int64_t>(static_cast<std::uint64_t>(last) +
                                     static_cast<std::uint64_t>(delta));
    counts.push_back(static_cast<double>(last));
  }
};

// Of both signs; nothing is expanded that the message has no count for.
std::string Place(const WrittenBuckets& written, Buckets& buckets) {
  std::uint64_t expected = 0;
  for (const Span& span : written.spans) expected += span.length;
  if (expected != written.counts.size()) {
    return fmt::format("its spans have {} buckets, its counts {}", expected, written.counts.size());
  }
  std::int64_t index = 0;
  for (std::size_t i = 0; i < written.spans.size(); ++i) {
    if (i > 0 && written.spans[i].offset < 0) return "its spans overlap";
    index += written.spans[i].offset;
    const std::int64_t end = index + static_cast<std::int64_t>(written.spans[i].length);
    if (index < std::numeric_limits<std::int32_t>::min() ||
        end > std::numeric_limits<std::int32_t>::max()) {
      return "the index of a bucket is out of range";
    }
    for (; index < end; ++index) buckets.index.push_back(static_cast<std::int32_t>(index));
  }
  const bool negative = std::ranges::any_of(written.counts, [](double count) { return count < 0; });
  if (negative) return "a bucket has a negative count";
  buckets.count = written.counts;
  return {};
}

std::string CheckBounds(const FloatHistogram& histogram) {
  const std::span<const double> bounds = histogram.bounds();
  if (!histogram.UsesCustomBuckets()) {
    const bool known =
        histogram.schema >= series::kMinSchema && histogram.schema <= series::kMaxSchema;
    if (!known) return fmt::format("schema {} is not known", histogram.schema);
    return bounds.empty() ? "" : "bounds of its own go with schema -53 alone";
  }
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (std::isnan(bounds[i]) || std::isinf(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1]))
      return "its bounds don't ascend";
  }
  if (!histogram.negative.empty() || histogram.zero_count != 0 || histogram.zero_threshold != 0)
    return "with bounds of its own there are no negative buckets and no zero bucket";
  const auto& index = histogram.positive.index;
  if (!index.empty() &&
      (index.front() < 0 || static_cast<std::size_t>(index.back()) > bounds.size())) {
    return "a bucket has no bound";
  }
  return {};
}

// How many observations the buckets have must be `count`, but that those of NaN are in none.
std::string CheckCount(const FloatHistogram& histogram, bool integers) {
  double sum = histogram.zero_count;
  for (const double count : histogram.positive.count) sum += count;
  for (const double count : histogram.negative.count) sum += count;
  if (histogram.count < 0 || histogram.zero_count < 0) return "its count is negative";
  const bool exact = integers && !std::isnan(histogram.sum);
  // Sums of floats differ by their order.
  const bool fits = exact      ? sum == histogram.count
                    : integers ? sum <= histogram.count
                               : !(sum > histogram.count * (1 + 1e-9));
  return fits ? ""
              : fmt::format("its buckets have {} observations, its count is {}", sum,
                            histogram.count);
}

class Reader {
 public:
  WrittenHistogram Read(std::string_view bytes) {
    MessageReader message(bytes);
    while (message.Next()) ReadField(message);
    histogram_.custom_bounds =
        bounds_.empty() ? nullptr : std::make_shared<const std::vector<double>>(std::move(bounds_));
    written_.buckets = positive_.counts.size() + negative_.counts.size();
    // The marker says nothing but its time.
    const bool stale = series::IsStale(histogram_.sum);
    std::string& problem = written_.problem;
    problem = Place(positive_, histogram_.positive);
    if (problem.empty()) problem = Place(negative_, histogram_.negative);
    if (problem.empty() && !stale) problem = CheckBounds(histogram_);
    if (problem.empty() && !stale) problem = CheckCount(histogram_, integers_);
    if (problem.empty())
      written_.histogram = std::make_shared<const FloatHistogram>(std::move(histogram_));
    return std::move(written_);
  }

 private:
  void ReadField(MessageReader& message) {
    switch (message.Field()) {
      case 1:
        histogram_.count = static_cast<double>(message.Uint64());
        break;
      case 2:
        histogram_.count = message.Double();
        integers_ = false;
        break;
      case 3:
        histogram_.sum = message.Double();
        break;
      case 4:
        histogram_.schema = message.Sint32();
        break;
      case 5:
        histogram_.zero_threshold = message.Double();
        break;
      case 6:
        histogram_.zero_count = static_cast<double>(message.Uint64());
        break;
      case 7:
        histogram_.zero_count = message.Double();
        break;
      case 8:
        negative_.AddSpan(message.Message());
        break;
      case 9:
        ReadDeltas(message, negative_);
        break;
      case 10:
        ReadDoubles(message, negative_.counts);
        break;
      case 11:
        positive_.AddSpan(message.Message());
        break;
      case 12:
        ReadDeltas(message, positive_);
        break;
      case 13:
        ReadDoubles(message, positive_.counts);
        break;
      case 14: {
        const int hint = message.Enum();
        if (hint >= 0 && hint <= 3) histogram_.reset_hint = static_cast<series::ResetHint>(hint);
        break;
      }
      case 15:
        written_.time = message.Int64();
        break;
      case 16:
        ReadDoubles(message, bounds_);
        break;
      case 17:
        written_.start_time = message.Int64();
        break;
      default:
        message.Skip();
    }
  }

  static void ReadDeltas(MessageReader& message, WrittenBuckets& buckets) {
    message.Sint64s([&](std::int64_t delta) { buckets.AddDelta(delta); });
  }
  static void ReadDoubles(MessageReader& message, std::vector<double>& numbers) {
    message.Doubles([&](double number) { numbers.push_back(number); });
  }

  FloatHistogram histogram_;
  WrittenBuckets positive_, negative_;
  std::vector<double> bounds_;
  bool integers_ = true;
  WrittenHistogram written_;
};

}  // namespace

WrittenHistogram ReadWrittenHistogram(std::string_view message) { return Reader().Read(message); }

}  // namespace tierwatch
