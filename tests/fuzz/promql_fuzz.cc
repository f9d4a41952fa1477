// Any text: parsed; what parses must print to a text that parses to the same, and evaluate within
// its limits.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "alerts/promql/ast.h"
#include "alerts/promql/promql.h"
#include "alerts/series/store.h"

namespace tierwatch::promql {
namespace {

// A few counters, buckets and gauges over ten minutes, with a gap and an end.
void Fill(series::Store& store) {
  for (TimestampMs time = 0; time <= 600'000; time += 15'000) {
    const double t = static_cast<double>(time) / 1000;
    const series::Sample samples[] = {
        {Labels{{"__name__", "hits_total"}, {"tier", "l1"}}, time, t},
        {Labels{{"__name__", "hits_total"}, {"tier", "l2"}}, time, time > 300'000 ? t - 300 : t},
        {Labels{{"__name__", "up"}, {"tier", "l1"}}, time,
         time == 600'000 ? series::StaleMarker() : 1},
        {Labels{{"__name__", "latency_bucket"}, {"le", "0.1"}}, time, t / 2},
        {Labels{{"__name__", "latency_bucket"}, {"le", "+Inf"}}, time, t},
    };
    store.Append("fuzz", samples);
  }
}

void Check(std::string_view text) {
  const Result<ExprPtr> expr = Parse(text);
  if (!expr.ok()) return;
  const std::string printed = Print(**expr);
  const Result<ExprPtr> again = Parse(printed);
  if (!again.ok() || Print(**again) != printed) std::abort();
  series::Store store({{}, Millis(0)});
  Fill(store);
  EngineOptions options;
  options.max_samples = 5'000;
  const Engine engine(options);
  (void)engine.Instant(*expr, store, 590'000).ok();
  (void)engine.Range(*expr, store, 0, 600'000, Millis(60'000)).ok();
}

}  // namespace
}  // namespace tierwatch::promql

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= 4096) tierwatch::promql::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
