// ./dev bench series: what single steps of storing and asking cost on one core.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/promql/standing.h"
#include "alerts/series/store.h"
#include "tests/bench/workload.h"

namespace tierwatch {
namespace {

constexpr TimestampMs kStart = 1'700'000'000'000;
constexpr TimestampMs kStep = 15'000;
constexpr TimestampMs kSamples = 40;  // of each series, for questions
constexpr std::size_t kTargets = 100;
constexpr std::size_t kSizes[] = {10'000, 100'000};

std::vector<Batch> SampleAll(const Workload& workload, TimestampMs time) {
  std::vector<Batch> batches;
  for (std::size_t i = 0; i < workload.targets(); ++i) batches.push_back(workload.Sample(i, time));
  return batches;
}

// Every target once an iteration, in the shape that it had before.
void Append(benchmark::State& state, std::size_t size) {
  const Workload workload({.series = size, .targets = kTargets});
  series::Store store;
  TimestampMs time = kStart;
  for (const Batch& batch : SampleAll(workload, time)) store.Append(batch);
  for (auto _ : state) {
    state.PauseTiming();
    time += kStep;
    if (time % (100 * kStep) == 0) store.Prune(time);
    const std::vector<Batch> batches = SampleAll(workload, time);
    state.ResumeTiming();
    for (const Batch& batch : batches) store.Append(batch);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * workload.series()));
}

struct Question {
  std::string_view name;
  std::string_view expr;
  std::size_t series_of_68;  // of an instance: what is read
};
constexpr Question kQuestions[] = {
    {"select", "error_rate", 4},
    {"select one instance", "error_rate{instance='i00003'}", 0},
    {"rate", "rate(b_bucket[5m])", 44},
    {"sum by", "sum by (instance) (hits)", 4},
    {"join", "hits / on (instance, tier) misses", 8},
    {"quantile", "histogram_quantile(0.95, sum by (le, tier) (rate(b_bucket[5m])))", 44},
};

/// Evaluates an expression again and again over one store; true where it gave elements.
using Answer = std::function<bool(TimestampMs)>;

/// A way of asking: made once per expression, then timed.
struct Way {
  std::string_view name;
  Answer (*prepare)(std::string_view expr, const series::Store& store);
};

Answer AskAdHoc(std::string_view text, const series::Store& store) {
  const promql::ExprPtr expr = promql::Parse(text).value();
  return [expr, &store, engine = promql::Engine()](TimestampMs time) {
    const Result<promql::QueryResult> result = engine.Instant(expr, store, time);
    return result.ok() && !std::get<promql::Vector>(result->value).empty();
  };
}

Answer AskStanding(std::string_view text, const series::Store& store) {
  const auto standing =
      std::make_shared<promql::Standing>(promql::EngineOptions(), store, std::set<std::string>());
  const std::size_t question = standing->Add(promql::Parse(text).value());
  return [standing, question](TimestampMs time) {
    standing->NewRound();
    const Result<promql::Elements> elements = standing->Ask(question, time);
    return elements.ok() && !elements->values.empty();
  };
}

constexpr Way kWays[] = {{"ad hoc", AskAdHoc}, {"standing", AskStanding}};

void Ask(benchmark::State& state, const series::Store& store, const Workload& workload,
         const Question& question, const Way& way) {
  const Answer answer = way.prepare(question.expr, store);
  const TimestampMs last = kStart + (kSamples - 1) * kStep;
  TimestampMs behind = 0;
  for (auto _ : state) {
    // Two times by turns, so that no answer is the last one's.
    behind = kStep - behind;
    if (!answer(last - behind)) state.SkipWithError("no elements");
  }
  const std::size_t instances = workload.series() / Workload::kSeriesPerInstance;
  const std::size_t read = std::max<std::size_t>(4, instances * question.series_of_68);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * read));
}

// A store with history, kept for all questions over its size.
struct Filled {
  explicit Filled(std::size_t size) : workload({.series = size, .targets = kTargets}) {
    for (TimestampMs i = 0; i < kSamples; ++i) {
      for (const Batch& batch : SampleAll(workload, kStart + i * kStep)) store.Append(batch);
    }
  }
  Workload workload;
  series::Store store;
};

int Run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::vector<std::unique_ptr<Filled>> filled;
  for (const std::size_t size : kSizes) {
    benchmark::RegisterBenchmark(fmt::format("append/{}", size).c_str(), Append, size);
    filled.push_back(std::make_unique<Filled>(size));
    for (const Question& question : kQuestions) {
      for (const Way& way : kWays) {
        const Filled& data = *filled.back();
        benchmark::RegisterBenchmark(
            fmt::format("{}/{}/{}", question.name, way.name, size).c_str(),
            [&](benchmark::State& state) { Ask(state, data.store, data.workload, question, way); });
      }
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace tierwatch

int main(int argc, char** argv) { return tierwatch::Run(argc, argv); }
