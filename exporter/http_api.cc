#include "exporter/http_api.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/duration.h"
#include "exporter/text_format.h"

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

std::string ValueText(double value) {
  std::string text;
  AppendValue(text, value);
  return text;
}

ordered_json Point(TimestampMs time, double value) {
  return ordered_json::array({static_cast<double>(time) / 1000, ValueText(value)});
}

ordered_json Metric(const Labels& labels) {
  ordered_json metric = ordered_json::object();
  for (const Label& label : labels) metric[label.name] = label.value;
  return metric;
}

struct DataWriter {
  ordered_json operator()(const promql::Scalar& scalar) const {
    return {{"resultType", "scalar"}, {"result", Point(scalar.time, scalar.value)}};
  }
  ordered_json operator()(const std::string& text) const {
    return {{"resultType", "string"}, {"result", ordered_json::array({0, text})}};
  }
  ordered_json operator()(const promql::Vector& vector) const {
    ordered_json list = ordered_json::array();
    for (const promql::VectorSample& sample : vector) {
      list.push_back(
          {{"metric", Metric(sample.labels)}, {"value", Point(sample.time, sample.value)}});
    }
    return {{"resultType", "vector"}, {"result", std::move(list)}};
  }
  ordered_json operator()(const promql::Matrix& matrix) const {
    ordered_json list = ordered_json::array();
    for (const promql::SeriesPoints& series : matrix) {
      ordered_json values = ordered_json::array();
      for (const auto& [time, value] : series.points) values.push_back(Point(time, value));
      list.push_back({{"metric", Metric(series.labels)}, {"values", std::move(values)}});
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

std::string PointText(const ordered_json& point) {
  return fmt::format("{} @{}", point.at(1).get<std::string>(), point.at(0).dump());
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
      text += fmt::format("{} => {}\n", name, PointText(series.at("value")));
      continue;
    }
    text += name + " =>\n";
    for (const ordered_json& point : series.at("values")) text += PointText(point) + "\n";
  }
  return text;
}

}  // namespace

std::string QueryDataJson(const promql::QueryResult& result) {
  return std::visit(DataWriter{}, result.value).dump();
}

HttpReply AnswerInstantQuery(const ServerRequest& request, const promql::Engine& engine,
                             const series::Queryable& storage, const Clock& clock) {
  const std::optional<std::string> time_text = request.Parameter("time");
  const std::optional<TimestampMs> time = time_text ? ParseTime(*time_text) : clock.Now();
  if (!time) {
    return Failure(400, "bad_data",
                   fmt::format("invalid parameter \"time\": cannot parse {} to a valid timestamp",
                               Quote(*time_text)));
  }
  const Result<promql::ExprPtr> expr = promql::Parse(request.Parameter("query").value_or(""));
  if (!expr.ok()) {
    return Failure(400, "bad_data", "invalid parameter \"query\": " + expr.error().message);
  }
  const Result<promql::QueryResult> result = engine.Instant(*expr, storage, *time);
  if (!result.ok()) return Failure(422, "execution", result.error().message);
  ordered_json json{{"status", "success"}, {"data", std::visit(DataWriter{}, result->value)}};
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
