#include "tests/live/promql_differential/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "alerts/series/float_histogram.h"

namespace tierwatch {
namespace {

using Json = nlohmann::json;

HistogramAnswer ToAnswer(const series::FloatHistogram& histogram) {
  HistogramAnswer answer{histogram.count, histogram.sum, {}};
  const series::AllBuckets buckets(histogram);
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const series::Bucket bucket = buckets[i];
    if (bucket.count != 0) answer.buckets.push_back({bucket.lower, bucket.upper, bucket.count});
  }
  return answer;
}

double Number(const Json& text) { return std::strtod(text.get<std::string>().c_str(), nullptr); }

TimestampMs Time(const Json& seconds) { return std::llround(seconds.get<double>() * 1000); }

Answer::Point FloatPoint(const Json& pair) { return {Time(pair.at(0)), Number(pair.at(1))}; }

Answer::Point HistogramPoint(const Json& pair) {
  const Json& json = pair.at(1);
  HistogramAnswer histogram{Number(json.at("count")), Number(json.at("sum")), {}};
  for (const Json& bucket : json.value("buckets", Json::array()))
    histogram.buckets.push_back({Number(bucket.at(1)), Number(bucket.at(2)), Number(bucket.at(3))});
  return {Time(pair.at(0)), 0, std::move(histogram)};
}

Answer::Series ParseSeries(const Json& json) {
  Answer::Series series;
  for (const auto& [name, value] : json.at("metric").items())
    series.labels.Set(name, value.get<std::string>());
  if (json.contains("value")) series.points.push_back(FloatPoint(json["value"]));
  if (json.contains("histogram")) series.points.push_back(HistogramPoint(json["histogram"]));
  for (const Json& pair : json.value("values", Json::array()))
    series.points.push_back(FloatPoint(pair));
  for (const Json& pair : json.value("histograms", Json::array()))
    series.points.push_back(HistogramPoint(pair));
  return series;
}

void Sort(Answer& answer) {
  for (Answer::Series& series : answer.series)
    std::stable_sort(series.points.begin(), series.points.end(),
                     [](const auto& a, const auto& b) { return a.time < b.time; });
  std::stable_sort(answer.series.begin(), answer.series.end(),
                   [](const auto& a, const auto& b) { return a.labels < b.labels; });
}

struct Tolerance {
  double relative, absolute;

  bool Same(double a, double b) const {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    if (a == b) return true;
    if (std::isinf(a) || std::isinf(b)) return false;
    const double difference = std::abs(a - b);
    return difference <= absolute || difference <= relative * std::max(std::abs(a), std::abs(b));
  }
  bool Same(const HistogramAnswer& a, const HistogramAnswer& b) const {
    return Same(a.count, b.count) && Same(a.sum, b.sum) &&
           std::equal(a.buckets.begin(), a.buckets.end(), b.buckets.begin(), b.buckets.end(),
                      [this](const auto& x, const auto& y) {
                        return Same(x.lower, y.lower) && Same(x.upper, y.upper) &&
                               Same(x.count, y.count);
                      });
  }
  bool Same(const Answer::Point& a, const Answer::Point& b) const {
    if (a.time != b.time || a.histogram.has_value() != b.histogram.has_value()) return false;
    return a.histogram ? Same(*a.histogram, *b.histogram) : Same(a.value, b.value);
  }
};

std::string ToText(const Answer::Point& point) {
  if (!point.histogram) return fmt::format("{} @{}", point.value, point.time);
  std::string text = fmt::format("{{count:{} sum:{}", point.histogram->count, point.histogram->sum);
  for (const auto& bucket : point.histogram->buckets)
    text += fmt::format(" ({},{}]:{}", bucket.lower, bucket.upper, bucket.count);
  return text + fmt::format("}} @{}", point.time);
}

std::string DifferenceOf(const Answer::Series& a, const Answer::Series& b, Tolerance tolerance) {
  const auto [x, y] =
      std::mismatch(a.points.begin(), a.points.end(), b.points.begin(), b.points.end(),
                    [&](const auto& p, const auto& q) { return tolerance.Same(p, q); });
  if (x == a.points.end() && y == b.points.end()) return "";
  return fmt::format("{}: {} against {}", a.labels.ToString(),
                     x == a.points.end() ? "nothing" : ToText(*x),
                     y == b.points.end() ? "nothing" : ToText(*y));
}

}  // namespace

