#include "alerts/rules/rule_test_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "alerts/promql/text.h"
#include "base/duration.h"
#include "base/place.h"
#include "base/yaml.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMostValues = 4'000'000;

// YAML's spelling of infinity and NaN, and Go's numbers.
std::optional<double> NumberOf(const YamlNode& node) {
  if (!node.IsScalar() || node.quoted()) return std::nullopt;
  std::string_view text = node.text();
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == ".inf" || text == ".Inf" || text == ".INF") text = "Inf";
  if (text == ".nan" || text == ".NaN" || text == ".NAN") text = "NaN";
  const std::optional<double> number = promql::ParseNumber(text);
  return number && negative ? -*number : number;
}

class TestReader {
 public:
  TestReader(std::string_view source, std::string file, Diagnostics& diagnostics)
      : source_(source), file_name_(std::move(file)), diagnostics_(diagnostics) {}

  RuleTestFile Read() {
    const auto root = YamlNode::Parse(source_, file_name_, diagnostics_);
    if (!root) return {};
    YamlMap map(*root, "test file", diagnostics_);
    file_.rule_files = map.Strings("rule_files");
    file_.evaluation_interval = Interval(map, "evaluation_interval", file_.evaluation_interval);
    file_.group_eval_order = map.Strings("group_eval_order");
    std::set<std::string> seen;
    for (const std::string& group : file_.group_eval_order) {
      if (seen.insert(group).second) continue;
      Report(map.Where("group_eval_order"),
             fmt::format("group name repeated in evaluation order: {}", group));
    }
    file_.fuzzy_compare = map.Bool("fuzzy_compare").value_or(false);
    for (const YamlNode& node : Items(map, "tests")) ReadTest(node);
    return std::move(file_);
  }

 private:
  void Report(const Location& where, std::string message) {
    diagnostics_.Add(where, std::move(message));
  }

  const std::vector<YamlNode>& Items(YamlMap& map, std::string_view key) {
    static const std::vector<YamlNode> kNone;
    const YamlNode* node = map.Get(key);
    if (!node) return kNone;
    if (!node->IsSequence()) {
      Report(node->where(), fmt::format("\"{}\" must be a list, not {}", key, node->Describe()));
    }
    return node->items();
  }

  // As in promtool, an interval of 0 is one that was not given.
  static Millis Interval(YamlMap& map, std::string_view key, Millis otherwise) {
    const Millis interval = map.Duration(key).value_or(otherwise);
    return interval.count() == 0 ? otherwise : interval;
  }

  static Labels LabelMap(YamlMap& map, std::string_view key) {
    std::vector<Label> labels;
    for (auto& [name, value] : map.StringMap(key)) {
      labels.push_back({std::move(name), std::move(value)});
    }
    return Labels(std::move(labels));
  }

  void ReadTest(const YamlNode& node) {
    RuleTest test;
    test.where = node.where();
    YamlMap map(node, "test", diagnostics_);
    test.name = map.String("name").value_or("");
    if (test.name.empty()) test.name = fmt::format("unnamed#{}", file_.tests.size());
    test.interval = Interval(map, "interval", file_.evaluation_interval);
    if (const YamlNode* start = map.Get("start_timestamp")) test.start = Start(*start);
    ReadInput(map, test);
    test.external_labels = LabelMap(map, "external_labels");
    test.external_url = map.String("external_url").value_or("");
    for (const YamlNode& item : Items(map, "alert_rule_test")) ReadAlertTest(item, test);
    for (const YamlNode& item : Items(map, "promql_expr_test")) ReadExprTest(item, test);
    file_.tests.push_back(std::move(test));
  }

  TimestampMs Start(const YamlNode& node) {
    constexpr double kLargest = 1e12;  // year 33,658: far from the end of TimestampMs
    if (const std::optional<double> seconds = promql::ParseNumber(node.text());
        seconds && std::abs(*seconds) < kLargest) {
      return static_cast<TimestampMs>(std::llround(*seconds * 1000));
    }
    const Result<TimestampMs> time = ParseTimestamp(node.text());
    if (time.ok()) return *time;
    Report(node.where(), fmt::format("\"start_timestamp\" must be Unix seconds or a time such as "
                                     "2024-01-01T00:00:00Z, not {}",
                                     node.Describe()));
    return 0;
  }

  // Of series with the same labels the last one counts.
  void ReadInput(YamlMap& test_map, RuleTest& test) {
    std::map<Labels, std::size_t> known;
    for (const YamlNode& node : Items(test_map, "input_series")) {
      if (values_ > kMostValues) return;  // it was said
      YamlMap map(node, "input series", diagnostics_);
      const YamlNode* name = map.Require("series");
      const YamlNode* values = map.Get("values");
      if (!name) continue;
      std::optional<promql::ScriptSeries> series = Series(*name, values);
      if (!series) continue;
      values_ += series->values.size();
      if (values_ > kMostValues) {
        return Report(values->where(), fmt::format("more than {} values in one file", kMostValues));
      }
      const auto [at, added] = known.emplace(series->labels, test.input.size());
      if (added) {
        test.input.push_back(*std::move(series));
      } else {
        test.input[at->second] = *std::move(series);
      }
    }
  }

