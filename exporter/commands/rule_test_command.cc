#include "exporter/commands/rule_test_command.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "alerts/rules/rule_test_file.h"
#include "alerts/rules/rule_tester.h"
#include "base/duration.h"
#include "exporter/commands/junit.h"
#include "exporter/config.h"

namespace tierwatch {
namespace {

constexpr int kOk = 0, kWrong = 1, kUsage = 2;

// A line on a terminal that says how far it is, gone before anything else is printed.
class Progress {
 public:
  explicit Progress(std::size_t files) : files_(files) {}
  void Show(std::size_t file) const {
    if (shown_) fmt::print(stderr, "\r\x1b[Ktesting file {} of {}", file + 1, files_);
  }
  void Clear() const {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  static constexpr std::size_t kMany = 10;
  const std::size_t files_;
  const bool shown_ = files_ >= kMany && ::isatty(STDERR_FILENO) == 1;
};

class RuleTestCommand {
 public:
  RuleTestCommand(const RuleTestCommandOptions& options, const RE2& run)
      : options_(options), run_(run) {}

  JunitSuite TestFile(const std::string& path) {
    JunitSuite suite{path, FormatTimestamp(clock_.Now()), {}};
    Diagnostics diagnostics;
    const Result<std::string> text = ReadTextFile(path);
    if (!text.ok()) diagnostics.Add({path, 0, 0}, text.error().message);
    const RuleTestFile file =
        text.ok() ? ReadRuleTestFile(*text, path, diagnostics) : RuleTestFile();
    const std::vector<std::string> rule_files = RuleFilesOf(file, path);
    const std::vector<RuleGroup> groups = ReadRuleFiles(
        rule_files, options_.signals.empty() ? NeighbouringSignals(rule_files) : options_.signals,
        {.ignore_unknown_fields = options_.ignore_unknown_fields}, diagnostics);
    if (!diagnostics.empty()) {
      suite.cases.push_back({path, {}, diagnostics.ToString()});
      return suite;
    }
    for (const RuleTest& test : file.tests) {
      if (RE2::PartialMatch(test.name, run_)) suite.cases.push_back(Run(file, test, groups));
    }
    return suite;
  }

 private:
  std::vector<std::string> RuleFilesOf(const RuleTestFile& file, const std::string& path) const {
    std::vector<std::string> files;
    for (const std::string& pattern : file.rule_files) {
      const std::filesystem::path folder = std::filesystem::path(path).parent_path();
      const std::vector<std::string> found = MatchingFiles(folder, pattern);
      if (found.empty()) {
        fmt::print(stderr, "  WARNING: no file matches {}\n", (folder / pattern).string());
      }
      for (const std::string& match : found) {
        if (std::find(files.begin(), files.end(), match) == files.end()) files.push_back(match);
      }
    }
    return files;
  }

  JunitCase Run(const RuleTestFile& file, const RuleTest& test,
                const std::vector<RuleGroup>& groups) {
    const SteadyTime start = clock_.Steady();
    RuleTestResult result =
        RunRuleTest(file, test, groups, {.diff = options_.diff, .dump = options_.debug}, clock_);
    if (options_.debug) {
      const std::chrono::duration<double> took = clock_.Steady() - start;
      fmt::print(stderr, "DEBUG: test {} took {:.3f}s; input and what the rules gave:\n{}",
                 test.name, took.count(), result.dump);
    }
    return {test.name, std::move(result.failures), ""};
  }

  const RuleTestCommandOptions& options_;
  const RE2& run_;
  const SystemClock clock_;
};

// True where all is well.
bool Tell(const JunitSuite& suite) {
  fmt::print("Unit Testing:  {}\n", suite.name);
  std::string failures;
  for (const JunitCase& test : suite.cases) {
    failures += test.error;
    for (const std::string& failure : test.failures) failures += failure + "\n\n";
  }
  if (failures.empty()) fmt::print("  SUCCESS\n");
  std::fflush(stdout);
  if (!failures.empty()) fmt::print(stderr, "  FAILED:\n{}", failures);
  fmt::print("\n");
  std::fflush(stdout);
  return failures.empty();
}

}  // namespace

int TestRulesCommand(const RuleTestCommandOptions& options) {
  const RE2 run(fmt::format("{}", fmt::join(options.run, "|")), RE2::Quiet);
  if (!run.ok()) {
    fmt::print(stderr, "tierwatch: --run: {}\n", run.error());
    return kUsage;
  }
  RuleTestCommand command(options, run);
  const Progress progress(options.files.size());
  std::vector<JunitSuite> suites;
  bool well = true;
  for (std::size_t i = 0; i < options.files.size(); ++i) {
    progress.Show(i);
    suites.push_back(command.TestFile(options.files[i]));
    progress.Clear();
    well = Tell(suites.back()) && well;
  }
  if (!options.junit.empty()) {
    std::ofstream file(options.junit, std::ios::binary | std::ios::trunc);
    file << JunitXml(suites) << std::flush;
    if (!file) {
      fmt::print(stderr, "tierwatch: --junit: {} can't be written\n", options.junit);
      return kWrong;
    }
  }
  return well ? kOk : kWrong;
}

}  // namespace tierwatch
