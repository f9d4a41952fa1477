#include "alerts/promql/script_series.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "alerts/promql/text.h"
#include "alerts/series/float_histogram.h"
#include "alerts/series/float_histogram_text.h"
#include "base/duration.h"

namespace tierwatch::promql {
namespace {

constexpr std::size_t kMostValues =
    1'000'000;  // of one line: a repetition must not take the memory

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

// Reads from the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool AtEnd() const { return text_.empty(); }
  char Peek() const { return text_.empty() ? '\0' : text_.front(); }
  bool Take(std::string_view prefix) {
    if (!text_.starts_with(prefix)) return false;
    text_.remove_prefix(prefix.size());
    return true;
  }
  void SkipSpace() {
    while (!text_.empty() && IsSpace(text_.front())) text_.remove_prefix(1);
  }
  template <class Belongs>
  std::string_view TakeWhile(Belongs belongs) {
    const auto end = std::find_if_not(text_.begin(), text_.end(), belongs);
    return TakeCount(static_cast<std::size_t>(end - text_.begin()));
  }
  std::string_view TakeCount(std::size_t count) {
    const std::string_view taken = text_.substr(0, count);
    text_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() const { return text_; }

 private:
  std::string_view text_;
};

Error Bad(std::string_view what, std::string_view where) {
  return {"unexpected text in " + std::string(what) + " at " + Quote(where.substr(0, 20)),
          Reason::kParse};
}

std::optional<std::string> TakeString(Reader& reader) {
  const char quote = reader.Peek();
  if (quote != '"' && quote != '\'' && quote != '`') return std::nullopt;
  const std::string_view text = reader.rest();
  std::size_t end = 1;
  while (end < text.size() && text[end] != quote) end += text[end] == '\\' && quote != '`' ? 2 : 1;
  if (end >= text.size()) return std::nullopt;
  return Unquote(reader.TakeCount(end + 1));
}

Result<Labels> TakeLabels(Reader& reader) {
  const auto in_name = [](char c) { return IsAlpha(c) || IsDigit(c) || c == ':'; };
  std::vector<Label> labels;
  if (const std::string_view name = reader.TakeWhile(in_name); !name.empty()) {
    labels.push_back({std::string(kMetricName), std::string(name)});
  }
  reader.SkipSpace();
  if (reader.rest().starts_with("{{") || !reader.Take("{")) return Labels(std::move(labels));
  for (reader.SkipSpace(); !reader.Take("}"); reader.SkipSpace()) {
    std::optional<std::string> name = TakeString(reader);
    const bool quoted = name.has_value();
    if (!quoted) name = std::string(reader.TakeWhile(in_name));
    reader.SkipSpace();
    if (reader.Take("=")) {
      reader.SkipSpace();
      std::optional<std::string> value = TakeString(reader);
      if (!value || name->empty()) return Bad("label set", reader.rest());
      labels.push_back({std::move(*name), std::move(*value)});
    } else if (quoted) {
      labels.push_back({std::string(kMetricName), std::move(*name)});
    } else {
      return Bad("label set", reader.rest());
    }
    reader.SkipSpace();
    if (!reader.Take(",") && reader.Peek() != '}') return Bad("label set", reader.rest());
  }
  return Labels(std::move(labels));
}

// `xN` behind a value; 0 where there is none. False where N is no number, or too large.
bool TakeTimes(Reader& reader, std::size_t& times, bool& given) {
  given = reader.Take("x");
  if (!given) return true;
  const std::string_view digits = reader.TakeWhile(IsDigit);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), times);
  return error == std::errc() && end == digits.data() + digits.size() && times <= kMostValues;
}

// An unsigned number: digits with fraction and exponent, Inf or NaN. Hexadecimal would be a
// repetition.
std::optional<double> TakeNumber(Reader& reader) {
  const std::string_view text = reader.rest();
  if (IsAlpha(reader.Peek())) {
    const std::string_view word = reader.TakeCount(3);
    const auto is = [&](std::string_view lower) {
      return std::equal(word.begin(), word.end(), lower.begin(), lower.end(),
                        [](char a, char b) { return (a | 0x20) == b; });
    };
    if (is("inf")) return std::numeric_limits<double>::infinity();
    if (is("nan")) return series::OrdinaryNan();
    return std::nullopt;
  }
  std::size_t end = 0;
  while (end < text.size() && (IsDigit(text[end]) || text[end] == '.')) ++end;
  if (end + 1 < text.size() && (text[end] | 0x20) == 'e') {
    const std::size_t sign = text[end + 1] == '+' || text[end + 1] == '-' ? 1 : 0;
    std::size_t digits = end + 1 + sign;
    while (digits < text.size() && IsDigit(text[digits])) ++digits;
    if (digits > end + 1 + sign) end = digits;
  }
  return end == 0 ? std::nullopt : ParseNumber(reader.TakeCount(end));
}

std::optional<double> TakeSigned(Reader& reader) {
  const bool negative = reader.Take("-");
  if (!negative) reader.Take("+");
  const std::optional<double> number = TakeNumber(reader);
  if (!number) return std::nullopt;
  return negative ? -*number : *number;
}

Result<ScriptValue> TakeHistogram(Reader& reader) {
  const std::size_t end = reader.rest().find("}}");
  if (end == std::string_view::npos) return Bad("histogram", reader.rest());
  const std::string_view literal = reader.TakeCount(end + 2);
  Result<series::FloatHistogram> histogram = series::ParseHistogramLiteral(literal);
  if (!histogram.ok()) return histogram.error();
  ScriptValue value;
  value.histogram = std::make_shared<const series::FloatHistogram>(std::move(histogram).value());
  value.hint_given = literal.find("counter_reset_hint") != std::string_view::npos;
  return value;
}

