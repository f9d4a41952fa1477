// Dashboards and rules may only speak of metrics that the code declares, and the README's table is
// the code's.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <set>
#include <string>

#include "tests/support/process.h"

namespace tierwatch {
namespace {

bool IsNamePart(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Every word of `text` that begins with tierwatch_.
std::set<std::string> MetricNames(const std::string& text) {
  const std::string prefix = "tierwatch_";
  std::set<std::string> names;
  for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at)) {
    std::size_t end = at;
    while (end < text.size() && IsNamePart(text[end])) ++end;
    if (at == 0 || !IsNamePart(text[at - 1])) names.insert(text.substr(at, end - at));
    at = end;
  }
  return names;
}

// The names that series of a declared metric may have.
std::set<std::string> Declared() {
  const ProcessResult table = RunProcess({TIERWATCH_BINARY, "metrics"});
  EXPECT_EQ(table.status, 0) << table.output;
  std::set<std::string> names;
  for (const std::string& name : MetricNames(table.output)) {
    for (const char* suffix : {"", "_bucket", "_sum", "_count"}) names.insert(name + suffix);
  }
  return names;
}

void ExpectDeclared(const std::string& folder, const std::string& extension) {
  const std::set<std::string> declared = Declared();
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SourcePath(folder))) {
    if (entry.path().extension() != extension) continue;
    ++files;
    for (const std::string& name : MetricNames(ReadFile(entry.path().string()))) {
      EXPECT_TRUE(declared.contains(name))
          << entry.path() << " speaks of " << name << ", which no code declares";
    }
  }
  EXPECT_GT(files, 0u);
}

TEST(Contract, DashboardsSpeakOfDeclaredMetrics) { ExpectDeclared("dashboards", ".json"); }

TEST(Contract, RulesSpeakOfDeclaredMetrics) { ExpectDeclared("rules", ".yml"); }

TEST(Contract, DashboardsAreWhatTheirGeneratorWrites) {
  const ProcessResult check =
      RunProcess({"python3", SourcePath("tests/dashboards/generate.py"), "--check"});
  EXPECT_EQ(check.status, 0) << check.output;
}

TEST(Contract, ReadmeHoldsTheTableOfMetrics) {
  const ProcessResult table = RunProcess({TIERWATCH_BINARY, "metrics", "--markdown"});
  ASSERT_EQ(table.status, 0) << table.output;
  EXPECT_NE(ReadFile(SourcePath("README.md")).find(table.output), std::string::npos)
      << "README.md should hold exactly what `tierwatch metrics --markdown` prints:\n"
      << table.output;
}

}  // namespace
}  // namespace tierwatch