  std::optional<promql::ScriptSeries> Series(const YamlNode& name, const YamlNode* values) {
    Result<promql::ScriptSeries> series = promql::ParseScriptSeries(name.text());
    if (!name.IsScalar() || !series.ok()) {
      Report(name.where(),
             series.ok()
                 ? fmt::format("found {}, expected a series such as up{{a=\"b\"}}", name.Describe())
                 : series.error().message);
      return std::nullopt;
    }
    if (!values) return *std::move(series);
    series = promql::ParseScriptSeries(name.text() + " " + values->text());
    if (values->IsScalar() && series.ok()) return *std::move(series);
    Report(values->where(),
           series.ok() ? fmt::format("found {}, expected values such as \"0+1x10 _ stale\"",
                                     values->Describe())
                       : series.error().message);
    return std::nullopt;
  }

  void ReadAlertTest(const YamlNode& node, RuleTest& test) {
    AlertTest alert;
    alert.where = node.where();
    YamlMap map(node, "alert_rule_test", diagnostics_);
    alert.time = map.Duration("eval_time").value_or(Millis(0));
    alert.alert = map.String("alertname").value_or("");
    if (alert.alert.empty()) {
      Report(map.Where("alertname"),
             "an item under alert_rule_test misses required attribute alertname");
    }
    for (const YamlNode& item : Items(map, "exp_alerts")) {
      YamlMap expected(item, "expected alert", diagnostics_);
      Labels labels = LabelMap(expected, "exp_labels");
      labels.Set("alertname", alert.alert);
      alert.expected.push_back({std::move(labels), LabelMap(expected, "exp_annotations")});
    }
    std::sort(alert.expected.begin(), alert.expected.end());
    test.alerts.push_back(std::move(alert));
  }

  void ReadExprTest(const YamlNode& node, RuleTest& test) {
    ExprTest expr;
    expr.where = node.where();
    YamlMap map(node, "promql_expr_test", diagnostics_);
    expr.time = map.Duration("eval_time").value_or(Millis(0));
    if (const YamlNode* text = map.Require("expr")) {
      expr.text = text->text();
      const Result<promql::ExprPtr> parsed = promql::Parse(expr.text);
      if (parsed.ok()) {
        expr.expr = *parsed;
      } else {
        const TextError error = SplitPosition(expr.text, parsed.error().message);
        Report(PlaceInScalar(source_, *text, error.offset), error.message);
      }
    }
    for (const YamlNode& item : Items(map, "exp_samples")) ReadSample(item, expr);
    std::stable_sort(expr.expected.begin(), expr.expected.end(),
                     [](const auto& a, const auto& b) { return a.labels < b.labels; });
    test.exprs.push_back(std::move(expr));
  }

  void ReadSample(const YamlNode& node, ExprTest& test) {
    ExprTest::Expected sample;
    YamlMap map(node, "expected sample", diagnostics_);
    if (const YamlNode* labels = map.Get("labels")) {
      Result<promql::ScriptSeries> series = promql::ParseScriptSeries(labels->text());
      if (labels->IsScalar() && series.ok() && series->values.empty()) {
        sample.labels = std::move(series->labels);
      } else {
        Report(labels->where(),
               fmt::format("found {}, expected labels such as up{{a=\"b\"}}", labels->Describe()));
      }
    }
    if (const YamlNode* value = map.Get("value")) {
      const std::optional<double> number = NumberOf(*value);
      if (!number) {
        Report(value->where(),
               fmt::format("\"value\" must be a number, not {}", value->Describe()));
      }
      sample.value = number.value_or(0);
    }
    if (const YamlNode* histogram = map.Get("histogram")) ReadHistogram(*histogram, sample);
    test.expected.push_back(std::move(sample));
  }

  void ReadHistogram(const YamlNode& node, ExprTest::Expected& sample) {
    if (node.IsScalar() && node.text().empty()) return;  // the same as none, as in promtool
    Result<promql::ScriptSeries> series = promql::ParseScriptSeries("{} " + node.text());
    const bool one = series.ok() && series->values.size() == 1 && series->values[0].histogram;
    if (one) {
      sample.histogram = series->values[0].histogram;
      return;
    }
    Report(node.where(), series.ok() ? fmt::format("found {}, expected one histogram such as "
                                                   "\"{{{{schema:0 count:2 buckets:[2]}}}}\"",
                                                   node.Describe())
                                     : series.error().message);
  }

  std::string_view source_;
  std::string file_name_;
  Diagnostics& diagnostics_;
  RuleTestFile file_;
  std::size_t values_ = 0;
};

}  // namespace

Millis RuleTest::LastTime() const {
  Millis last{0};
  for (const AlertTest& test : alerts) last = std::max(last, test.time);
  for (const ExprTest& test : exprs) last = std::max(last, test.time);
  return last;
}

RuleTestFile ReadRuleTestFile(std::string_view text, const std::string& file,
                              Diagnostics& diagnostics) {
  return TestReader(text, file, diagnostics).Read();
}

}  // namespace tierwatch
