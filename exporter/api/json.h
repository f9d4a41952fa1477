// JSON as it is written: straight into one string, without a tree in between.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "alerts/series/float_histogram.h"
#include "base/clock.h"
#include "base/labels.h"

namespace tierwatch::api {

/// The caller nests rightly; commas come by themselves. Text that isn't UTF-8 is written with
/// U+FFFD for its malformed bytes.
class JsonWriter {
 public:
  explicit JsonWriter(std::string_view head = {}) : out_(head) {}

  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view name);
  JsonWriter& String(std::string_view text);
  JsonWriter& Integer(std::int64_t value);
  /// Finite numbers only.
  JsonWriter& Number(double value);
  JsonWriter& Bool(bool value) { return Word(value ? "true" : "false"); }
  JsonWriter& Null() { return Word("null"); }

  /// Seconds with the milliseconds that there are: 1435781451.781.
  JsonWriter& Seconds(TimestampMs time);
  /// RFC 3339, the year 1 for 0 (never).
  JsonWriter& Time(TimestampMs time);
  /// `[time, "value"]`: the value as Prometheus prints samples, with an exponent below 1e-6 and
  /// from 1e21 on.
  JsonWriter& Sample(TimestampMs time, double value);
  /// `[time, {"count", "sum", "buckets"}]` with the populated buckets.
  JsonWriter& Sample(TimestampMs time, const series::FloatHistogram& histogram);
  JsonWriter& LabelSet(const Labels& labels);

  std::size_t size() const { return out_.size(); }
  std::string Take() && { return std::move(out_); }

 private:
  void Separate();
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  JsonWriter& Word(std::string_view word);
  void Quoted(std::string_view text);
  void Value(double value);

  std::string out_;
};

}  // namespace tierwatch::api
