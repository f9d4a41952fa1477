#include "exporter/http_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "alerts/series/float_histogram.h"
#include "alerts/template/go_format.h"
#include "base/duration.h"

namespace tierwatch {
namespace {

using nlohmann::ordered_json;

constexpr const char* kJson = "application/json";

HttpReply Envelope(int status, const ordered_json& json) {
  // Label values may hold any bytes; what isn't UTF-8 is replaced, never thrown about.
  return HttpReply::Of(status, kJson,
                       json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

HttpReply Failure(int status, std::string_view type, const std::string& message) {
  return Envelope(status, {{"status", "error"}, {"errorType", type}, {"error", message}});
}

// As Prometheus prints the values of series: with an exponent only where there were many zeros.
std::string ValueText(double value) {
  const double magnitude = std::abs(value);
  const bool many_zeros = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  return tmpl::FormatDouble(value, many_zeros ? 'e' : 'f', -1);
}

ordered_json Seconds(TimestampMs time) {
  if (time % 1000 == 0) return time / 1000;
  return static_cast<double>(time) / 1000;
}

ordered_json Point(TimestampMs time, double value) {
  return ordered_json::array({Seconds(time), ValueText(value)});
}

// Which bounds of a bucket belong to it.
int BoundaryRule(const series::Bucket& bucket) {
  if (bucket.lower_inclusive) return bucket.upper_inclusive ? 3 : 1;
  return bucket.upper_inclusive ? 0 : 2;
}

ordered_json Point(TimestampMs time, const series::FloatHistogram& histogram) {
  ordered_json json{{"count", ValueText(histogram.count)}, {"sum", ValueText(histogram.sum)}};
  const series::AllBuckets buckets(histogram);
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const series::Bucket bucket = buckets[i];
    if (bucket.count == 0) continue;
    json["buckets"].push_back(
        ordered_json::array({BoundaryRule(bucket), ValueText(bucket.lower), ValueText(bucket.upper),
                             ValueText(bucket.count)}));
  }
  return ordered_json::array({Seconds(time), std::move(json)});
}

ordered_json Metric(const Labels& labels) {
  ordered_json metric = ordered_json::object();
  for (const Label& label : labels) metric[label.name] = label.value;
  return metric;
}

// Writes the envelope's `data`.
struct DataWriter {
  TimestampMs time;  // of the query

  ordered_json operator()(const promql::Scalar& scalar) const {
    // Prometheus prints scalars without an exponent, however long they get.
    return {{"resultType", "scalar"},
            {"result", ordered_json::array(
                           {Seconds(scalar.time), tmpl::FormatDouble(scalar.value, 'f', -1)})}};
  }
  ordered_json operator()(const std::string& text) const {
    return {{"resultType", "string"}, {"result", ordered_json::array({Seconds(time), text})}};
  }
  ordered_json operator()(const promql::Vector& vector) const {
    ordered_json list = ordered_json::array();
    for (const promql::VectorSample& sample : vector) {
      ordered_json element{{"metric", Metric(sample.labels)}};
      if (sample.histogram) {
        element["histogram"] = Point(sample.time, *sample.histogram);
      } else {
        element["value"] = Point(sample.time, sample.value);
      }
      list.push_back(std::move(element));
    }
    return {{"resultType", "vector"}, {"result", std::move(list)}};
  }
  ordered_json operator()(const promql::Matrix& matrix) const {
    ordered_json list = ordered_json::array();
    for (const promql::SeriesPoints& series : matrix) {
      ordered_json element{{"metric", Metric(series.labels)}};
      for (const auto& [at, value] : series.points) element["values"].push_back(Point(at, value));
      for (const auto& [at, histogram] : series.histograms) {
        element["histograms"].push_back(Point(at, *histogram));
      }
      list.push_back(std::move(element));
    }
    return {{"resultType", "matrix"}, {"result", std::move(list)}};
  }
};

std::optional<TimestampMs> ParseTime(const std::string& text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc{} && end == text.data() + text.size()) {
    constexpr double kLongest = 9e15;
    if (!(std::abs(seconds * 1000) < kLongest)) return std::nullopt;
    return static_cast<TimestampMs>(std::llround(seconds * 1000));
  }
  const Result<TimestampMs> time = ParseTimestamp(text);
  return time.ok() ? std::optional(*time) : std::nullopt;
}

// No query takes longer than Prometheus's default; its parameter can only shorten that.
std::optional<Millis> ReadTimeout(const std::string& text) {
  constexpr Millis kLongest{120'000};
  if (text.empty()) return kLongest;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc{} && end == text.data() + text.size()) {
    if (!(seconds >= 0)) return std::nullopt;
    return Millis(static_cast<std::int64_t>(std::min(seconds, 120.0) * 1000));
  }
  const Result<Millis> duration = ParseDuration(text);
  return duration.ok() ? std::optional(std::min(*duration, kLongest)) : std::nullopt;
}

std::string HistogramText(const ordered_json& histogram) {
  std::string text = fmt::format("{{count:{}, sum:{}", histogram.at("count").get<std::string>(),
                                 histogram.at("sum").get<std::string>());
  if (!histogram.contains("buckets")) return text + "}";
  for (const ordered_json& bucket : histogram.at("buckets")) {
    const auto rule = bucket.at(0).get<double>();
    text += fmt::format(", {}{},{}{}:{}", rule == 1 || rule == 3 ? '[' : '(',
                        bucket.at(1).get<std::string>(), bucket.at(2).get<std::string>(),
                        rule == 0 || rule == 3 ? ']' : ')', bucket.at(3).get<std::string>());
  }
  return text + "}";
}

std::string PointText(const ordered_json& point) {
  const ordered_json& value = point.at(1);
  return fmt::format("{} @{}", value.is_object() ? HistogramText(value) : value.get<std::string>(),
                     point.at(0).dump());
}

std::string SeriesText(const ordered_json& metric) {
  std::vector<Label> labels;
  for (const auto& [name, value] : metric.items())
    labels.push_back({name, value.get<std::string>()});
  return Labels(std::move(labels)).ToString();
}

std::string DataText(const ordered_json& data) {
  const std::string type = data.at("resultType");
  const ordered_json& result = data.at("result");
  if (type == "scalar" || type == "string") return PointText(result) + "\n";
  std::string text;
  for (const ordered_json& series : result) {
    const std::string name = SeriesText(series.at("metric"));
    if (type == "vector") {
      const char* key = series.contains("histogram") ? "histogram" : "value";
      text += fmt::format("{} => {}\n", name, PointText(series.at(key)));
      continue;
    }
    text += name + " =>\n";
    for (const char* key : {"values", "histograms"}) {
      if (!series.contains(key)) continue;
      for (const ordered_json& point : series.at(key)) text += PointText(point) + "\n";
    }
  }
  return text;
}

}  // namespace

HttpReply AnswerInstantQuery(const ServerRequest& request, const promql::Engine& engine,
                             const series::Queryable& storage, const Clock& clock) {
  const std::string time_text = request.Parameter("time").value_or("");
  const std::optional<TimestampMs> time = time_text.empty() ? clock.Now() : ParseTime(time_text);
  if (!time) {
    return Failure(400, "bad_data",
                   fmt::format("invalid parameter \"time\": cannot parse {} to a valid timestamp",
                               Quote(time_text)));
  }
  const Result<promql::ExprPtr> expr = promql::Parse(request.Parameter("query").value_or(""));
  if (!expr.ok()) {
    return Failure(400, "bad_data", "invalid parameter \"query\": " + expr.error().message);
  }
  const std::optional<Millis> timeout = ReadTimeout(request.Parameter("timeout").value_or(""));
  if (!timeout) return Failure(400, "bad_data", "invalid parameter \"timeout\": not a duration");
  const Result<promql::QueryResult> result =
      engine.Instant(*expr, storage, *time, After(clock, *timeout));
  if (!result.ok()) {
    const bool late = result.error().reason == Reason::kTimeout;
    return late ? Failure(503, "timeout", "query " + result.error().message)
                : Failure(422, "execution", result.error().message);
  }
  ordered_json json{{"status", "success"}, {"data", std::visit(DataWriter{*time}, result->value)}};
  if (!result->warnings.empty()) json["warnings"] = result->warnings;
  if (!result->infos.empty()) json["infos"] = result->infos;
  return Envelope(200, json);
}

Result<std::string> FormatQueryAnswer(const std::string& body) {
  try {
    const ordered_json json = ordered_json::parse(body);
    if (json.at("status") != "success") {
      return Error{fmt::format("{}: {}", json.at("errorType").get<std::string>(),
                               json.at("error").get<std::string>())};
    }
    std::string text = DataText(json.at("data"));
    for (const char* kind : {"warnings", "infos"}) {
      if (!json.contains(kind)) continue;
      for (const ordered_json& line : json.at(kind)) text += "# " + line.get<std::string>() + "\n";
    }
    return text;
  } catch (const nlohmann::json::exception&) {
    return Error{"the answer is not that of Prometheus's query API", Reason::kParse};
  }
}

}  // namespace tierwatch
