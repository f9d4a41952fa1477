// Prometheus's own test scripts. The table holds what has been reached: a file that passes fewer
// evaluations fails.
#include "tests/support/conformance.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "alerts/promql/promqltest.h"
#include "tests/support/files.h"

namespace tierwatch::promql {
namespace {

struct Floor {
  const char* file;
  int passed;
  int total;
};

void PrintTo(const Floor& floor, std::ostream* out) { *out << floor.file; }

constexpr Floor kFloors[] = {
    {"aggregators", 160, 160},
    {"at_modifier", 78, 78},
    {"collision", 2, 2},
    {"duration_expression", 59, 59},
    {"extended_vectors", 169, 169},
    {"fill-modifier", 46, 46},
    {"functions", 431, 431},
    {"histograms", 185, 185},
    {"info", 53, 53},
    {"limit", 37, 37},
    {"literals", 25, 25},
    {"name_label_dropping", 30, 30},
    {"native_histograms", 522, 522},
    {"operators", 214, 214},
    {"range_queries", 18, 18},
    {"selectors", 31, 31},
    {"staleness", 17, 17},
    {"start_timestamps", 26, 26},
    {"subquery", 34, 34},
    {"trig_functions", 19, 19},
    {"type_and_unit", 58, 58},
};

std::string Folder() { return ConformancePath("promqltest/"); }

class Conformance : public testing::TestWithParam<Floor> {};

TEST_P(Conformance, PassesWhatItPassedBefore) {
  const std::string path = Folder() + GetParam().file + ".test";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no scripts in " << Folder();
  const ScriptResult result = RunScript(ReadFile(path), GetParam().file);
  std::cout << result.Summary() << "\n";
  for (const ScriptFailure& failure : result.failures) {
    std::cout << "  " << result.name << ".test:" << failure.line << ": " << failure.reason << "\n";
  }
  EXPECT_EQ(result.total, GetParam().total);
  EXPECT_GE(result.passed, GetParam().passed);
}

INSTANTIATE_TEST_SUITE_P(Scripts, Conformance, testing::ValuesIn(kFloors),
                         [](const auto& param_info) {
                           std::string name = param_info.param.file;
                           for (char& c : name) {
                             if (c == '-') c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace tierwatch::promql
