// Prometheus's text format 0.0.4: metric families of one batch to text, and the texts of many
// batches to one page.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/labels.h"

namespace tierwatch {

inline constexpr std::string_view kTextFormatContentType =
    "text/plain; version=0.0.4; charset=utf-8";

/// All samples of one family of one batch, rendered. A "series" here is one metric: for a histogram
/// or a summary all of its lines.
struct FamilyText {
  struct Series {
    std::size_t hash = 0;        // of the identity
    std::uint32_t identity = 0;  // bytes at the start of `text` that name the series: `name{a="b"`
    std::uint32_t size = 0;      // bytes of all of its lines
  };
  std::string name;
  std::string help;  // escaped
  prometheus::MetricType type = prometheus::MetricType::Untyped;
  std::string text;
  std::vector<Series> series;  // in the order of `text`
};

/// One batch, rendered: families in order of name, each name once, no series twice.
struct BatchText {
  std::vector<FamilyText> families;
  std::size_t dropped = 0;  // metrics left out: see RenderBatch
};

/// Renders families with `target_labels` added to every metric; a metric's own label wins. Labels
/// are sorted by name, `le` and `quantile` come last. Values read back to the same bits. Malformed
/// UTF-8 and NUL become U+FFFD. What would cost the whole scrape costs one metric here, and is
/// counted: a name or label name that the format does not allow, a label name twice, a series twice
/// (the first wins), a family again with another type.
BatchText RenderBatch(const std::vector<prometheus::MetricFamily>& families,
                      const Labels& target_labels);

struct PageText {
  std::string text;
  std::size_t dropped = 0;
};

/// One page of many batches: families in order of name with one HELP and one TYPE line each, a
/// family's series in the order of the batches. A series that an earlier batch holds already is
/// left out and counted.
PageText JoinPage(std::span<const BatchText* const> batches);

/// The page of one batch.
std::string RenderText(const std::vector<prometheus::MetricFamily>& families,
                       const Labels& target_labels);

/// Appends a value as the format has it: whole numbers below 1e15 as such, else the shortest text
/// that reads back to the same bits; "+Inf", "-Inf", "NaN".
void AppendValue(std::string& out, double value);

}  // namespace tierwatch
