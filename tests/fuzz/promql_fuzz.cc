// Any text: parsed; what parses must print to a text that parses to the same, and evaluate within
// its limits. An input that begins with a zero byte is no text: its bytes choose an expression of
// the grammar, so that evaluation is reached at any depth.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "alerts/promql/promql.h"
#include "alerts/series/store.h"
#include "tests/support/promql/grammar.h"
#include "tests/support/promql/samples.h"

namespace tierwatch::promql {
namespace {

constexpr int kRounds = 40;  // ten minutes
constexpr PromqlVersion kOurVersion = 314;

// Floats, classic and native histograms with resets, gaps and ends; filled once, only read.
const series::Store& Store() {
  static const auto store = [] {
    auto filled = std::make_unique<series::Store>(series::StoreOptions{{}, Millis(0)});
    filled->Append("fuzz", PromqlSamples(kRounds));
    return filled;
  }();
  return *store;
}

void Evaluate(const ExprPtr& expr) {
  EngineOptions options;
  options.max_samples = 20'000;
  const TimestampMs start = kSamplesStart, end = start + kRounds * kSamplesInterval.count();
  for (const bool newest : {false, true}) {
    options.delayed_name_removal = options.use_start_timestamps = newest;
    const Engine engine(options);
    (void)engine.Instant(expr, Store(), end - 8'000).ok();
    (void)engine.Range(expr, Store(), start + 3'000, end, Millis(60'000)).ok();
  }
}

void Check(std::string_view text) {
  const Result<ExprPtr> expr = Parse(text);
  if (!expr.ok()) return;
  const std::string printed = Print(**expr);
  const Result<ExprPtr> again = Parse(printed);
  if (!again.ok() || Print(**again) != printed) std::abort();
  Evaluate(*expr);
}

void CheckDerived(std::span<const std::uint8_t> bytes) {
  static const Grammar grammar(kOurVersion);
  ByteChoices choices(bytes);
  const int depth = 4 + static_cast<int>(choices.Below(9));
  Check(grammar.Derive("query", choices, depth).Text());
}

}  // namespace
}  // namespace tierwatch::promql

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  if (size > 0 && data[0] == 0) {
    tierwatch::promql::CheckDerived({data + 1, size - 1});
  } else {
    tierwatch::promql::Check({reinterpret_cast<const char*>(data), size});
  }
  return 0;
}
