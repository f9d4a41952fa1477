#include "exporter/api/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <variant>

#include "alerts/template/go_format.h"
#include "exporter/api/envelope.h"
#include "exporter/api/parameters.h"
#include "exporter/api/syntax_tree.h"

namespace tierwatch::api {
namespace {

constexpr Millis kLongestQuery{120'000};
constexpr int kMostQueries = 20;
constexpr std::int64_t kMostSteps = 11'000;

// Lets few queries run at once: each may take much memory.
class Gate {
 public:
  // Waits for a place. An error where the query's time is over first; else Leave must follow.
  std::optional<Error> Enter(const Interrupt& interrupt) {
    constexpr Millis kLook{20};
    std::unique_lock lock(mutex_);
    while (running_ >= kMostQueries) {
      if (std::optional<Error> error = interrupt()) return error;
      left_.wait_for(lock, kLook);
    }
    ++running_;
    return std::nullopt;
  }
  void Leave() {
    {
      const std::lock_guard lock(mutex_);
      --running_;
    }
    left_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable left_;
  int running_ = 0;
};

double SecondsSince(const Clock& clock, SteadyTime start) {
  return std::chrono::duration<double>(clock.Steady() - start).count();
}

// What both kinds of queries take besides their times.
struct Settings {
  promql::ExprPtr expr;
  promql::EngineOptions options;
  Millis timeout = kLongestQuery;
  std::size_t limit = 0;
  std::string stats;
};

Result<Settings> ReadSettings(const ServerRequest& request, const promql::EngineOptions& options) {
  Settings settings;
  settings.options = options;
  const Result<std::size_t> limit = ReadLimit(request);
  if (!limit.ok()) return limit.error();
  settings.limit = *limit;
  if (const std::string text = request.Parameter("timeout").value_or(""); !text.empty()) {
    const Result<Millis> timeout = ParseSpan(text);
    if (!timeout.ok()) return BadParameter("timeout", timeout.error().message);
    settings.timeout = std::min(*timeout, kLongestQuery);
  }
  if (const std::string text = request.Parameter("lookback_delta").value_or(""); !text.empty()) {
    const Result<Millis> lookback = ParseSpan(text);
    if (!lookback.ok())
      return BadData("error parsing lookback delta duration: " + lookback.error().message);
    if (lookback->count() > 0) settings.options.lookback = *lookback;
  }
  settings.stats = request.Parameter("stats").value_or("");
  const Result<promql::ExprPtr> expr = promql::Parse(request.Parameter("query").value_or(""));
  if (!expr.ok()) return BadParameter("query", expr.error().message);
  settings.expr = *expr;
  return settings;
}

// Writes a result. Each writes its `resultType` and `result`.
struct ResultWriter {
  JsonWriter& json;
  TimestampMs time;  // of an instant query

  void operator()(const promql::Scalar& scalar) const {
    // Scalars have no exponent, however long they get.
    Type("scalar")
        .BeginArray()
        .Seconds(scalar.time)
        .String(tmpl::FormatDouble(scalar.value, 'f', -1))
        .EndArray();
  }
  void operator()(const std::string& text) const {
    Type("string").BeginArray().Seconds(time).String(text).EndArray();
  }
  void operator()(const promql::Vector& vector) const {
    Type("vector").BeginArray();
    for (const promql::VectorSample& sample : vector) {
      if (json.size() > kLongestAnswer) return;
      json.BeginObject().Key("metric").LabelSet(sample.labels);
      if (sample.histogram) {
        json.Key("histogram").Sample(sample.time, *sample.histogram);
      } else {
        json.Key("value").Sample(sample.time, sample.value);
      }
      json.EndObject();
    }
    json.EndArray();
  }
  void operator()(const promql::Matrix& matrix) const {
    Type("matrix").BeginArray();
    for (const promql::SeriesPoints& series : matrix) {
      if (json.size() > kLongestAnswer) return;
      json.BeginObject().Key("metric").LabelSet(series.labels);
      if (!series.points.empty()) {
        json.Key("values").BeginArray();
        for (const auto& [at, value] : series.points) json.Sample(at, value);
        json.EndArray();
      }
      if (!series.histograms.empty()) {
        json.Key("histograms").BeginArray();
        for (const auto& [at, histogram] : series.histograms) json.Sample(at, *histogram);
        json.EndArray();
      }
      json.EndObject();
    }
    json.EndArray();
  }
  JsonWriter& Type(std::string_view type) const {
    return json.Key("resultType").String(type).Key("result");
  }
};

// Cuts a vector or matrix; true where anything went.
bool Truncate(promql::QueryResult& result, std::size_t limit) {
  const auto cut = [limit](auto& list) {
    if (list.size() <= limit) return false;
    list.resize(limit);
    return true;
  };
  if (limit == 0) return false;
  if (auto* vector = std::get_if<promql::Vector>(&result.value)) return cut(*vector);
  if (auto* matrix = std::get_if<promql::Matrix>(&result.value)) return cut(*matrix);
  return false;
}

// Of what Prometheus counts, the times; samples are not counted.
void WriteStats(JsonWriter& json, double queued, double evaluated) {
  json.Key("stats").BeginObject().Key("timings").BeginObject();
  json.Key("evalTotalTime").Number(evaluated).Key("execQueueTime").Number(queued);
  json.Key("execTotalTime").Number(queued + evaluated).EndObject().EndObject();
}

Error Failure(const Error& error, std::string_view where) {
  switch (error.reason) {
    case Reason::kTimeout:
      return {fmt::format("query timed out in {}", where), Reason::kTimeout};
    case Reason::kCanceled:
      return {fmt::format("query was canceled in {}", where), Reason::kCanceled};
    default:
      return {error.message, Reason::kOther};
  }
}

class Queries {
 public:
  explicit Queries(QuerySource source) : source_(std::move(source)) {}

  Result<Answer> Instant(const ServerRequest& request) {
    const Result<TimestampMs> time = ReadTime(request, "time", source_.clock.Now());
    if (!time.ok()) return time.error();
    const Result<Settings> settings = ReadSettings(request, source_.engine.options());
    if (!settings.ok()) return settings.error();
    return Run(*settings, *time, [&](const promql::Engine& engine, const Interrupt& interrupt) {
      return engine.Instant(settings->expr, source_.storage, *time, interrupt);
    });
  }

  Result<Answer> Range(const ServerRequest& request) {
    TimestampMs times[2];
    for (const int i : {0, 1}) {
      const char* const name = i == 0 ? "start" : "end";
      const Result<TimestampMs> time = ParseTime(request.Parameter(name).value_or(""));
      if (!time.ok()) return BadParameter(name, time.error().message);
      times[i] = *time;
    }
    const auto [start, end] = times;
    if (end < start) return BadParameter("end", "end timestamp must not be before start time");
    const Result<Millis> step = ParseSpan(request.Parameter("step").value_or(""));
    if (!step.ok()) return BadParameter("step", step.error().message);
    if (step->count() <= 0) {
      return BadParameter("step",
                          "zero or negative query resolution step widths are not accepted. Try a "
                          "positive integer");
    }
    // Unsigned: the width of all times doesn't fit a signed number.
    const auto width = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(start);
    if (width / static_cast<std::uint64_t>(step->count()) > kMostSteps) {
      return BadData(
          "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
          "resolution (?step=XX)");
    }
    const Result<Settings> settings = ReadSettings(request, source_.engine.options());
    if (!settings.ok()) return settings.error();
    const promql::ValueType type = promql::TypeOf(*settings->expr);
    if (type != promql::ValueType::kVector && type != promql::ValueType::kScalar) {
      return BadParameter(
          "query",
          fmt::format("invalid expression type {} for range query, must be Scalar or "
                      "instant Vector",
                      Quote(type == promql::ValueType::kMatrix ? "range vector" : "string")));
    }
    return Run(*settings, start, [&](const promql::Engine& engine, const Interrupt& interrupt) {
      return engine.Range(settings->expr, source_.storage, start, end, *step, interrupt);
    });
  }

 private:
  template <class Evaluate>
  Result<Answer> Run(const Settings& settings, TimestampMs time, const Evaluate& evaluate) {
    const SteadyTime begin = source_.clock.Steady();
    const Interrupt interrupt = After(source_.clock, settings.timeout, source_.stop);
    if (const std::optional<Error> error = gate_.Enter(interrupt))
      return Failure(*error, "query queue");
    const std::unique_ptr<Gate, void (*)(Gate*)> place(&gate_, [](Gate* gate) { gate->Leave(); });
    const double queued = SecondsSince(source_.clock, begin);
    Result<promql::QueryResult> result = evaluate(promql::Engine(settings.options), interrupt);
    const double evaluated = SecondsSince(source_.clock, begin) - queued;
    if (!result.ok()) return Failure(result.error(), "expression evaluation");

    Answer answer{.warnings = std::move(result->warnings), .infos = std::move(result->infos)};
    if (Truncate(*result, settings.limit))
      answer.warnings.emplace_back("results truncated due to limit");
    answer.data.BeginObject();
    std::visit(ResultWriter{answer.data, time}, result->value);
    if (answer.data.size() > kLongestAnswer) return TooLong();
    if (!settings.stats.empty()) WriteStats(answer.data, queued, evaluated);
    answer.data.EndObject();
    return answer;
  }

  const QuerySource source_;
  Gate gate_;
};

Result<Answer> FormatQuery(const ServerRequest& request) {
  const Result<promql::ExprPtr> expr = promql::Parse(request.Parameter("query").value_or(""));
  if (!expr.ok()) return BadParameter("query", expr.error().message);
  Answer answer;
  answer.data.String(promql::Pretty(**expr));
  return answer;
}

Result<Answer> ParseQuery(const ServerRequest& request) {
  const Result<promql::ExprPtr> expr = promql::Parse(request.Parameter("query").value_or(""));
  if (!expr.ok()) return BadParameter("query", expr.error().message);
  Answer answer;
  WriteSyntaxTree(**expr, answer.data);
  return answer;
}

// No exemplars are kept.
Result<Answer> QueryExemplars(const ServerRequest& request) {
  const Result<series::TimeRange> range = ReadTimeRange(request);
  if (!range.ok()) return range.error();
  if (range->to < range->from) return BadData("end timestamp must not be before start timestamp");
  const Result<promql::ExprPtr> expr = promql::Parse(request.Parameter("query").value_or(""));
  if (!expr.ok()) return BadData(expr.error().message);
  Answer answer;
  answer.data.BeginArray().EndArray();
  return answer;
}

}  // namespace

std::vector<Endpoint> QueryEndpoints(QuerySource source) {
  const auto queries = std::make_shared<Queries>(std::move(source));
  return {
      OnGetAndPost("query", [queries](const ServerRequest& r) { return queries->Instant(r); }),
      OnGetAndPost("query_range", [queries](const ServerRequest& r) { return queries->Range(r); }),
      OnGetAndPost("query_exemplars", QueryExemplars),
      OnGetAndPost("format_query", FormatQuery),
      OnGetAndPost("parse_query", ParseQuery),
  };
}

}  // namespace tierwatch::api
