// The tables of the overview: rows by their labels, filled query by query, and the HTML of their
// cells.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/overview/overview.h"

namespace tierwatch {

/// More rows than these are not shown.
inline constexpr std::size_t kMostRows = 50;

struct OverviewRow {
  std::map<std::string, double> values;
  std::vector<std::pair<TimestampMs, double>> trend;

  /// NaN where the column is unknown.
  double operator[](const std::string& column) const;
};

/// Rows by the values of their identifying labels.
class OverviewTable {
 public:
  OverviewTable(const OverviewSource& source, std::vector<std::string> keys)
      : source_(source), keys_(std::move(keys)) {}

  /// Adds the column `name`. `makes_rows`: a series that has no row yet gets one.
  void Column(const std::string& name, std::string_view expr, bool makes_rows = false);
  void Trend(std::string_view expr);

  const std::map<std::vector<std::string>, OverviewRow>& rows() const { return rows_; }

 private:
  std::vector<std::string> Key(const Labels& labels) const;

  const OverviewSource& source_;
  std::vector<std::string> keys_;
  std::map<std::vector<std::string>, OverviewRow> rows_;
};

/// A number's cell; `text` is escaped.
std::string Cell(std::string_view text, std::string_view tone = "");

/// The cell of a row's line.
std::string TrendCell(const OverviewRow& row, const OverviewSource& source, std::string_view title);

/// The heading of a column of lines: "Lag, 15 min".
std::string TrendHead(std::string_view what, const OverviewSource& source);

/// "" without rows. `head` and `rows` are HTML.
std::string Section(std::string_view title, std::string_view head, const std::string& rows);

/// A line through `points` (time in ms, value) as inline SVG; a gap where a value is missing for
/// two steps or NaN. "" for fewer than two points.
std::string Sparkline(const std::vector<std::pair<TimestampMs, double>>& points, TimestampMs from,
                      TimestampMs to, std::string_view title);

}  // namespace tierwatch
