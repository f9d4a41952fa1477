// Any text: parsed; what parses must print to a text that parses to the same, evaluate within its
// limits, and give as a standing question what it gives when asked once. An input that begins with
// a zero byte is no text: its bytes choose an expression of the grammar, so that evaluation is
// reached at any depth.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "alerts/promql/promql.h"
#include "alerts/promql/standing.h"
#include "alerts/series/float_histogram.h"
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

constexpr TimestampMs kStart = kSamplesStart;
constexpr TimestampMs kEnd = kStart + kRounds * kSamplesInterval.count();

bool Same(const VectorSample& sample, const Elements& elements, std::size_t i) {
  const double value = elements.values[i];
  if (sample.labels != elements.frame->LabelsOf(i)) return false;
  if (sample.histogram) {
    return !elements.histograms.empty() && elements.histograms[i] &&
           series::AlmostEqual(*sample.histogram, *elements.histograms[i], 1e-12);
  }
  return sample.value == value || (std::isnan(sample.value) && std::isnan(value));
}

bool Same(const Vector& vector, const Elements& elements) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < elements.values.size(); ++i) {
    if (!elements.Has(i)) continue;
    ++count;
    const auto same = [&](const VectorSample& sample) { return Same(sample, elements, i); };
    if (std::none_of(vector.begin(), vector.end(), same)) return false;
  }
  return count == vector.size();
}

void AskStanding(const Engine& engine, const ExprPtr& expr) {
  Standing standing(engine.options(), Store(), {});
  const std::size_t questions[] = {standing.Add(expr), standing.Add(expr)};
  for (const TimestampMs time : {kEnd - 8'000, kEnd - 308'000, kEnd + 292'000, kEnd - 8'000}) {
    const Result<QueryResult> once = engine.Instant(expr, Store(), time);
    standing.NewRound();
    for (const std::size_t question : questions) {
      const Result<Elements> elements = standing.Ask(question, time);
      const auto* vector = once.ok() ? std::get_if<Vector>(&once->value) : nullptr;
      if (vector != nullptr && (!elements.ok() || !Same(*vector, *elements))) std::abort();
    }
  }
}

void Evaluate(const ExprPtr& expr) {
  EngineOptions options;
  options.max_samples = 20'000;
  for (const bool newest : {false, true}) {
    options.delayed_name_removal = options.use_start_timestamps = newest;
    const Engine engine(options);
    (void)engine.Range(expr, Store(), kStart + 3'000, kEnd, Millis(60'000)).ok();
    AskStanding(engine, expr);
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
