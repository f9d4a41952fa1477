// Draws a chart with cairo: once onto a sheet of vectors, once onto one of pixels.
#include <cairo/cairo-svg.h>
#include <cairo/cairo.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <memory>

#include "base/labels.h"
#include "exporter/chart/chart.h"

namespace tierwatch {
namespace {

constexpr double kWidth = 800, kHeight = 400;
constexpr double kLeft = 76, kRight = 784, kTop = 62, kBottom = 300;  // of the plot
constexpr double kLegendTop = 336, kLegendRow = 17;
constexpr std::size_t kLegendRows = 3, kLegendColumns = 2;
constexpr const char* kFont = "DejaVu Sans";

struct Color {
  double red, green, blue, alpha = 1;
};
constexpr Color kPaper{1, 1, 1}, kInk{.11, .13, .16}, kSoft{.35, .39, .43}, kGrid{.88, .9, .92};
constexpr Color kBad{.77, .1, .12}, kFiring{.77, .1, .12, .12}, kPending{.9, .66, .1, .16};
constexpr Color kBystander{.55, .6, .66, .7};
// Told apart by people who don't see all colors, too.
constexpr std::array<Color, 6> kPalette{
    {{.15, .39, .79}, {.9, .45, .1}, {.1, .55, .35}, {.55, .3, .65}, {.35, .3, .25}, {.1, .6, .7}}};

struct Destroy {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* pen) const { cairo_destroy(pen); }
};
using Surface = std::unique_ptr<cairo_surface_t, Destroy>;

cairo_status_t Append(void* text, const unsigned char* data, unsigned int size) {
  static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(data), size);
  return CAIRO_STATUS_SUCCESS;
}

class Pen {
 public:
  explicit Pen(cairo_surface_t* surface) : cairo_(cairo_create(surface)) {
    cairo_set_line_join(get(), CAIRO_LINE_JOIN_ROUND);
  }
  cairo_t* get() const { return cairo_.get(); }

  void Take(const Color& color) const {
    cairo_set_source_rgba(get(), color.red, color.green, color.blue, color.alpha);
  }
  void Fill(double x, double y, double width, double height, const Color& color) const {
    Take(color);
    cairo_rectangle(get(), x, y, width, height);
    cairo_fill(get());
  }
  void Line(double x1, double y1, double x2, double y2, const Color& color, double width) const {
    Take(color);
    cairo_set_line_width(get(), width);
    cairo_move_to(get(), x1, y1);
    cairo_line_to(get(), x2, y2);
    cairo_stroke(get());
  }

  struct Style {
    double size = 12;
    Color color = kSoft;
    double anchor = 0;  // 0: `x` is the left end, 1: the right one
    double room = kWidth;
    bool bold = false;
  };
  // Text that is cut where it has no room.
  void Text(std::string_view text, double x, double y, const Style& style) const {
    cairo_select_font_face(get(), kFont, CAIRO_FONT_SLANT_NORMAL,
                           style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(get(), style.size);
    const std::string fitting = Fit(text, style.room);
    Take(style.color);
    cairo_move_to(get(), x - style.anchor * WidthOf(fitting), y);
    cairo_show_text(get(), fitting.c_str());
  }

 private:
  double WidthOf(const std::string& text) const {
    cairo_text_extents_t extents;
    cairo_text_extents(get(), text.c_str(), &extents);
    return extents.x_advance;
  }

  // No text of a chart is longer than this, whatever room there is.
  static constexpr std::size_t kLongest = 400;

  std::string Fit(std::string_view text, double room) const {
    std::string line = ToUtf8(text.substr(0, kLongest));
    for (char& c : line)
      if (static_cast<unsigned char>(c) < ' ') c = ' ';
    if (text.size() <= kLongest && WidthOf(line) <= room) return line;
    // The longest beginning that fits, by halves.
    std::size_t fits = 0, too_long = line.size() + 1;
    while (too_long - fits > 1) {
      const std::size_t middle = (fits + too_long) / 2;
      (WidthOf(Begin(line, middle)) <= room ? fits : too_long) = middle;
    }
    return Begin(line, fits);
  }
  static std::string Begin(const std::string& line, std::size_t bytes) {
    while (bytes > 0 && bytes < line.size() && (line[bytes] & 0xc0) == 0x80) --bytes;
    return line.substr(0, bytes) + "…";
  }

  std::unique_ptr<cairo_t, Destroy> cairo_;
};

// Where times and values lie on the sheet.
class Plot {
 public:
  explicit Plot(const Chart& chart) : chart_(chart), marks_(Marks(chart)) {}

