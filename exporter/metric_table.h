// The table of all metrics that the code can expose: for people, for the README and for tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"

namespace tierwatch {

struct MetricRow {
  std::string_view source;  // a collector's stem, "targets" for what every target has, "self"
  MetricInfo info;
};

/// As the text format spells it.
std::string_view MetricTypeName(prometheus::MetricType type);

/// Collectors in their order, then targets, then tierwatch itself.
std::vector<MetricRow> AllMetrics();

/// One metric per line: name, type, labels, help; grouped by source.
std::string MetricTableText();
/// The same as a Markdown table per source.
std::string MetricTableMarkdown();

}  // namespace tierwatch
