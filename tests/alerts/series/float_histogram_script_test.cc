// Holds the arithmetic of one histogram, and of sums of them, to Prometheus's own test scripts. No
// engine takes part: the evals that name a stored series and one operation are picked out and
// computed directly.
#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "alerts/series/float_histogram.h"
#include "alerts/series/float_histogram_quantile.h"
#include "alerts/series/float_histogram_text.h"
#include "alerts/series/histogram_sum.h"
#include "tests/support/conformance.h"

namespace tierwatch::series {
namespace {

constexpr double kEpsilon = 1e-6;  // what the scripts are compared with

std::filesystem::path Scripts() { return ConformancePath("promqltest"); }

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

double Number(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

FloatHistogram Parse(const std::string& text) {
  auto parsed = ParseHistogramLiteral(text);
  EXPECT_TRUE(parsed.ok()) << text << ": " << (parsed.ok() ? "" : parsed.error().message);
  return parsed.ok() ? *parsed : FloatHistogram{};
}

using Value = std::variant<double, FloatHistogram>;
/// The samples of each series of a metric, by label set.
using Metric = std::map<std::string, std::vector<FloatHistogram>>;
using Storage = std::map<std::string, Metric>;

/// A line `metric{labels} {{…}}x1 {{…}} …` of constants; anything else makes the series unusable.
void Load(const std::string& line, Storage& storage) {
  static const std::regex shape(R"(^\s*(\w+)(\{[^{}]*\})?\s+(\S.*)$)");
  static const std::regex item(R"(^(\{\{[^}]*\}\})(x1)?\s*)");
  std::smatch match;
  if (!std::regex_match(line, match, shape)) return;
  Metric& metric = storage[match[1]];
  std::vector<FloatHistogram>& samples = metric[match[2]];
  samples.clear();
  std::string rest = match[3];
  std::smatch found;
  while (std::regex_search(rest, found, item)) {
    samples.push_back(Parse(found[1]));
    rest = found.suffix();
  }
  if (!rest.empty()) samples.clear();
}

/// The only sample of the only series, or null.
const FloatHistogram* Only(const Storage& storage, const std::string& name) {
  const auto metric = storage.find(name);
  if (metric == storage.end() || metric->second.size() != 1) return nullptr;
  const auto& samples = metric->second.begin()->second;
  return samples.size() == 1 ? samples.data() : nullptr;
}

const FloatHistogram* Only(const Storage& storage, const std::string& name,
                           const std::string& labels) {
  const auto metric = storage.find(name);
  if (metric == storage.end() || !metric->second.contains(labels)) return nullptr;
  const auto& samples = metric->second.at(labels);
  return samples.size() == 1 ? samples.data() : nullptr;
}

Value Aggregate(const std::string& how, const std::vector<FloatHistogram>& samples) {
  if (how == "sum") {
    HistogramSum sum(samples.front());
    for (std::size_t i = 1; i < samples.size(); ++i) EXPECT_FALSE(sum.Add(samples[i]).incompatible);
    return sum.Value();
  }
  HistogramMean mean(samples.front());
  for (std::size_t i = 1; i < samples.size(); ++i) EXPECT_FALSE(mean.Add(samples[i]).incompatible);
  return mean.Value();
}

/// One kind of expression, and how to compute it; no value where the storage does not fit.
struct Rule {
  std::regex shape;
  std::function<std::optional<Value>(const std::smatch&, const Storage&)> compute;
};

std::optional<Value> Accessor(const std::smatch& match, const Storage& storage) {
  const FloatHistogram* h = Only(storage, match[2]);
  if (h == nullptr) return std::nullopt;
  const std::string name = match[1];
  if (name == "count") return h->count;
  if (name == "sum") return h->sum;
  if (name == "avg") return HistogramAverage(*h);
  const double variance = HistogramVariance(*h);
  return name == "stdvar" ? variance : std::sqrt(variance);
}

std::optional<Value> Trimmed(const std::smatch& match, const Storage& storage) {
  const FloatHistogram* h = Only(storage, match[1]);
  if (h == nullptr) return std::nullopt;
  return match[2] == "</" ? TrimUpper(*h, Number(match[3])) : TrimLower(*h, Number(match[3]));
}

std::optional<Value> Scaled(const std::smatch& match, const Storage& storage) {
  const FloatHistogram* h = Only(storage, match[1]);
  if (h == nullptr) return std::nullopt;
  FloatHistogram result = *h;
  if (match[2] == "*") result.Mul(Number(match[3]));
  if (match[2] == "/") result.Div(Number(match[3]));
  return result;
}

std::optional<Value> Combined(const std::smatch& match, const Storage& storage) {
  const FloatHistogram* left = Only(storage, match[1], match[2]);
  const FloatHistogram* right = Only(storage, match[4], match[5]);
  if (left == nullptr || right == nullptr) return std::nullopt;
  FloatHistogram result = *left;
  const CombineInfo info = match[3] == "+" ? result.Add(*right) : result.Sub(*right);
  EXPECT_FALSE(info.incompatible);
  return result;
}

std::optional<Value> OverTime(const std::smatch& match, const Storage& storage) {
  const auto metric = storage.find(match[2]);
  if (metric == storage.end() || metric->second.size() != 1) return std::nullopt;
  const auto& samples = metric->second.begin()->second;
  if (samples.empty() || static_cast<double>(samples.size()) > Number(match[3]))
    return std::nullopt;
  return Aggregate(match[1], samples);
}

std::optional<Value> OverSeries(const std::smatch& match, const Storage& storage) {
  const auto metric = storage.find(match[2]);
  if (metric == storage.end()) return std::nullopt;
  std::vector<FloatHistogram> all;
  for (const auto& [labels, samples] : metric->second) {
    // A constant written as {{…}}x1 is two samples of the script, but one literal here.
    if (samples.size() != 1) return std::nullopt;
    all.push_back(samples.front());
  }
  return Aggregate(match[1], all);
}

const std::vector<Rule>& Rules() {
  static const std::vector<Rule> rules = {
      {std::regex(R"(histogram_(count|sum|avg|stddev|stdvar)\((\w+)\))"), Accessor},
      {std::regex(R"(histogram_quantile\(([^,]+), (\w+)\))"),
       [](const std::smatch& m, const Storage& storage) -> std::optional<Value> {
         const FloatHistogram* h = Only(storage, m[2]);
         if (h == nullptr) return std::nullopt;
         return HistogramQuantile(Number(m[1]), *h).value;
       }},
      {std::regex(R"(histogram_fraction\(([^,]+), ([^,]+), (\w+)\))"),
       [](const std::smatch& m, const Storage& storage) -> std::optional<Value> {
         const FloatHistogram* h = Only(storage, m[3]);
         if (h == nullptr) return std::nullopt;
         return HistogramFraction(Number(m[1]), Number(m[2]), *h).value;
       }},
      {std::regex(R"((\w+) (<\/|>\/) ([-+.\w]+))"), Trimmed},
      {std::regex(R"(histogram_count\((\w+) (<\/|>\/) ([-+.\w]+)\))"),
       [](const std::smatch& m, const Storage& storage) -> std::optional<Value> {
         const auto trimmed = Trimmed(m, storage);
         if (!trimmed) return std::nullopt;
         return std::get<FloatHistogram>(*trimmed).count;
       }},
      {std::regex(R"((\w+)\s*([*/])\s*(-?[\d.]+))"), Scaled},
      {std::regex(R"((\w+)(\{[^}]*\}) ([-+]) ignoring\(idx\) (\w+)(\{[^}]*\}))"), Combined},
      {std::regex(R"((sum|avg)_over_time\((\w+)\[(\d+)m:1m\]\))"), OverTime},
      {std::regex(R"((sum|avg)\((\w+)\))"), OverSeries},
  };
  return rules;
}

std::optional<Value> Compute(const std::string& expression, const Storage& storage) {
  for (const Rule& rule : Rules()) {
    std::smatch match;
    if (!std::regex_match(expression, match, rule.shape)) continue;
    if (auto value = rule.compute(match, storage)) return value;
  }
  return std::nullopt;
}

void ExpectValue(const Value& got, const std::string& want, const std::string& where) {
  if (const double* number = std::get_if<double>(&got)) {
    FloatHistogram a;
    FloatHistogram b;
    a.sum = *number;
    b.sum = Number(want);
    EXPECT_TRUE(AlmostEqual(a, b, kEpsilon)) << where << ": " << *number << ", not " << want;
    return;
  }
  FloatHistogram result = std::get<FloatHistogram>(got);
  FloatHistogram expected = Parse(want);
  result.Compact();
  expected.Compact();
  EXPECT_TRUE(AlmostEqual(result, expected, kEpsilon))
      << where << ": " << PrintHistogramLiteral(result) << ", not " << want;
}

/// Runs what it can of a script and returns the number of evals that were judged.
int Judge(const std::string& text) {
  static const std::regex eval(R"(eval instant at \S+ (.*\S)\s*)");
  static const std::regex outcome(R"(^\s*\w*(\{[^{}]*\})?\s*(\{\{.*\}\}|[-+]?[\w.+-]+)\s*$)");
  Storage storage;
  std::istringstream lines(text);
  std::optional<Value> pending;
  std::string expression;
  bool loading = false;
  int judged = 0;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos || line[begin] == '#') continue;
    if (begin == 0) {
      pending.reset();
      loading = line.starts_with("load ");
      if (line.starts_with("clear")) storage.clear();
      if (!std::regex_match(line, match, eval)) continue;
      expression = match[1];
      pending = Compute(expression, storage);
    } else if (loading) {
      Load(line, storage);
    } else if (pending && line.find("expect") == std::string::npos &&
               std::regex_match(line, match, outcome)) {
      ExpectValue(*pending, match[2], expression);
      pending.reset();
      ++judged;
    }
  }
  return judged;
}

TEST(HistogramScripts, SingleOperationsAgree) {
  const auto path = Scripts() / "native_histograms.test";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  const int judged = Judge(ReadAll(path));
  std::cout << judged << " evals judged\n";
  EXPECT_GE(judged, 250);  // that the picking still works
}

TEST(HistogramScripts, EveryLiteralReadsAndPrintsBack) {
  if (!std::filesystem::exists(Scripts())) GTEST_SKIP() << "no " << Scripts();
  static const std::regex literal(R"(\{\{[^}]*\}\})");
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Scripts())) {
    if (entry.path().extension() != ".test") continue;
    std::istringstream lines(ReadAll(entry.path()));
    for (std::string line; std::getline(lines, line);) {
      if (line.find_first_not_of(" \t") != std::string::npos &&
          line[line.find_first_not_of(" \t")] == '#') {
        continue;
      }
      for (std::sregex_iterator it(line.begin(), line.end(), literal), end; it != end; ++it) {
        FloatHistogram read = Parse(it->str());
        FloatHistogram again = Parse(PrintHistogramLiteral(read));
        EXPECT_EQ(again.reset_hint, read.reset_hint);
        read.Compact();
        again.Compact();
        EXPECT_TRUE(again.Equals(read)) << it->str() << " became " << PrintHistogramLiteral(read);
        ++seen;
      }
    }
  }
  EXPECT_GE(seen, 750);
}

}  // namespace
}  // namespace tierwatch::series
