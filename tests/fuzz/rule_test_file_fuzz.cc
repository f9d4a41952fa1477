// Unit-test files of rules from outside: whatever the bytes, tests or findings; small ones run to
// their end.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alerts/rules/rule_test_file.h"
#include "alerts/rules/rule_tester.h"

namespace {

// A query may take as long as it likes: the fuzzer watches the time.
class StoppedClock final : public tierwatch::Clock {
 public:
  tierwatch::TimestampMs Now() const override { return 0; }
  tierwatch::SteadyTime Steady() const override { return {}; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tierwatch;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  const RuleTestFile file = ReadRuleTestFile(text, "fuzz.yml", diagnostics);
  if (!diagnostics.empty()) return 0;
  constexpr std::int64_t kFewEvaluations = 20;
  constexpr std::size_t kFewValues = 1000;
  const StoppedClock clock;
  for (const RuleTest& test : file.tests) {
    std::size_t values = 0;
    for (const auto& series : test.input) values += series.values.size();
    if (values > kFewValues || test.LastTime() / file.evaluation_interval > kFewEvaluations)
      continue;
    (void)RunRuleTest(file, test, {}, {.diff = true, .dump = true}, clock);
  }
  return 0;
}
