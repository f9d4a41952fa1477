#include "exporter/text_format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "exporter/metric_table.h"

namespace tierwatch {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

// Both escape backslash and line feed; a label value escapes its quote too. A lone NUL ends
// Prometheus's lexer, and a carriage return at the end of HELP makes it refuse the page.
void AppendEscaped(std::string& out, std::string_view text, bool in_quotes) {
  if (IsPlain(text)) {
    out += text;
    return;
  }
  for (const char c : ToUtf8(text)) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && in_quotes) {
      out += "\\\"";
    } else if (c == '\0') {
      out += "\xef\xbf\xbd";
    } else if (c == '\r' && !in_quotes) {
      out += ' ';
    } else {
      out += c;
    }
  }
}

template <class T>
void AppendNumber(std::string& out, T value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void AppendLabel(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += "=\"";
  AppendEscaped(out, value, true);
  out += '"';
}

// Renders the metrics of one family after one another; scratch space is kept from metric to metric.
class FamilyWriter {
 public:
  FamilyWriter(FamilyText& out, const Labels& target_labels) : out_(out), target_(target_labels) {
    for (const Label& label : target_) {
      if (!IsLegacyLabelName(label.name) || IsReserved(label.name)) target_is_bad_ = true;
    }
  }

  // False where the metric can't be told in this format; nothing is appended then.
  bool Add(const ClientMetric& metric) {
    if (target_is_bad_ || !SortLabels(metric)) return false;
    labels_.clear();
    for (const auto& [name, value] : sorted_) {
      if (!labels_.empty()) labels_ += ',';
      AppendLabel(labels_, name, value);
    }
    const std::size_t begin = out_.text.size();
    const std::size_t identity = AppendLines(metric);
    const auto text = std::string_view(out_.text).substr(begin);
    out_.series.push_back({std::hash<std::string_view>{}(labels_),
                           static_cast<std::uint32_t>(identity),
                           static_cast<std::uint32_t>(text.size())});
    return true;
  }

 private:
  bool IsReserved(std::string_view name) const {
    return (out_.type == MetricType::Histogram && name == "le") ||
           (out_.type == MetricType::Summary && name == "quantile");
  }

  // The metric's labels and the target's, by name. False: a name is not allowed or occurs twice.
  bool SortLabels(const ClientMetric& metric) {
    sorted_.clear();
    for (const ClientMetric::Label& label : metric.label) {
      if (!IsLegacyLabelName(label.name) || IsReserved(label.name)) return false;
      if (!label.value.empty()) sorted_.emplace_back(label.name, label.value);
    }
    const std::size_t own = sorted_.size();
    for (const Label& label : target_) {
      const auto end = sorted_.begin() + static_cast<std::ptrdiff_t>(own);
      const bool mine = std::any_of(sorted_.begin(), end,
                                    [&](const auto& entry) { return entry.first == label.name; });
      if (!mine) sorted_.emplace_back(label.name, label.value);
    }
    const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::sort(sorted_.begin(), sorted_.end(), less);
    return std::adjacent_find(sorted_.begin(), sorted_.end(), [](const auto& a, const auto& b) {
             return a.first == b.first;
           }) == sorted_.end();
  }

  // Gives the length of what names the metric at the start of its first line.
  std::size_t AppendLines(const ClientMetric& metric) {
    switch (out_.type) {
      case MetricType::Counter:
        return AppendLine("", {}, metric.counter.value, metric);
      case MetricType::Gauge:
        return AppendLine("", {}, metric.gauge.value, metric);
      case MetricType::Untyped:
        return AppendLine("", {}, metric.untyped.value, metric);
      case MetricType::Summary:
        return AppendSummary(metric);
      case MetricType::Histogram:
        break;
    }
    return AppendHistogram(metric);
  }

  std::size_t AppendSummary(const ClientMetric& metric) {
    const std::size_t identity = Identity(metric.summary.quantile.empty() ? "_sum" : "");
    for (const ClientMetric::Quantile& q : metric.summary.quantile) {
      AppendLine("", {{"quantile", q.quantile}}, q.value, metric);
    }
    AppendLine("_sum", {}, metric.summary.sample_sum, metric);
    AppendLine("_count", {}, metric.summary.sample_count, metric);
    return identity;
  }

  std::size_t AppendHistogram(const ClientMetric& metric) {
    const ClientMetric::Histogram& histogram = metric.histogram;
    for (const ClientMetric::Bucket& bucket : histogram.bucket) {
      AppendLine("_bucket", {{"le", bucket.upper_bound}}, bucket.cumulative_count, metric);
    }
    const bool open = histogram.bucket.empty() || !std::isinf(histogram.bucket.back().upper_bound);
    if (open) AppendLine("_bucket", {{"le", HUGE_VAL}}, histogram.sample_count, metric);
    AppendLine("_sum", {}, histogram.sample_sum, metric);
    AppendLine("_count", {}, histogram.sample_count, metric);
    return Identity("_bucket");
  }

  std::size_t Identity(std::string_view suffix) const {
    return out_.name.size() + suffix.size() + (labels_.empty() ? 0 : 1 + labels_.size());
  }

  struct Bound {
    std::string_view label;
    double value;
  };

  template <class T>
  std::size_t AppendLine(std::string_view suffix, std::optional<Bound> bound, T value,
                         const ClientMetric& metric) {
    std::string& text = out_.text;
    text += out_.name;
    text += suffix;
    if (!labels_.empty() || bound) {
      text += '{';
      text += labels_;
      if (bound) {
        if (!labels_.empty()) text += ',';
        text += bound->label;
        text += "=\"";
        AppendValue(text, bound->value);
        text += '"';
      }
      text += '}';
    }
    text += ' ';
    if constexpr (std::is_same_v<T, double>) {
      AppendValue(text, value);
    } else {
      AppendNumber(text, value);
    }
    if (metric.timestamp_ms != 0) {
      text += ' ';
      AppendNumber(text, metric.timestamp_ms);
    }
    text += '\n';
    return Identity(suffix);
  }

  FamilyText& out_;
  const Labels& target_;
  bool target_is_bad_ = false;
  std::vector<std::pair<std::string_view, std::string_view>> sorted_;
  std::string labels_;
};

// Which identities occurred before: open addressing over the texts themselves.
class SeriesSet {
 public:
  explicit SeriesSet(std::size_t expected) {
    std::size_t size = 16;
    while (size < expected * 2) size *= 2;
    slots_.resize(size);
  }

  // False where it was there already.
  bool Insert(std::size_t hash, std::string_view identity) {
    for (std::size_t i = hash & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].data() == nullptr) {
        slots_[i] = identity;
        return true;
      }
      if (slots_[i] == identity) return false;
    }
  }

 private:
  std::vector<std::string_view> slots_;
};

