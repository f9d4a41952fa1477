#include "alerts/series/float_histogram_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace tierwatch::series {
namespace {

/// Bucket numbers beyond this hold nothing in any schema; the bound keeps hostile offsets from
/// making huge output.
constexpr std::int32_t kFarthestIndex = 1 << 20;

constexpr std::pair<std::string_view, ResetHint> kHints[] = {{"unknown", ResetHint::kUnknown},
                                                             {"reset", ResetHint::kReset},
                                                             {"not_reset", ResetHint::kNotReset},
                                                             {"gauge", ResetHint::kGauge}};

Error Bad(std::string_view what, std::string_view text) {
  return Error{"histogram: " + std::string(what) + ": \"" + std::string(text.substr(0, 40)) + "\"",
               Reason::kParse};
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

std::optional<double> ReadNumber(std::string_view text) {
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  double value = 0;
  if (EqualsIgnoringCase(text, "inf")) {
    value = std::numeric_limits<double>::infinity();
  } else if (EqualsIgnoringCase(text, "nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const std::string_view digits = hex ? text.substr(2) : text;
    if (digits.empty() || digits.front() == 'i' || digits.front() == 'n') return std::nullopt;
    const char* end = digits.data() + digits.size();
    const auto format = hex ? std::chars_format::hex : std::chars_format::general;
    const auto [stop, code] = std::from_chars(digits.data(), end, value, format);
    if (code != std::errc() || stop != end) return std::nullopt;
  }
  return minus ? -value : value;
}

std::optional<std::int32_t> ReadInteger(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int32_t value = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "[1 2 1]"; at least one number.
std::optional<std::vector<double>> ReadList(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::vector<double> values;
  while (!text.empty()) {
    const std::size_t word = std::min(text.find(' '), text.size());
    if (word > 0) {
      const auto value = ReadNumber(text.substr(0, word));
      if (!value) return std::nullopt;
      values.push_back(*value);
    }
    text.remove_prefix(std::min(word + 1, text.size()));
  }
  if (values.empty()) return std::nullopt;
  return values;
}

/// The values of a literal before they are put together.
struct Fields {
  std::optional<double> sum, count, zero_count, zero_threshold;
  std::optional<std::int32_t> schema, offset, negative_offset;
  std::optional<std::vector<double>> positive, negative, bounds;
  std::optional<ResetHint> hint;
};

template <class T>
bool Store(std::optional<T>& field, std::optional<T> value) {
  if (field || !value) return false;  // twice, or malformed
  field = std::move(value);
  return true;
}

std::optional<ResetHint> ReadHint(std::string_view text) {
  for (const auto& [name, hint] : kHints) {
    if (name == text) return hint;
  }
  return std::nullopt;
}

bool StoreField(Fields& fields, std::string_view key, std::string_view text) {
  if (key == "schema") return Store(fields.schema, ReadInteger(text));
  if (key == "sum") return Store(fields.sum, ReadNumber(text));
  if (key == "count") return Store(fields.count, ReadNumber(text));
  if (key == "z_bucket") return Store(fields.zero_count, ReadNumber(text));
  if (key == "z_bucket_w") return Store(fields.zero_threshold, ReadNumber(text));
  if (key == "offset") return Store(fields.offset, ReadInteger(text));
  if (key == "n_offset") return Store(fields.negative_offset, ReadInteger(text));
  if (key == "buckets") return Store(fields.positive, ReadList(text));
  if (key == "n_buckets") return Store(fields.negative, ReadList(text));
  if (key == "custom_values") return Store(fields.bounds, ReadList(text));
  if (key == "counter_reset_hint") return Store(fields.hint, ReadHint(text));
  return false;
}

/// Cuts the next "key:value" off the text; a list reaches to its bracket.
std::string_view TakeField(std::string_view& text) {
  std::size_t end = text.find_first_of(" [");
  if (end != std::string_view::npos && text[end] == '[') {
    end = text.find(']', end);
    if (end != std::string_view::npos) ++end;
  }
  end = std::min(end, text.size());
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end);
  return field;
}

Result<Fields> ReadFields(std::string_view text) {
  Fields fields;
  for (;;) {
    const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
    text.remove_prefix(begin);
    if (text.empty()) return fields;
    const std::string_view field = TakeField(text);
    if (!text.empty() && text.front() != ' ') return Bad("a space is missing after", field);
    const std::size_t colon = std::min(field.find(':'), field.size());
    const std::string_view value = field.substr(std::min(colon + 1, field.size()));
    if (!StoreField(fields, field.substr(0, colon), value)) {
      return Bad("unknown, repeated or malformed", field);
    }
  }
}

Buckets MakeBuckets(std::int32_t offset, std::optional<std::vector<double>> counts) {
  Buckets buckets;
  if (!counts) return buckets;
  buckets.count = std::move(*counts);
  for (std::size_t i = 0; i < buckets.count.size(); ++i) {
    buckets.index.push_back(offset + static_cast<std::int32_t>(i));
  }
  return buckets;
}

bool InReach(const Buckets& buckets) {
  return buckets.empty() ||
         (buckets.index.front() >= -kFarthestIndex && buckets.index.back() <= kFarthestIndex);
}

/// What is wrong with the layout, or nothing.
std::string_view LayoutFault(const FloatHistogram& histogram) {
  if (!InReach(histogram.positive) || !InReach(histogram.negative)) return "offset out of range";
  if (!histogram.UsesCustomBuckets()) {
    if (histogram.schema < kMinSchema || histogram.schema > kMaxSchema) return "unknown schema";
    if (!(histogram.zero_threshold >= 0)) return "z_bucket_w is negative";
    return histogram.custom_bounds ? "custom_values need schema -53" : "";
  }
  if (!histogram.negative.empty() || histogram.zero_count != 0 || histogram.zero_threshold != 0) {
    return "custom buckets know no zero or negative buckets";
  }
  const auto bounds = histogram.bounds();
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (!std::isfinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1])) {
      return "custom_values must be finite and ascend";
    }
  }
  const Buckets& buckets = histogram.positive;
  const bool inside =
      buckets.empty() || (buckets.index.front() >= 0 &&
                          static_cast<std::size_t>(buckets.index.back()) <= bounds.size());
  return inside ? "" : "more buckets than custom_values bound";
}

