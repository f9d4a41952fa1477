#include "exporter/api/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "alerts/template/go_format.h"
#include "base/duration.h"

namespace tierwatch::api {
namespace {

// Enough for 20 digits, or for any double of up to 1e21 with its shortest fraction.
using Buffer = std::array<char, 64>;

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

char* WriteSeconds(char* to, char* end, TimestampMs time) {
  if (time < 0) *to++ = '-';
  const std::uint64_t size = time < 0 ? 0 - static_cast<std::uint64_t>(time) : time;
  to = std::to_chars(to, end, size / 1000).ptr;
  const auto rest = static_cast<unsigned>(size % 1000);
  if (rest == 0) return to;
  *to++ = '.';
  *to++ = static_cast<char>('0' + rest / 100);
  *to++ = static_cast<char>('0' + rest / 10 % 10);
  *to++ = static_cast<char>('0' + rest % 10);
  while (to[-1] == '0') --to;
  return to;
}

// Which bounds of a bucket belong to it.
int BoundaryRule(const series::Bucket& bucket) {
  if (bucket.lower_inclusive) return bucket.upper_inclusive ? 3 : 1;
  return bucket.upper_inclusive ? 0 : 2;
}

}  // namespace

void JsonWriter::Separate() {
  if (out_.empty()) return;
  const char last = out_.back();
  if (last != '{' && last != '[' && last != ':') out_ += ',';
}

JsonWriter& JsonWriter::Open(char bracket) {
  Separate();
  out_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::Close(char bracket) {
  out_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::Word(std::string_view word) {
  Separate();
  out_ += word;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  Separate();
  Quoted(name);
  out_ += ':';
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view text) {
  Separate();
  Quoted(text);
  return *this;
}

void JsonWriter::Quoted(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), IsPlain);
  const std::string clean = plain || IsUtf8(text) ? std::string() : ToUtf8(text);
  if (!clean.empty()) text = clean;
  out_ += '"';
  if (plain) {
    out_ += text;
  } else {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (c == '\n') {
        out_ += "\\n";
      } else if (byte < 0x20) {
        out_ += fmt::format("\\u{:04x}", byte);
      } else {
        out_ += c;
      }
    }
  }
  out_ += '"';
}

JsonWriter& JsonWriter::Integer(std::int64_t value) {
  Separate();
  Buffer buffer;
  out_.append(buffer.data(), std::to_chars(buffer.begin(), buffer.end(), value).ptr);
  return *this;
}

JsonWriter& JsonWriter::Number(double value) {
  Separate();
  Buffer buffer;
  out_.append(buffer.data(), std::to_chars(buffer.begin(), buffer.end(), value).ptr);
  return *this;
}

JsonWriter& JsonWriter::Seconds(TimestampMs time) {
  Separate();
  Buffer buffer;
  out_.append(buffer.data(), WriteSeconds(buffer.begin(), buffer.end(), time));
  return *this;
}

JsonWriter& JsonWriter::Time(TimestampMs time) {
  return String(time == 0 ? "0001-01-01T00:00:00Z" : FormatTimestamp(time));
}

void JsonWriter::Value(double value) {
  Buffer buffer;
  const double magnitude = std::abs(value);
  // Up to here every whole number is its own shortest text.
  constexpr double kExact = 9'007'199'254'740'992;
  out_ += '"';
  if (magnitude < kExact && (value == 0 ? !std::signbit(value) : magnitude >= 1e-6)) {
    const auto whole = static_cast<std::int64_t>(value);
    char* const end =
        static_cast<double>(whole) == value
            ? std::to_chars(buffer.begin(), buffer.end(), whole).ptr
            : std::to_chars(buffer.begin(), buffer.end(), value, std::chars_format::fixed).ptr;
    out_.append(buffer.data(), end);
  } else {
    const bool many_zeros = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
    out_ += tmpl::FormatDouble(value, many_zeros ? 'e' : 'f', -1);
  }
  out_ += '"';
}

JsonWriter& JsonWriter::Sample(TimestampMs time, double value) {
  BeginArray().Seconds(time);
  out_ += ',';
  Value(value);
  return EndArray();
}

JsonWriter& JsonWriter::Sample(TimestampMs time, const series::FloatHistogram& histogram) {
  BeginArray().Seconds(time).BeginObject().Key("count");
  Value(histogram.count);
  Key("sum");
  Value(histogram.sum);
  const series::AllBuckets buckets(histogram);
  bool any = false;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const series::Bucket bucket = buckets[i];
    if (bucket.count == 0) continue;
    if (!std::exchange(any, true)) Key("buckets").BeginArray();
    BeginArray().Integer(BoundaryRule(bucket));
    for (const double number : {bucket.lower, bucket.upper, bucket.count}) {
      out_ += ',';
      Value(number);
    }
    EndArray();
  }
  if (any) EndArray();
  return EndObject().EndArray();
}

JsonWriter& JsonWriter::LabelSet(const Labels& labels) {
  BeginObject();
  for (const Label& label : labels) Key(label.name).String(label.value);
  return EndObject();
}

}  // namespace tierwatch::api
