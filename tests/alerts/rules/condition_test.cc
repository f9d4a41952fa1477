#include "alerts/rules/condition.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

const SignalTable kSignals = {
    {"up", {"U", Unit::kBoolean, "", {"service", "target"}, {}}},
    {"error_rate", {"E", Unit::kRatio, "", {"service", "target"}, {}}},
    {"latency_p95", {"L", Unit::kSeconds, "", {"service", "target"}, {}}},
    {"memory", {"M", Unit::kBytes, "", {"service"}, {}}},
    {"queue", {"Q", Unit::kCount, "", {"queue"}, {}}},
};

std::string Compile(std::string_view text) {
  const Parsed<std::string> compiled = CompileCondition(text, kSignals);
  if (const auto* error = std::get_if<TextError>(&compiled))
    return std::to_string(error->offset) + ": " + error->message;
  return std::get<std::string>(compiled);
}

TEST(Condition, CompilesToPromql) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"up == false", "(U) == 0"},
      {"up != true", "(U) != 1"},
      {"up", "(U) == 1"},
      {"not up", "(U) != 1"},
      {"error_rate > 1%", "(E) > 0.01"},
      {"error_rate>0.1%", "(E) > 0.001"},
      {"1% < error_rate", "(E) > 0.01"},
      {"error_rate >= 0.5", "(E) >= 0.5"},
      {"latency_p95 > 100ms", "(L) > 0.1"},
      {"latency_p95 > 1.5s", "(L) > 1.5"},
      {"latency_p95 > 1h30m", "(L) > 5400"},
      {"memory < 512MiB", "(M) < 536870912"},
      {"memory < 1.5GB", "(M) < 1500000000"},
      {"queue > 1000", "(Q) > 1000"},
      {"queue > -1.5", "(Q) > -1.5"},
      {"not error_rate > 1%", "(E) <= 0.01"},
      {"not not error_rate > 1%", "(E) > 0.01"},
      {"up and error_rate > 1%", "((U) == 1) and on (service, target) ((E) > 0.01)"},
      {"up or memory > 0", "((U) == 1) or on (service) ((M) > 0)"},
      {"not (up or error_rate > 1%)", "((U) != 1) and on (service, target) ((E) <= 0.01)"},
      {"up or up and not up",
       "((U) == 1) or on (service, target) (((U) == 1) and on (service, target) ((U) != 1))"},
      {"(up or up) and up",
       "(((U) == 1) or on (service, target) ((U) == 1)) and on (service, target) ((U) == 1)"},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(Compile(text), want) << text;
}

TEST(Condition, PointsAtWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "0: the condition is empty"},
      {"error_rat > 1%", "0: no signal is called \"error_rat\"; did you mean \"error_rate\"?"},
      {"error_rate > 100ms",
       "13: found \"100ms\", expected a share such as 1% or 0.01, since error_rate is of unit "
       "ratio"},
      {"error_rate > 60",
       "13: found \"60\", expected a share such as 1% or 0.01, since error_rate is of unit ratio"},
      {"latency_p95 > 100",
       "14: found \"100\", expected a time such as 100ms or 2m, since latency_p95 is of unit "
       "seconds"},
      {"up == 0", "6: found \"0\", expected true or false, since up is of unit boolean"},
      {"up > false", "0: up is a boolean: compare it by == or !="},
      {"error_rate", "10: found the end, expected one of == != < <= > >="},
      {"error_rate >",
       "12: found the end, expected a share such as 1% or 0.01, since error_rate is of unit ratio"},
      {"error_rate = 1%", "11: found \"=\", expected one of == != < <= > >="},
      {"up and", "6: found the end, expected a signal"},
      {"up && up", "3: found \"&\", expected \"and\", \"or\" or the end"},
      {"(up", "0: this \"(\" is never closed"},
      {"up )", "3: found \")\", expected \"and\", \"or\" or the end"},
      {"up and queue > 1", "3: the sides of \"and\" have no label in common"},
      {"1% < 2%", "5: found \"2%\", expected a signal"},
      {"error_rate > 1.2.3%",
       "13: found \"1.2.3%\", expected a share such as 1% or 0.01, since error_rate is of unit "
       "ratio"},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(Compile(text), want) << text;
  EXPECT_EQ(Compile(std::string(100'000, '(')), "50: nested deeper than 50");
}

}  // namespace
}  // namespace tierwatch