/// As Go's %g: the shortest digits, scientific where the exponent is below -4 or above 5.
void AppendNumber(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char text[64];
  auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  const std::string_view scientific(text, static_cast<std::size_t>(end - text));
  const auto exponent = ReadInteger(scientific.substr(scientific.find('e') + 1)).value_or(0);
  if (exponent >= -4 && exponent <= 5) {
    end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr;
  }
  out.append(text, end);
}

void AppendField(std::string& out, std::string_view key, double value) {
  if (value == 0) return;
  out.append(key).append(":");
  AppendNumber(out, value);
  out += ' ';
}

void AppendList(std::string& out, std::string_view key, std::span<const double> values) {
  if (values.empty()) return;
  out.append(key).append(":[");
  for (const double value : values) {
    AppendNumber(out, value);
    out += ' ';
  }
  out.back() = ']';
  out += ' ';
}

/// Buckets of a literal lie side by side, so gaps are filled with empty ones.
void AppendBuckets(std::string& out, std::string_view prefix, const Buckets& buckets) {
  if (buckets.empty()) return;
  std::vector<double> counts;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    counts.resize(static_cast<std::size_t>(buckets.index[i] - buckets.index.front()));
    counts.push_back(buckets.count[i]);
  }
  AppendField(out, std::string(prefix) + "offset", buckets.index.front());
  AppendList(out, std::string(prefix) + "buckets", counts);
}

void AppendBucket(std::string& out, const Bucket& bucket) {
  if (bucket.count == 0) return;
  out += bucket.lower_inclusive ? ", [" : ", (";
  AppendNumber(out, bucket.lower);
  out += ',';
  AppendNumber(out, bucket.upper);
  out += bucket.upper_inclusive ? "]:" : "):";
  AppendNumber(out, bucket.count);
}

}  // namespace

Result<FloatHistogram> ParseHistogramLiteral(std::string_view text) {
  if (!text.starts_with("{{") || !text.ends_with("}}") || text.size() < 4) {
    return Bad("not a literal in {{ }}", text);
  }
  auto fields = ReadFields(text.substr(2, text.size() - 4));
  if (!fields.ok()) return std::move(fields).error();
  FloatHistogram histogram;
  histogram.reset_hint = fields->hint.value_or(ResetHint::kUnknown);
  histogram.schema = fields->schema.value_or(0);
  histogram.zero_threshold = fields->zero_threshold.value_or(0);
  histogram.zero_count = fields->zero_count.value_or(0);
  histogram.count = fields->count.value_or(0);
  histogram.sum = fields->sum.value_or(0);
  const auto clamp = [](std::optional<std::int32_t> offset) {
    return std::clamp(offset.value_or(0), -kFarthestIndex - 1, kFarthestIndex + 1);
  };
  histogram.positive = MakeBuckets(clamp(fields->offset), std::move(fields->positive));
  histogram.negative = MakeBuckets(clamp(fields->negative_offset), std::move(fields->negative));
  if (fields->bounds) {
    histogram.custom_bounds =
        std::make_shared<const std::vector<double>>(std::move(*fields->bounds));
  }
  if (const auto fault = LayoutFault(histogram); !fault.empty()) return Bad(fault, text);
  return histogram;
}

std::string PrintHistogramLiteral(const FloatHistogram& histogram) {
  FloatHistogram compact = histogram;
  compact.Compact();
  std::string out = "{{";
  AppendField(out, "schema", compact.schema);
  AppendField(out, "count", compact.count);
  AppendField(out, "sum", compact.sum);
  AppendField(out, "z_bucket", compact.zero_count);
  AppendField(out, "z_bucket_w", compact.zero_threshold);
  AppendList(out, "custom_values", compact.bounds());
  for (const auto& [name, hint] : kHints) {
    if (hint == compact.reset_hint && hint != ResetHint::kUnknown) {
      out.append("counter_reset_hint:").append(name).append(" ");
    }
  }
  AppendBuckets(out, "", compact.positive);
  AppendBuckets(out, "n_", compact.negative);
  if (out.back() == ' ') out.pop_back();
  return out + "}}";
}

std::string PrintHistogram(const FloatHistogram& histogram) {
  std::string out = "{count:";
  AppendNumber(out, histogram.count);
  out += ", sum:";
  AppendNumber(out, histogram.sum);
  for (std::size_t i = histogram.negative.size(); i-- > 0;) {
    AppendBucket(out, histogram.NegativeBucket(i));
  }
  if (!histogram.UsesCustomBuckets()) AppendBucket(out, histogram.ZeroBucket());
  for (std::size_t i = 0; i < histogram.positive.size(); ++i) {
    AppendBucket(out, histogram.PositiveBucket(i));
  }
  return out + "}";
}

}  // namespace tierwatch::series
