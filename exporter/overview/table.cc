#include "exporter/overview/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/html.h"

namespace tierwatch {

double OverviewRow::operator[](const std::string& column) const {
  const auto at = values.find(column);
  return at == values.end() ? std::numeric_limits<double>::quiet_NaN() : at->second;
}

void OverviewTable::Column(const std::string& name, std::string_view expr, bool makes_rows) {
  const Result<promql::Vector> vector = source_.instant(expr);
  if (!vector.ok()) return;
  for (const promql::VectorSample& sample : *vector) {
    const std::vector<std::string> key = Key(sample.labels);
    if (makes_rows && rows_.size() < kMostRows) rows_.try_emplace(key);
    if (const auto row = rows_.find(key); row != rows_.end())
      row->second.values[name] = sample.value;
  }
}

void OverviewTable::Trend(std::string_view expr) {
  Result<promql::Matrix> matrix = source_.range(expr, source_.trend);
  if (!matrix.ok()) return;
  for (promql::SeriesPoints& series : *matrix) {
    if (const auto row = rows_.find(Key(series.labels)); row != rows_.end())
      row->second.trend = std::move(series.points);
  }
}

std::vector<std::string> OverviewTable::Key(const Labels& labels) const {
  std::vector<std::string> key;
  for (const std::string& name : keys_) key.emplace_back(labels.Get(name));
  return key;
}

std::string Cell(std::string_view text, std::string_view tone) {
  return fmt::format("<td class=\"n {}\">{}</td>", tone, EscapeHtml(text));
}

std::string TrendCell(const OverviewRow& row, const OverviewSource& source,
                      std::string_view title) {
  return fmt::format("<td>{}</td>",
                     Sparkline(row.trend, source.now - source.trend.count(), source.now, title));
}

std::string TrendHead(std::string_view what, const OverviewSource& source) {
  return fmt::format("{}, {} min", what, source.trend.count() / 60'000);
}

std::string Section(std::string_view title, std::string_view head, const std::string& rows) {
  if (rows.empty()) return "";
  return fmt::format(
      "<h2>{}</h2><div "
      "class=\"scroll\"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
      title, head, rows);
}

std::string Sparkline(const std::vector<std::pair<TimestampMs, double>>& points, TimestampMs from,
                      TimestampMs to, std::string_view title) {
  constexpr double kWidth = 120;
  constexpr double kHeight = 24;
  double low = 0;
  double high = 0;
  std::size_t finite = 0;
  for (const auto& [time, value] : points) {
    if (!std::isfinite(value)) continue;
    low = finite == 0 ? value : std::min(low, value);
    high = finite == 0 ? value : std::max(high, value);
    ++finite;
  }
  if (finite < 2 || to <= from) return "";
  const double range = high > low ? high - low : 1;
  const auto step = static_cast<double>(to - from) / 60;
  std::string path;
  TimestampMs last = 0;
  bool drawing = false;
  for (const auto& [time, value] : points) {
    if (!std::isfinite(value)) {
      drawing = false;
      continue;
    }
    const bool gap = drawing && static_cast<double>(time - last) > 2.5 * step;
    const double x = static_cast<double>(time - from) / static_cast<double>(to - from) * kWidth;
    const double y = high > low ? 1 + (1 - (value - low) / range) * (kHeight - 2) : kHeight / 2;
    path += fmt::format("{}{:.1f} {:.1f}", drawing && !gap ? "L" : "M", x, y);
    drawing = true;
    last = time;
  }
  return fmt::format(
      "<svg class=\"spark\" viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" "
      "role=\"img\"><title>{}</title>"
      "<path d=\"{}\"/></svg>",
      kWidth, kHeight, kWidth, kHeight, EscapeHtml(title), path);
}

}  // namespace tierwatch
