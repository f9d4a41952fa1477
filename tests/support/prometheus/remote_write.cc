#include "tests/support/prometheus/remote_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "alerts/series/float_histogram.h"
#include "base/http_client.h"

namespace tierwatch {
namespace {

// Protocol buffers' wire format (https://protobuf.dev/programming-guides/encoding/).
class Message {
 public:
  Message& Varint(int field, std::uint64_t value) {
    Number(static_cast<std::uint64_t>(field) << 3);
    Number(value);
    return *this;
  }
  Message& Signed(int field, std::int64_t value) { return Varint(field, ZigZag(value)); }
  Message& Double(int field, double value) {
    Number(static_cast<std::uint64_t>(field) << 3 | 1);
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(bits >> shift);
    return *this;
  }
  Message& Bytes(int field, std::string_view value) {
    Number(static_cast<std::uint64_t>(field) << 3 | 2);
    Number(value.size());
    bytes_ += value;
    return *this;
  }
  Message& Packed(int field, const std::vector<std::int64_t>& values) {
    Message packed;
    for (const std::int64_t value : values) packed.Number(ZigZag(value));
    return Bytes(field, packed.bytes_);
  }
  void Number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  static std::uint64_t ZigZag(std::int64_t value) {
    return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
  }

  std::string bytes_;
};

// Snappy's format (format_description.txt) with literals alone: nothing is compressed.
std::string Snappy(const std::string& data) {
  Message framed;
  framed.Number(data.size());
  std::string bytes = framed.bytes();
  constexpr std::size_t kPiece = 60'000;
  for (std::size_t at = 0; at < data.size(); at += kPiece) {
    const std::string piece = data.substr(at, kPiece);
    const std::size_t length = piece.size() - 1;
    bytes += static_cast<char>(61 << 2);  // a literal whose length is in the two bytes that follow
    bytes += static_cast<char>(length);
    bytes += static_cast<char>(length >> 8);
    bytes += piece;
  }
  return bytes;
}

// The buckets of one sign: spans of neighbours, and the counts as differences.
void AddBuckets(Message& message, int spans_field, const series::Buckets& buckets) {
  std::vector<std::int64_t> deltas;
  std::int64_t previous = 0;
  for (const double count : buckets.count) {
    deltas.push_back(std::llround(count) - previous);
    previous = std::llround(count);
  }
  std::int32_t expected = 0;  // the index behind the last span
  for (std::size_t begin = 0, end; begin < buckets.size(); begin = end) {
    end = begin + 1;
    while (end < buckets.size() && buckets.index[end] == buckets.index[end - 1] + 1) ++end;
    Message span;
    span.Signed(1, buckets.index[begin] - expected).Varint(2, end - begin);
    message.Bytes(spans_field, span.bytes());
    expected = buckets.index[end - 1] + 1;
  }
  if (!deltas.empty()) message.Packed(spans_field + 1, deltas);
}

Message HistogramMessage(const series::FloatHistogram& histogram, TimestampMs time) {
  Message message;
  message.Varint(1, static_cast<std::uint64_t>(std::llround(histogram.count)))
      .Double(3, histogram.sum)
      .Signed(4, histogram.schema)
      .Double(5, histogram.zero_threshold)
      .Varint(6, static_cast<std::uint64_t>(std::llround(histogram.zero_count)));
  AddBuckets(message, 8, histogram.negative);
  AddBuckets(message, 11, histogram.positive);
  return message.Varint(14, static_cast<std::uint64_t>(histogram.reset_hint))
      .Varint(15, static_cast<std::uint64_t>(time));
}

}  // namespace

std::string EncodeRemoteWrite(std::span<const series::Sample> samples) {
  Message request;
  for (const series::Sample& sample : samples) {
    Message series;
    for (const Label& label : sample.labels) {
      Message pair;
      pair.Bytes(1, label.name).Bytes(2, label.value);
      series.Bytes(1, pair.bytes());
    }
    if (sample.histogram) {
      series.Bytes(4, HistogramMessage(*sample.histogram, sample.time).bytes());
    } else {
      Message value;
      value.Double(1, sample.value).Varint(2, static_cast<std::uint64_t>(sample.time));
      series.Bytes(2, value.bytes());
    }
    request.Bytes(1, series.bytes());
  }
  return Snappy(request.bytes());
}

std::string PostRemoteWrite(const std::string& url, std::span<const series::Sample> samples) {
  HttpRequest request;
  request.method = "POST";
  request.url = url + "/api/v1/write";
  request.headers = {{"Content-Type", "application/x-protobuf"},
                     {"Content-Encoding", "snappy"},
                     {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
  request.body = EncodeRemoteWrite(samples);
  const Result<HttpResponse> response = HttpClient({}).Send(request);
  if (!response.ok()) return response.error().message;
  return response->status / 100 == 2 ? "" : fmt::format("{}: {}", response->status, response->body);
}

}  // namespace tierwatch