Result<void> TakeHistograms(Reader& reader, std::vector<ScriptValue>& values) {
  Result<ScriptValue> first = TakeHistogram(reader);
  if (!first.ok()) return first.error();
  const bool plus = reader.Peek() == '+', minus = reader.Peek() == '-';
  Result<ScriptValue> change = *first;
  if (plus || minus) {
    reader.TakeCount(1);
    change = TakeHistogram(reader);
    if (!change.ok()) return change.error();
  }
  std::size_t times = 0;
  bool repeated = false;
  if (!TakeTimes(reader, times, repeated) || ((plus || minus) && !repeated))
    return Bad("histogram", reader.rest());
  ScriptValue value = *first;
  value.hint_given = change->hint_given;
  values.push_back(value);
  for (std::size_t i = 0; i < times; ++i) {
    if (plus || minus) {
      auto next = std::make_shared<series::FloatHistogram>(*value.histogram);
      if (next->schema > change->histogram->schema)
        return Error{"error combining histograms: schemas differ"};
      const series::CombineInfo info =
          plus ? next->Add(*change->histogram) : next->Sub(*change->histogram);
      if (info.incompatible) return Error{"error combining histograms: schemas differ"};
      value.histogram = std::move(next);
    }
    values.push_back(value);
  }
  return {};
}

Result<void> TakeItem(Reader& reader, std::vector<ScriptValue>& values) {
  if (reader.rest().starts_with("{{")) return TakeHistograms(reader, values);
  std::size_t times = 0;
  bool repeated = false;
  ScriptValue value;
  if (reader.Take("_")) {
    if (!TakeTimes(reader, times, repeated)) return Bad("series values", reader.rest());
    value.omitted = true;
    values.insert(values.end(), repeated ? times : 1, value);
    return {};
  }
  double step = 0;
  if (reader.Take("stale")) {
    value.value = series::StaleMarker();
  } else {
    const std::optional<double> number = TakeSigned(reader);
    if (!number) return Bad("series values", reader.rest());
    value.value = *number;
    if (reader.Peek() == '+' || reader.Peek() == '-') {
      const std::optional<double> change = TakeSigned(reader);
      if (!change || reader.Peek() != 'x') return Bad("series values", reader.rest());
      step = *change;
    }
  }
  if (!TakeTimes(reader, times, repeated)) return Bad("series values", reader.rest());
  const bool marker = series::IsStale(value.value);
  for (std::size_t i = 0; i <= times; ++i) {
    values.push_back(value);
    if (!marker) value.value += step;
  }
  return {};
}

std::optional<Millis> TakeDuration(Reader& reader) {
  const bool negative = reader.Take("-");
  if (!negative) reader.Take("+");
  const std::string_view text =
      reader.TakeWhile([](char c) { return IsDigit(c) || (IsAlpha(c) && c != 'x'); });
  const Result<Millis> duration = ParseDuration(text);
  if (!duration.ok()) return std::nullopt;
  return negative ? -*duration : *duration;
}

}  // namespace

Result<ScriptSeries> ParseScriptSeries(std::string_view line) {
  Reader reader(line);
  reader.SkipSpace();
  Result<Labels> labels = TakeLabels(reader);
  if (!labels.ok()) return labels.error();
  ScriptSeries series{std::move(labels).value(), {}};
  for (reader.SkipSpace(); !reader.AtEnd(); reader.SkipSpace()) {
    const Result<void> item = TakeItem(reader, series.values);
    if (!item.ok()) return item.error();
    if (!reader.AtEnd() && !IsSpace(reader.Peek())) return Bad("series values", reader.rest());
    if (series.values.size() > kMostValues)
      return Error{"too many values in one series", Reason::kLimit};
  }
  return series;
}

bool IsStartTimes(std::string_view line) {
  const std::size_t space = line.find_first_of(" \t");
  return space != std::string_view::npos && line.substr(0, space).ends_with("@st");
}

Result<ScriptStartTimes> ParseScriptStartTimes(std::string_view line) {
  const std::size_t space = line.find_first_of(" \t");
  Reader name(line.substr(0, space - 3));
  Result<Labels> labels = TakeLabels(name);
  if (!labels.ok()) return labels.error();
  ScriptStartTimes times{std::move(labels).value(), {}};
  Reader reader(line.substr(space));
  for (reader.SkipSpace(); !reader.AtEnd(); reader.SkipSpace()) {
    const bool gap = reader.Take("_");
    std::optional<Millis> offset = gap ? std::nullopt : TakeDuration(reader);
    if (!gap && !offset) return Bad("start times", reader.rest());
    Millis step{0};
    if (!gap && (reader.Peek() == '+' || reader.Peek() == '-')) {
      const std::optional<Millis> change = TakeDuration(reader);
      if (!change) return Bad("start times", reader.rest());
      step = *change;
    }
    std::size_t count = 0;
    bool repeated = false;
    if (!TakeTimes(reader, count, repeated)) return Bad("start times", reader.rest());
    const std::size_t total = gap ? (repeated ? count : 1) : count + 1;
    for (std::size_t i = 0; i < total; ++i) {
      times.offsets.push_back(offset);
      if (offset) *offset += step;
    }
  }
  return times;
}

}  // namespace tierwatch::promql