// Appends what `seen` does not hold yet, in as few pieces as there are gaps; gives the number of
// series left out.
std::size_t AppendNew(std::string& out, const FamilyText& family, SeriesSet& seen,
                      std::vector<FamilyText::Series>* kept = nullptr) {
  const std::string_view text = family.text;
  std::size_t dropped = 0, at = 0, piece = 0;
  for (const FamilyText::Series& series : family.series) {
    if (seen.Insert(series.hash, text.substr(at, series.identity))) {
      if (kept) kept->push_back(series);
    } else {
      out += text.substr(piece, at - piece);
      piece = at + series.size;
      ++dropped;
    }
    at += series.size;
  }
  out += text.substr(piece);
  return dropped;
}

std::size_t DropTwins(FamilyText& family) {
  SeriesSet seen(family.series.size());
  const std::string_view text = family.text;
  std::size_t at = 0;
  const bool unique =
      std::all_of(family.series.begin(), family.series.end(), [&](const auto& series) {
        const std::size_t from = std::exchange(at, at + series.size);
        return seen.Insert(series.hash, text.substr(from, series.identity));
      });
  if (unique) return 0;
  FamilyText first_ones;
  SeriesSet again(family.series.size());
  const std::size_t dropped = AppendNew(first_ones.text, family, again, &first_ones.series);
  family.text = std::move(first_ones.text);
  family.series = std::move(first_ones.series);
  return dropped;
}

