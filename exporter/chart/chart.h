// A chart of an expression over time: plain data, and the two pictures of it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alerts/rules/alert.h"
#include "base/clock.h"
#include "exporter/chart/unit.h"

namespace tierwatch {

struct ChartLine {
  std::string name;  // the labels that tell it from the other lines
  std::vector<std::pair<TimestampMs, double>> points;  // rising times; NaN and infinity are gaps
  bool accused = false;                                // what the alert is about
};

/// When the alert was pending or firing.
struct ChartSpan {
  TimestampMs from = 0, to = 0;
  bool firing = false;
};

struct Chart {
  std::string title, subtitle;
  TimestampMs start = 0, end = 0;
  Millis step{15'000};  // points further apart than this and a half are not joined
  Unit unit = Unit::kCount;
  std::vector<ChartLine> lines;  // those that matter first
  std::size_t left_out = 0;      // lines that there were besides
  std::optional<double> limit;   // what the condition compares with
  std::vector<ChartSpan> spans;
  std::string note;  // said instead of lines: "no samples in this time"
};

/// 800 × 400 points. Text is outlines, so that it looks the same wherever it is shown; all is UTF-8
/// or made so. Thread-safe.
std::string DrawSvg(const Chart& chart);
/// The same at two pixels a point.
std::string DrawPng(const Chart& chart);

}  // namespace tierwatch
