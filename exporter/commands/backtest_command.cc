#include "exporter/commands/backtest_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "exporter/commands/prometheus_client.h"

namespace tierwatch {
namespace {

constexpr int kOk = 0, kWrong = 1, kImpossible = 2;

int Refuse(const std::string& message) {
  fmt::print(stderr, "tierwatch: {}\n", message);
  return kImpossible;
}

/// A bar on a terminal, nothing elsewhere.
class Progress {
 public:
  Progress(TimestampMs from, TimestampMs to)
      : from_(from), to_(to), is_terminal_(::isatty(::fileno(stderr)) == 1) {
    Show(from);
  }
  ~Progress() {
    if (is_terminal_) fmt::print(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(TimestampMs reached) const {
    if (!is_terminal_) return;
    const double share = static_cast<double>(reached - from_) /
                         static_cast<double>(std::max<TimestampMs>(to_ - from_, 1));
    constexpr int kWidth = 40;
    const std::string bar(static_cast<std::size_t>(share * kWidth), '=');
    fmt::print(stderr, "\r[{:<{}}] {:3.0f}% {}", bar, kWidth, share * 100,
               FormatTimestamp(reached));
    std::fflush(stderr);
  }

 private:
  const TimestampMs from_, to_;
  const bool is_terminal_;
};

Result<BacktestOptions> ReadOptions(const BacktestCommandOptions& options, TimestampMs now) {
  BacktestOptions read;
  for (const auto& [option, text, time] : {std::tuple("--from", &options.from, &read.from),
                                           std::tuple("--to", &options.to, &read.to)}) {
    const Result<TimestampMs> parsed = ParseTime(*text, now);
    if (!parsed.ok()) return Error(parsed.error()).In(option);
    *time = *parsed;
  }
  if (read.to < read.from) {
    return Error{fmt::format("--to ({}) is before --from ({})", FormatTimestamp(read.to),
                             FormatTimestamp(read.from))};
  }
  const Result<Millis> chunk = ParseDuration(options.chunk);
  if (!chunk.ok() || chunk->count() <= 0)
    return Error{
        fmt::format("--chunk: found \"{}\", expected a duration such as 1h", options.chunk)};
  read.chunk = *chunk;
  return read;
}

}  // namespace

Result<TimestampMs> ParseTime(const std::string& text, TimestampMs now) {
  if (text == "now") return now;
  if (const Result<Millis> ago = ParseDuration(text); ago.ok() && text != "0")
    return now - ago->count();
  if (const Result<TimestampMs> time = ParseTimestamp(text); time.ok()) return *time;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size() && std::abs(seconds) < 9e12)
    return std::llround(seconds * 1000);
  return Error{
      fmt::format("found \"{}\", expected a time such as 2026-11-22T19:30:00Z, "
                  "Unix seconds, now or 6h (ago)",
                  text)};
}

std::string FormatBacktest(const BacktestReport& report) {
  std::string text;
  for (const BacktestAlert& alert : report.alerts) {
    text += fmt::format("{} ({}): {} {}\n", alert.name, alert.group, alert.pages.size(),
                        alert.pages.size() == 1 ? "page" : "pages");
    for (const BacktestPage& page : alert.pages) {
      text += fmt::format("  {} to {}  {}\n", FormatTimestamp(page.fired_at),
                          page.resolved_at == 0 ? "the end" : FormatTimestamp(page.resolved_at),
                          page.labels.ToString());
    }
  }
  return text + fmt::format("{} evaluations, {} failed\n", report.evaluations, report.failures);
}

std::string FormatBacktestJson(const BacktestReport& report, TimestampMs from, TimestampMs to) {
  using nlohmann::ordered_json;
  ordered_json alerts = ordered_json::array();
  for (const BacktestAlert& alert : report.alerts) {
    ordered_json pages = ordered_json::array();
    for (const BacktestPage& page : alert.pages) {
      ordered_json labels = ordered_json::object();
      for (const Label& label : page.labels) labels[label.name] = label.value;
      pages.push_back(
          {{"labels", std::move(labels)},
           {"activeAt", FormatTimestamp(page.active_at)},
           {"startsAt", FormatTimestamp(page.fired_at)},
           {"endsAt", page.resolved_at == 0 ? ordered_json()
                                            : ordered_json(FormatTimestamp(page.resolved_at))}});
    }
    alerts.push_back({{"file", alert.file},
                      {"group", alert.group},
                      {"alert", alert.name},
                      {"pages", std::move(pages)}});
  }
  const ordered_json json = {{"from", FormatTimestamp(from)}, {"to", FormatTimestamp(to)},
                             {"alerts", std::move(alerts)},   {"evaluations", report.evaluations},
                             {"failures", report.failures},   {"errors", report.errors}};
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

int BacktestCommand(const RuleFiles& rules, const BacktestCommandOptions& options) {
  const SystemClock clock;
  const Result<BacktestOptions> read = ReadOptions(options, clock.Now());
  if (!read.ok()) return Refuse(read.error().message);
  const auto groups = ReadRulesOrTell(rules);
  if (!groups) return kWrong;
  PrometheusClient client(options.url);
  const auto report = [&] {
    const Progress progress(read->from, read->to);
    return Backtest(
        *groups, *read,
        [&](const std::string& selector, TimestampMs from, TimestampMs to) {
          return client.Samples(selector, from, to);
        },
        clock, [&](TimestampMs reached) { progress.Show(reached); });
  }();
  if (!report.ok()) return Refuse(report.error().message);
  fmt::print("{}", options.json ? FormatBacktestJson(*report, read->from, read->to)
                                : FormatBacktest(*report));
  for (const std::string& error : report->errors) fmt::print(stderr, "failed: {}\n", error);
  return report->failures == 0 ? kOk : kWrong;
}

}  // namespace tierwatch