// Appends one family that several batches hold.
std::size_t AppendFamily(std::string& page, std::span<const FamilyText* const> parts) {
  const FamilyText& first = *parts[0];
  const auto told = std::find_if(parts.begin(), parts.end(),
                                 [](const FamilyText* part) { return !part->help.empty(); });
  if (told != parts.end()) {
    page.append("# HELP ").append(first.name).append(" ").append((*told)->help).append("\n");
  }
  page.append("# TYPE ")
      .append(first.name)
      .append(" ")
      .append(MetricTypeName(first.type))
      .append("\n");
  if (parts.size() == 1) {
    page += first.text;
    return 0;
  }
  std::size_t count = 0, dropped = 0;
  for (const FamilyText* part : parts) count += part->series.size();
  SeriesSet seen(count);
  for (const FamilyText* part : parts) {
    if (part->type == first.type) {
      dropped += AppendNew(page, *part, seen);
    } else {
      dropped += part->series.size();
    }
  }
  return dropped;
}

}  // namespace

void AppendValue(std::string& out, double value) {
  constexpr double kWhole = 1e15;  // below it every whole number is a double and an int64
  if (value > -kWhole && value < kWhole && value == std::trunc(value) &&
      !(value == 0 && std::signbit(value))) {
    AppendNumber(out, static_cast<std::int64_t>(value));
  } else if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    AppendNumber(out, value);
  }
}

BatchText RenderBatch(const std::vector<prometheus::MetricFamily>& families,
                      const Labels& target_labels) {
  std::vector<const prometheus::MetricFamily*> sorted;
  for (const prometheus::MetricFamily& family : families) sorted.push_back(&family);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto* a, const auto* b) { return a->name < b->name; });
  BatchText batch;
  for (const prometheus::MetricFamily* family : sorted) {
    const bool again = !batch.families.empty() && batch.families.back().name == family->name;
    const bool clash = again && batch.families.back().type != family->type;
    if (!IsLegacyMetricName(family->name) || clash) {
      batch.dropped += family->metric.size();
      continue;
    }
    if (!again) {
      FamilyText& fresh = batch.families.emplace_back();
      fresh.name = family->name;
      fresh.type = family->type;
      AppendEscaped(fresh.help, family->help, false);
    }
    FamilyText& out = batch.families.back();
    out.series.reserve(out.series.size() + family->metric.size());
    FamilyWriter writer(out, target_labels);
    for (const ClientMetric& metric : family->metric) {
      batch.dropped += writer.Add(metric) ? 0 : 1;
      if (&metric == family->metric.data()) {  // the others are about as long
        out.text.reserve(out.text.size() + out.text.size() * family->metric.size() * 9 / 8);
      }
    }
  }
  for (FamilyText& family : batch.families) batch.dropped += DropTwins(family);
  std::erase_if(batch.families, [](const FamilyText& family) { return family.series.empty(); });
  return batch;
}

PageText JoinPage(std::span<const BatchText* const> batches) {
  std::vector<const FamilyText*> families;
  std::size_t size = 0;
  PageText page;
  for (const BatchText* batch : batches) {
    page.dropped += batch->dropped;
    for (const FamilyText& family : batch->families) {
      families.push_back(&family);
      size += family.text.size() + 2 * family.name.size() + family.help.size() + 32;
    }
  }
  std::stable_sort(families.begin(), families.end(),
                   [](const FamilyText* a, const FamilyText* b) { return a->name < b->name; });
  page.text.reserve(size);
  for (auto from = families.begin(); from != families.end();) {
    const auto to = std::find_if(from, families.end(), [&](const FamilyText* family) {
      return family->name != (*from)->name;
    });
    page.dropped += AppendFamily(page.text, {from, to});
    from = to;
  }
  return page;
}

std::string RenderText(const std::vector<prometheus::MetricFamily>& families,
                       const Labels& target_labels) {
  const BatchText batch = RenderBatch(families, target_labels);
  const BatchText* const batches[] = {&batch};
  return JoinPage(batches).text;
}

}  // namespace tierwatch
