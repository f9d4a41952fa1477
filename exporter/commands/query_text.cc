#include "exporter/commands/query_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/labels.h"

namespace tierwatch {
namespace {

using nlohmann::ordered_json;

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
