#include "exporter/chart/pages.h"

#include <fmt/format.h>

#include <memory>
#include <mutex>

#include "base/duration.h"
#include "base/html.h"

namespace tierwatch {
namespace {

constexpr const char* kHtml = "text/html; charset=utf-8";
constexpr const char* kPlain = "text/plain; charset=utf-8";
constexpr Millis kLongestRange{31 * 86'400'000LL};

constexpr std::string_view kStyle = R"(
body{margin:0 auto;max-width:860px;padding:18px 20px;background:#fff;color:#1c2128;font:15px/1.45 system-ui,sans-serif}
form{display:flex;gap:8px;align-items:center;margin:0 0 14px}input{font:14px ui-monospace,monospace;padding:6px;border:1px solid #b8c0c8;
border-radius:4px}input[name="g0.expr"]{flex:1}svg{max-width:100%;height:auto;border:1px solid #d9dee3;border-radius:4px}
table{border-collapse:collapse;width:100%}td{padding:5px 14px 5px 0;border-bottom:1px solid #d9dee3;
font:13px ui-monospace,monospace;overflow-wrap:anywhere}td:last-child{text-align:right;white-space:nowrap}
.bad{color:#c4191f;white-space:pre-wrap})";

class Charts {
 public:
  Charts(ChartSource source, const ChartLinks& links) : source_(std::move(source)), links_(links) {}

  HttpReply Picture(const ServerRequest& request, const char* type,
                    std::string (*draw)(const Chart&)) {
    const Result<ChartQuestion> question = links_.Read(request, source_.clock.Now());
    if (!question.ok()) return HttpReply::Of(403, kPlain, question.error().message + "\n");
    const std::lock_guard one_at_a_time(mutex_);
    const Result<Chart> chart = AskChart(*question, source_);
    if (!chart.ok()) return HttpReply::Of(422, kPlain, chart.error().message + "\n");
    HttpReply reply = HttpReply::Of(200, type, draw(*chart));
    reply.headers.emplace_back("Cache-Control", "max-age=15");
    return reply;
  }

  HttpReply Graph(const ServerRequest& request) {
    const std::string expr = request.Parameter("g0.expr").value_or("");
    const std::string span = request.Parameter("g0.range_input").value_or("1h");
    const std::string content = expr.empty() ? "" : Content(expr, span);
    return HttpReply::Of(
        200, kHtml,
        fmt::format("<!doctype html><html lang=en><meta charset=utf-8><title>{0} · tierwatch"
                    "</title><meta name=viewport content=\"width=device-width\"><style>{1}</style>"
                    "<form action=graph><input name=\"g0.expr\" value=\"{0}\" "
                    "aria-label=\"PromQL expression\"><input name=\"g0.range_input\" value=\"{2}\" "
                    "size=4 aria-label=\"range\"><button>Show</button><a "
                    "href=\".\">overview</a></form>{3}</html>\n",
                    EscapeHtml(expr), kStyle, EscapeHtml(span), content));
  }

 private:
  std::string Content(const std::string& expr, const std::string& span) {
    const Result<Millis> range = ParseDuration(span);
    if (!range.ok() || range->count() <= 0 || *range > kLongestRange)
      return "<p class=bad>the range must be a duration of at most 31d, as in 1h</p>";
    const TimestampMs now = source_.clock.Now();
    const std::lock_guard one_at_a_time(mutex_);
    const Result<Chart> chart = AskChart({.expr = expr, .end = now, .range = *range}, source_);
    if (!chart.ok()) return fmt::format("<p class=bad>{}</p>", EscapeHtml(chart.error().message));
    std::string svg = DrawSvg(*chart);
    svg.erase(0, svg.find("<svg"));  // without the XML declaration: it stands within a page
    return svg + Values(*chart);
  }

  // The last value of each line that is drawn.
  static std::string Values(const Chart& chart) {
    std::string rows;
    for (const ChartLine& line : chart.lines) {
      const bool now = chart.end - line.points.back().first <= chart.step.count();
      rows += fmt::format("<tr><td>{}</td><td>{}</td></tr>", EscapeHtml(line.name),
                          now ? FormatValue(line.points.back().second, chart.unit) : "gone");
    }
    return "<table>" + rows + "</table>";
  }

  const ChartSource source_;
  const ChartLinks& links_;
  std::mutex mutex_;
};

}  // namespace

std::vector<Endpoint> ChartEndpoints(ChartSource source, const ChartLinks& links) {
  const auto charts = std::make_shared<Charts>(std::move(source), links);
  return {
      {"/chart.png",
       [charts](const ServerRequest& r) { return charts->Picture(r, "image/png", DrawPng); }},
      {"/chart.svg",
       [charts](const ServerRequest& r) { return charts->Picture(r, "image/svg+xml", DrawSvg); }},
      {"/graph", [charts](const ServerRequest& r) { return charts->Graph(r); }}};
}

}  // namespace tierwatch
