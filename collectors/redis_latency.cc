#include "collectors/redis_latency.h"

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace tierwatch {
namespace {

using Kind = RedisReply::Kind;

// The bounds that LATENCY HISTOGRAM reports, in microseconds: 1024 ns × 2^k, rounded up to the end
// of a bucket of its histogram (1/128 wider) and down to whole microseconds. It leaves out those
// that nothing fell into; all are given here, since a histogram whose bounds come and go can't be
// used over time. Its last bound, 1082130, is left out: it holds all durations over a second,
// however long, and belongs under +Inf.
constexpr int kBounds = 20;
std::int64_t BoundMicros(int k) { return ((std::int64_t{1032} << k) - 1) / 1000; }

}  // namespace

std::optional<prometheus::ClientMetric::Histogram> ParseLatencyHistogram(const RedisReply& entry) {
  const std::vector<RedisReply>& parts = entry.items;
  const auto part = [&parts](std::string_view name, Kind kind) -> const RedisReply* {
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
      if (parts[i].text == name && parts[i + 1].kind == kind) return &parts[i + 1];
    }
    return nullptr;
  };
  const RedisReply* calls = part("calls", Kind::kInteger);
  const RedisReply* buckets = part("histogram_usec", Kind::kArray);
  if (calls == nullptr || buckets == nullptr || calls->integer < 0) return std::nullopt;
  prometheus::ClientMetric::Histogram histogram;
  std::size_t next = 0;
  std::int64_t bound = 0;
  std::int64_t count = 0;
  const std::vector<RedisReply>& pairs = buckets->items;
  for (int k = 0; k < kBounds; ++k) {
    for (; next + 1 < pairs.size() && pairs[next].integer <= BoundMicros(k); next += 2) {
      if (pairs[next].integer <= bound || pairs[next + 1].integer < count) return std::nullopt;
      bound = pairs[next].integer;
      count = pairs[next + 1].integer;
    }
    histogram.bucket.push_back(
        {static_cast<std::uint64_t>(count), static_cast<double>(BoundMicros(k)) / 1e6});
  }
  if (calls->integer < count) return std::nullopt;
  histogram.sample_count = static_cast<std::uint64_t>(calls->integer);
  histogram.bucket.push_back({histogram.sample_count, std::numeric_limits<double>::infinity()});
  return histogram;
}

}  // namespace tierwatch