std::string Answer::ToString() const {
  if (!error.empty()) return "refused: " + error;
  std::string result = type + " " + text;
  for (const Series& one : series) {
    result += "\n    " + one.labels.ToString() + ":";
    for (const Point& point : one.points) result += " " + ToText(point);
  }
  return result;
}

Answer ToAnswer(const Result<promql::QueryResult>& result) {
  Answer answer;
  if (!result.ok()) {
    answer.error = result.error().message;
    if (answer.error.empty()) answer.error = "no reason given";
    return answer;
  }
  if (const auto* scalar = std::get_if<promql::Scalar>(&result->value)) {
    answer.type = "scalar";
    answer.series = {{Labels(), {{scalar->time, scalar->value}}}};
  } else if (const auto* text = std::get_if<std::string>(&result->value)) {
    answer.type = "string";
    answer.text = *text;
  } else if (const auto* vector = std::get_if<promql::Vector>(&result->value)) {
    answer.type = "vector";
    for (const promql::VectorSample& sample : *vector) {
      Answer::Point point{sample.time, sample.value};
      if (sample.histogram) point.histogram = ToAnswer(*sample.histogram);
      answer.series.push_back({sample.labels, {std::move(point)}});
    }
  } else {
    answer.type = "matrix";
    for (const promql::SeriesPoints& one : std::get<promql::Matrix>(result->value)) {
      Answer::Series series{one.labels, {}};
      for (const auto& [time, value] : one.points) series.points.push_back({time, value});
      for (const auto& [time, histogram] : one.histograms)
        series.points.push_back({time, 0, ToAnswer(*histogram)});
      answer.series.push_back(std::move(series));
    }
  }
  Sort(answer);
  return answer;
}

Answer ParseAnswer(std::string_view text) {
  Answer answer;
  try {
    const Json json = Json::parse(text);
    if (json.at("status") == "error") {
      answer.error = json.value("errorType", "") + ": " + json.value("error", "");
      return answer;
    }
    const Json& result = json.at("data").at("result");
    answer.type = json.at("data").at("resultType");
    if (answer.type == "string") {
      answer.text = result.at(1).get<std::string>();
    } else if (answer.type == "scalar") {
      answer.series = {{Labels(), {FloatPoint(result)}}};
    } else {
      for (const Json& series : result) answer.series.push_back(ParseSeries(series));
    }
  } catch (const Json::exception& exception) {
    answer.error = fmt::format("not an answer: {}: {}", exception.what(), text.substr(0, 300));
  }
  Sort(answer);
  return answer;
}

std::string Difference(const Answer& a, const Answer& b, double tolerance, double absolute) {
  if (!a.error.empty() && !b.error.empty()) return "";
  if (a.error.empty() != b.error.empty()) return "one refuses";
  if (a.type != b.type) return a.type + " against " + b.type;
  if (a.text != b.text) return "the strings differ";
  auto x = a.series.begin();
  auto y = b.series.begin();
  while (x != a.series.end() || y != b.series.end()) {
    if (y == b.series.end() || (x != a.series.end() && x->labels < y->labels))
      return x->labels.ToString() + " is only in the first";
    if (x == a.series.end() || y->labels < x->labels)
      return y->labels.ToString() + " is only in the second";
    if (std::string text = DifferenceOf(*x, *y, {tolerance, absolute}); !text.empty()) return text;
    ++x, ++y;
  }
  return "";
}

}  // namespace tierwatch