  double X(TimestampMs time) const {
    const auto width = static_cast<double>(std::max<TimestampMs>(1, chart_.end - chart_.start));
    const double part = static_cast<double>(time - chart_.start) / width;
    return kLeft + std::clamp(part, 0., 1.) * (kRight - kLeft);
  }
  double Y(double value) const {
    const double part = (value - marks_.front()) / (marks_.back() - marks_.front());
    return kBottom - std::clamp(part, 0., 1.) * (kBottom - kTop);
  }
  const std::vector<double>& marks() const { return marks_; }

 private:
  // From 0, unless there is something below, to above all that is drawn.
  static std::vector<double> Marks(const Chart& chart) {
    double low = 0, high = 0;
    const auto include = [&](double value) {
      if (!std::isfinite(value) || std::fabs(value) > 1e300) return;
      low = std::min(low, value);
      high = std::max(high, value);
    };
    for (const ChartLine& line : chart.lines)
      for (const auto& [time, value] : line.points) include(value);
    if (chart.limit) include(*chart.limit);
    constexpr double kNothing = 1e-200;  // below, arithmetic runs out of digits
    if (high - low < kNothing) high = 1;
    return AxisMarks(low, high, chart.unit);
  }

  const Chart& chart_;
  const std::vector<double> marks_;
};

std::string ClockText(TimestampMs time, bool with_day) {
  const std::time_t seconds = time / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), with_day ? "%b %d %H:%M" : "%H:%M", &parts);
  return std::string(text.data(), size);
}

void DrawSpans(const Pen& pen, const Plot& plot, const Chart& chart) {
  for (const ChartSpan& span : chart.spans) {
    const double x = plot.X(span.from);
    pen.Fill(x, kTop, std::max(1., plot.X(span.to) - x), kBottom - kTop,
             span.firing ? kFiring : kPending);
  }
}

void DrawAxes(const Pen& pen, const Plot& plot, const Chart& chart) {
  for (const double mark : plot.marks()) {
    const double y = std::round(plot.Y(mark)) + .5;
    pen.Line(kLeft, y, kRight, y, kGrid, 1);
    pen.Text(FormatValue(mark, chart.unit), kLeft - 8, y + 4, {.anchor = 1, .room = kLeft - 12});
  }
  constexpr std::array<std::int64_t, 16> kSteps{1,   2,   5,   10,   15,   30,   60,    120,
                                                180, 360, 720, 1440, 2880, 7200, 14400, 43200};
  constexpr std::int64_t kMinute = 60'000;
  const TimestampMs width = std::max<TimestampMs>(1, chart.end - chart.start);
  const auto* const found = std::ranges::find_if(
      kSteps, [&](std::int64_t minutes) { return width / (minutes * kMinute) <= 8; });
  const TimestampMs step = (found == kSteps.end() ? width / 8 / kMinute + 1 : *found) * kMinute;
  for (TimestampMs at = chart.start / step * step; at <= chart.end; at += step) {
    if (at < chart.start) continue;
    const double x = std::round(plot.X(at)) + .5;
    pen.Line(x, kBottom, x, kBottom + 4, kSoft, 1);
    pen.Text(ClockText(at, width > 86'400'000), x, kBottom + 18, {.size = 11, .anchor = .5});
  }
  pen.Text("UTC", 8, kBottom + 18, {.size = 11});
}

void DrawLine(const Pen& pen, const Plot& plot, const ChartLine& line, Millis step,
              const Color& color) {
  pen.Take(color);
  cairo_set_line_width(pen.get(), line.accused ? 2.5 : 1.5);
  cairo_set_line_cap(pen.get(), CAIRO_LINE_CAP_ROUND);  // so that a lonely point is a dot
  TimestampMs last = 0;
  bool drawing = false;
  for (const auto& [time, value] : line.points) {
    if (!std::isfinite(value)) {
      drawing = false;
      continue;
    }
    const double x = plot.X(time), y = plot.Y(value);
    if (!drawing || 2 * (time - last) > 3 * step.count()) {
      cairo_move_to(pen.get(), x, y);
      cairo_line_to(pen.get(), x, y);
    } else {
      cairo_line_to(pen.get(), x, y);
    }
    drawing = true;
    last = time;
  }
  cairo_stroke(pen.get());
}

