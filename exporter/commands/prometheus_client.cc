#include "exporter/commands/prometheus_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

namespace tierwatch {
namespace {

constexpr Millis kTimeout{120'000};
constexpr std::size_t kMaxAnswerBytes = 64u << 20;
constexpr TimestampMs kLookback = 300'000;
constexpr TimestampMs kPresenceStep = 15'000;

std::string EncodeForm(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

std::string Seconds(TimestampMs time) {
  return fmt::format("{}{}.{:03}", time < 0 ? "-" : "", std::abs(time) / 1000,
                     std::abs(time) % 1000);
}

std::string RangeForm(std::string_view expr, TimestampMs from, TimestampMs to, Millis step) {
  return fmt::format("query={}&start={}&end={}&step={}", EncodeForm(expr), Seconds(from),
                     Seconds(to), Seconds(step.count()));
}

HttpOptions Limited() {
  HttpOptions options;
  options.max_response_bytes = kMaxAnswerBytes;
  return options;
}

/// What a server says in an answer that is no success.
Error Refusal(const HttpResponse& response) {
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  const auto text = [&](const char* key) {
    return json.is_object() && json.contains(key) && json[key].is_string()
               ? json[key].get<std::string>()
               : std::string();
  };
  const std::string why = text("error");
  const bool large = why.find("too many samples") != std::string::npos || response.status == 413 ||
                     response.status == 503;
  return {fmt::format("HTTP {}: {}", response.status,
                      why.empty() ? "the answer is not that of Prometheus's API"
                                  : text("errorType") + ": " + why),
          large ? Reason::kLimit : Reason::kOther};
}

/// Takes a matrix as it is read: a tree of it all would be ten times as large as the samples.
class MatrixReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Result<promql::Matrix> Take() {
    if (error_) return *error_;
    if (status_ != "success" || type_ != "matrix")
      return Error{"the answer is no matrix of Prometheus's query API", Reason::kParse};
    return std::move(matrix_);
  }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t value) override {
    return Number(static_cast<double>(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Number(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return Number(value); }
  bool binary(binary_t&) override { return true; }

  bool string(string_t& text) override {
    if (keys_.size() == 1 && keys_[0] == "status") status_ = text;
    if (keys_.size() == 2 && keys_[0] == "data" && keys_[1] == "resultType") type_ = text;
    if (InSeries("metric", 5)) labels_.push_back({keys_[4], text});
    return !InSeries("values", 6) || Value(text);
  }
  bool start_object(std::size_t) override {
    if (keys_.size() == 3 && keys_[0] == "data" && keys_[1] == "result") matrix_.emplace_back();
    keys_.emplace_back();
    return true;
  }
  bool key(string_t& text) override {
    keys_.back() = text;
    return keys_.size() != 4 || text != "histograms" || keys_[0] != "data" ||
           Fail("the answer holds native histograms, whose schema JSON doesn't tell");
  }
  bool end_object() override {
    keys_.pop_back();
    if (keys_.size() == 3 && !matrix_.empty() && keys_[0] == "data")
      matrix_.back().labels = Labels(std::exchange(labels_, {}));
    return true;
  }
  bool start_array(std::size_t) override {
    keys_.emplace_back();
    if (InSeries("values", 6)) time_.reset();
    return true;
  }
  bool end_array() override {
    keys_.pop_back();
    return true;
  }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::json::exception&) override {
    return Fail(fmt::format("the answer is no JSON from byte {} on", at));
  }

 private:
  bool Fail(std::string message) {
    if (!error_) error_ = Error{std::move(message), Reason::kParse};
    return false;
  }
  /// Whether what comes now belongs to `key` of a series, so many levels down.
  bool InSeries(std::string_view key, std::size_t depth) const {
    return keys_.size() == depth && keys_[0] == "data" && keys_[1] == "result" && keys_[3] == key &&
           !matrix_.empty();
  }
  bool Number(double value) {
    if (!InSeries("values", 6)) return true;
    if (!(std::abs(value) < 9e15)) return Fail("a sample's time is out of range");
    time_ = std::llround(value * 1000);
    return true;
  }
  bool Value(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (!time_ || error != std::errc() || end != text.data() + text.size())
      return Fail("a sample is not [time, \"value\"]");
    matrix_.back().points.emplace_back(*std::exchange(time_, std::nullopt), value);
    return true;
  }

  std::vector<std::string> keys_;  // of the open objects; "" for a list
  std::string status_, type_;
  std::vector<Label> labels_;  // of the series that is open
  std::optional<TimestampMs> time_;
  promql::Matrix matrix_;
  std::optional<Error> error_;
};

/// Puts staleness markers where a series was no longer there although its last sample was not old
/// yet. `presence` has a point at each step from `from` at which the series was there.
void MarkEnds(promql::Matrix& matrix, const promql::Matrix& presence, TimestampMs from) {
  std::unordered_map<Labels, const promql::SeriesPoints*, LabelsHash> present;
  for (const promql::SeriesPoints& series : presence) present.emplace(series.labels, &series);
  for (promql::SeriesPoints& series : matrix) {
    const auto found = present.find(series.labels);
    const auto is_there = [&](TimestampMs time) {
      return found != present.end() &&
             std::binary_search(found->second->points.begin(), found->second->points.end(),
                                std::pair(time, 0.0),
                                [](const auto& a, const auto& b) { return a.first < b.first; });
    };
    std::vector<std::pair<TimestampMs, double>> marked;
    for (std::size_t i = 0; i < series.points.size(); ++i) {
      marked.push_back(series.points[i]);
      const TimestampMs time = series.points[i].first;
      TimestampMs end = time + kLookback;
      if (i + 1 < series.points.size()) end = std::min(end, series.points[i + 1].first);
      TimestampMs step = time - (time - from) % kPresenceStep + kPresenceStep;
      while (step < end && is_there(step)) step += kPresenceStep;
      if (step < end) marked.emplace_back(step, series::StaleMarker());
    }
    series.points = std::move(marked);
  }
}

}  // namespace

PrometheusClient::PrometheusClient(std::string url) : url_(std::move(url)), http_(Limited()) {
  while (url_.ends_with('/')) url_.pop_back();
}

Result<std::string> PrometheusClient::Ask(std::string_view path, std::string form) {
  HttpRequest request;
  request.url = fmt::format("{}/api/v1/{}", url_, path);
  request.timeout = kTimeout;
  if (!form.empty()) {
    request.method = "POST";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = std::move(form);
  }
  Result<HttpResponse> response = http_.Send(request);
  if (!response.ok()) return std::move(response).error().In(url_);
  if (response->status != 200) return Refusal(*response).In(url_);
  return std::move(response->body);
}

Result<std::string> PrometheusClient::Query(std::string_view expr) {
  return Ask("query", "query=" + EncodeForm(expr));
}

Result<std::string> PrometheusClient::QueryRange(std::string_view expr, TimestampMs from,
                                                 TimestampMs to, Millis step) {
  return Ask("query_range", RangeForm(expr, from, to, step));
}

Result<std::vector<std::string>> PrometheusClient::MetricNames() {
  Result<std::string> body = Ask("label/__name__/values", "");
  if (!body.ok()) return std::move(body).error();
  const auto json = nlohmann::json::parse(*body, nullptr, false);
  const Error wrong{url_ + ": the answer is no list of label values", Reason::kParse};
  if (!json.is_object() || !json.contains("data") || !json["data"].is_array()) return wrong;
  std::vector<std::string> names;
  for (const auto& name : json["data"]) {
    if (!name.is_string()) return wrong;
    names.push_back(name.get<std::string>());
  }
  return names;
}

Result<promql::Matrix> PrometheusClient::AskMatrix(std::string_view path, std::string form) {
  Result<std::string> body = Ask(path, std::move(form));
  if (!body.ok()) return std::move(body).error();
  Result<promql::Matrix> matrix = ReadMatrixAnswer(*body);
  if (!matrix.ok()) return std::move(matrix).error().In(url_);
  return matrix;
}

Result<promql::Matrix> PrometheusClient::Samples(std::string_view selector, TimestampMs from,
                                                 TimestampMs to) {
  if (to - from > 10'000 * kPresenceStep)  // a range query has 11,000 steps at most
    return Error{fmt::format("{} ms are too much to ask for at once", to - from), Reason::kLimit};
  const std::string expr = fmt::format("{}[{}ms]", selector, to - from);
  Result<promql::Matrix> matrix =
      AskMatrix("query", fmt::format("query={}&time={}", EncodeForm(expr), Seconds(to)));
  if (!matrix.ok()) return std::move(matrix).error().In(selector);
  const Result<promql::Matrix> presence =
      AskMatrix("query_range", RangeForm(selector, from, to + kLookback, Millis(kPresenceStep)));
  if (!presence.ok()) return Error(presence.error()).In(selector);
  // Before 3.0 a window held its left edge too.
  for (promql::SeriesPoints& series : *matrix)
    std::erase_if(series.points, [&](const auto& point) { return point.first <= from; });
  MarkEnds(*matrix, *presence, from);
  return matrix;
}

Result<promql::Matrix> ReadMatrixAnswer(std::string_view json) {
  MatrixReader reader;
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  return reader.Take();
}

}  // namespace tierwatch
