#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "exporter/chart/chart.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Chart Example() {
  Chart chart;
  chart.title = "HighLatency";
  chart.subtitle = "latency_seconds > 0.1";
  chart.start = 1'762'542'000'000;
  chart.end = 1'762'545'600'000;
  chart.unit = Unit::kSeconds;
  ChartLine line{.name = "tier=L3-Redis", .points = {}, .accused = true};
  for (int i = 0; i < 240; ++i)
    line.points.emplace_back(chart.start + i * 15'000, .05 + (i > 120 ? .1 : 0));
  chart.lines = {line};
  chart.limit = .1;
  chart.spans = {{chart.start + 1'800'000, chart.end, true}};
  return chart;
}

// Width and height stand in the first chunk of a PNG, big-endian.
std::pair<int, int> PngSize(const std::string& png) {
  const auto number = [&](std::size_t at) {
    int value = 0;
    for (std::size_t i = at; i < at + 4; ++i)
      value = value * 256 + static_cast<unsigned char>(png[i]);
    return value;
  };
  return {number(16), number(20)};
}

TEST(ChartDrawing, GivesBothKindsOfPictures) {
  const std::string png = DrawPng(Example());
  ASSERT_THAT(png, StartsWith("\x89PNG\r\n\x1a\n"));
  EXPECT_EQ(PngSize(png), std::make_pair(1600, 800));
  const std::string svg = DrawSvg(Example());
  EXPECT_THAT(svg, HasSubstr("<svg"));
  EXPECT_THAT(svg, HasSubstr("</svg>"));
}

TEST(ChartDrawing, WhatIsDifferentLooksDifferent) {
  const std::string with = DrawPng(Example());
  EXPECT_EQ(with, DrawPng(Example()));
  const auto changed = [&](auto change) {
    Chart chart = Example();
    change(chart);
    return DrawPng(chart) != with;
  };
  EXPECT_TRUE(changed([](Chart& chart) { chart.limit.reset(); }));
  EXPECT_TRUE(changed([](Chart& chart) { chart.spans[0].firing = false; }));
  EXPECT_TRUE(changed([](Chart& chart) { chart.lines[0].points[60].second = .15; }));
  EXPECT_TRUE(changed(
      [](Chart& chart) { chart.lines[0].points.erase(chart.lines[0].points.begin() + 60); }));
  EXPECT_TRUE(changed([](Chart& chart) { chart.title = "HighLatencies"; }));
  EXPECT_TRUE(changed([](Chart& chart) { chart.lines[0].name = "tier=L2"; }));
}

TEST(ChartDrawing, HostileDataIsDrawnOrLeftOut) {
  constexpr double kMax = std::numeric_limits<double>::max();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& values : std::vector<std::vector<double>>{
           {}, {0}, {std::nan("")}, {kInf, -kInf, 1}, {kMax, -kMax}, {5e-324}, {1e300, -1e300}}) {
    Chart chart = Example();
    chart.title = "\xff\xfe" + std::string(10'000, 'x') + '\0' + "\n";
    chart.lines[0].name = std::string(5'000, '\xc3');
    chart.lines[0].points.clear();
    for (const double value : values)
      chart.lines[0].points.emplace_back(chart.start + 1'000, value);
    chart.limit = kInf;
    EXPECT_THAT(DrawPng(chart), StartsWith("\x89PNG"));
    EXPECT_THAT(DrawSvg(chart), HasSubstr("</svg>"));
  }
  EXPECT_THAT(DrawPng(Chart{}), StartsWith("\x89PNG"));
}

}  // namespace
}  // namespace tierwatch