void DrawLimit(const Pen& pen, const Plot& plot, const Chart& chart) {
  if (!chart.limit || !std::isfinite(*chart.limit)) return;
  const double y = plot.Y(*chart.limit);
  constexpr std::array<double, 2> kDashes{6, 4};
  cairo_set_dash(pen.get(), kDashes.data(), kDashes.size(), 0);
  pen.Line(kLeft, y, kRight, y, kBad, 1.2);
  cairo_set_dash(pen.get(), nullptr, 0, 0);
  pen.Text(FormatValue(*chart.limit, chart.unit), kRight - 2, y > kTop + 16 ? y - 5 : y + 14,
           {.size = 11, .color = kBad, .anchor = 1});
}

Color ColorOf(const Chart& chart, std::size_t line) {
  const bool has_accused = !chart.lines.empty() && chart.lines.front().accused;
  if (chart.lines[line].accused) return line == 0 ? kBad : kPalette[line % kPalette.size()];
  return has_accused ? kBystander : kPalette[line % kPalette.size()];
}

void DrawLegend(const Pen& pen, const Chart& chart) {
  constexpr double kColumn = (kRight - 16) / kLegendColumns;
  std::size_t shown = std::min(chart.lines.size(), kLegendRows * kLegendColumns);
  const std::size_t all = chart.lines.size() + chart.left_out;
  if (all > shown && shown > 0) --shown;  // the last place says how many more there are
  for (std::size_t i = 0; i < shown; ++i) {
    const ChartLine& line = chart.lines[i];
    if (line.name.empty()) continue;
    const double x = 16 + kColumn * static_cast<double>(i % kLegendColumns);
    const double y = kLegendTop + kLegendRow * static_cast<double>(i / kLegendColumns);
    pen.Line(x, y - 4, x + 18, y - 4, ColorOf(chart, i), line.accused ? 3 : 2);
    pen.Text(line.name, x + 24, y,
             {.size = 11, .color = line.accused ? kInk : kSoft, .room = kColumn - 36});
  }
  if (all > shown && shown > 0) {
    const std::size_t undrawn = chart.left_out;
    const std::string text = undrawn == 0
                                 ? fmt::format("and {} more", all - shown)
                                 : fmt::format("and {} more, {} not drawn", all - shown, undrawn);
    pen.Text(text, 16 + kColumn * static_cast<double>(shown % kLegendColumns) + 24,
             kLegendTop + kLegendRow * static_cast<double>(shown / kLegendColumns), {.size = 11});
  }
}

void DrawChart(cairo_surface_t* surface, const Chart& chart) {
  const Pen pen(surface);
  const Plot plot(chart);
  pen.Fill(0, 0, kWidth, kHeight, kPaper);
  pen.Text(chart.title, 16, 26, {.size = 17, .color = kInk, .room = kRight - 16, .bold = true});
  pen.Text(chart.subtitle, 16, 46, {.size = 11, .room = kRight - 16});
  DrawSpans(pen, plot, chart);
  DrawAxes(pen, plot, chart);
  // Those that matter most lie on top.
  for (std::size_t i = chart.lines.size(); i-- > 0;)
    DrawLine(pen, plot, chart.lines[i], chart.step, ColorOf(chart, i));
  DrawLimit(pen, plot, chart);
  DrawLegend(pen, chart);
  pen.Text(chart.note, (kLeft + kRight) / 2, (kTop + kBottom) / 2, {.size = 15, .anchor = .5});
}

}  // namespace

std::string DrawSvg(const Chart& chart) {
  std::string text;
  const Surface surface(cairo_svg_surface_create_for_stream(Append, &text, kWidth, kHeight));
  DrawChart(surface.get(), chart);
  cairo_surface_finish(surface.get());
  return text;
}

std::string DrawPng(const Chart& chart) {
  constexpr int kScale = 2;
  const Surface surface(cairo_image_surface_create(
      CAIRO_FORMAT_RGB24, static_cast<int>(kWidth) * kScale, static_cast<int>(kHeight) * kScale));
  cairo_surface_set_device_scale(surface.get(), kScale, kScale);
  DrawChart(surface.get(), chart);
  std::string image;
  cairo_surface_write_to_png_stream(surface.get(), Append, &image);
  return image;
}

}  // namespace tierwatch
