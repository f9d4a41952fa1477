// Queries that ask for too much end with an error that says which limit they hit.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/promql/standing.h"
#include "alerts/series/store.h"
#include "tests/support/fake_clock.h"

namespace tierwatch::promql {
namespace {

constexpr TimestampMs kNow = 600'000;

// `count` series of two samples each.
void Fill(series::Store& store, int count) {
  for (const TimestampMs time : {kNow - 60'000, kNow - 30'000}) {
    std::vector<series::Sample> samples;
    for (int i = 0; i < count; ++i) {
      samples.push_back({Labels{{"__name__", "x_total"}, {"i", std::to_string(i)}}, time,
                         static_cast<double>(time)});
    }
    store.Append("test", samples);
  }
}

Error ErrorOf(const std::string& text, const series::Store& store, EngineOptions options,
              const Interrupt& interrupt = {}) {
  const Result<ExprPtr> expr = Parse(text);
  if (!expr.ok()) return expr.error();
  const Result<QueryResult> result = Engine(options).Instant(*expr, store, kNow, interrupt);
  return result.ok() ? Error{"no error"} : result.error();
}

struct LimitCase {
  const char* expr;
  std::size_t max_samples;
  std::size_t max_bytes;
  const char* error;
};

TEST(Limits, SayWhatWasTooMuch) {
  series::Store store({{}, Millis(0)});
  Fill(store, 300);
  const char* samples =
      "query processing would load too many samples into memory in query execution: more than 1000";
  const char* bytes =
      "query processing would hold too much memory in query execution: more than 100000 bytes";
  const std::size_t any = 1'000'000'000;
  const LimitCase cases[] = {
      {"count_over_time(x_total[1000d:1ms])", 1000, any, samples},
      {"sum_over_time(vector(1)[1y:1s])", 1000, any, samples},
      {"max_over_time(x_total[5m:10s])", 1000, any, samples},
      {"x_total * on() group_left() x_total", any, any,
       "found duplicate series for the match group {} on the right hand-side of the operation: "
       "[{__name__=\"x_total\", i=\"0\"}, {__name__=\"x_total\", i=\"1\"}];many-to-many matching "
       "not allowed: matching labels must be unique on one side"},
      {"x_total * on() group_left() x_total", any, 100'000, bytes},
      {"x_total + x_total + x_total", any, 10'000,
       "query processing would hold too much memory in query execution: more than 10000 bytes"},
      {"count_values(\"v\", x_total + on(i) x_total)", any, 8'000,
       "query processing would hold too much memory in query execution: more than 8000 bytes"},
  };
  for (const LimitCase& c : cases) {
    EngineOptions options;
    options.max_samples = c.max_samples;
    options.max_bytes = c.max_bytes;
    EXPECT_EQ(ErrorOf(c.expr, store, options).message, c.error) << c.expr;
  }
}

TEST(Limits, LongWorkAsksWhetherToGoOn) {
  series::Store store({{}, Millis(0)});
  Fill(store, 5000);
  for (const char* expr : {"rate(x_total[5m])", "x_total * on(i) x_total",
                           "label_replace(x_total, \"a\", \"$1\", "
                           "\"i\", \"(.*)\")",
                           "x_total{i=~\"[0-9]+.*7\"}", "count_values(\"v\", x_total)",
                           "timestamp(x_total offset 1s)", "sum_over_time(x_total[5m:1m])"}) {
    // Wherever it is asked, from the first time to the last, the query ends with that error.
    int asked = 0;
    const Interrupt count = [&]() -> std::optional<Error> { return ++asked, std::nullopt; };
    EXPECT_EQ(ErrorOf(expr, store, {}, count).message, "no error") << expr;
    EXPECT_GE(asked, 2) << expr;
    for (int last = 1; last <= asked; ++last) {
      int left = last;
      const Interrupt stop = [&]() -> std::optional<Error> {
        if (--left == 0) return Error{"enough"};
        return std::nullopt;
      };
      EXPECT_NE(ErrorOf(expr, store, {}, stop).message.find("enough"), std::string::npos)
          << expr << " after " << last;
    }
  }
}

TEST(Limits, TimeAndCancellationSayWhich) {
  series::Store store({{}, Millis(0)});
  Fill(store, 10);
  FakeClock clock;
  std::stop_source stop;
  const Interrupt interrupt = After(clock, Millis(2000), stop.get_token());
  EXPECT_EQ(ErrorOf("x_total", store, {}, interrupt).message, "no error");
  clock.Advance(Millis(2000));
  const Error late = ErrorOf("x_total", store, {}, interrupt);
  EXPECT_EQ(late.message, "timed out after 2s");
  EXPECT_EQ(late.reason, Reason::kTimeout);
  stop.request_stop();
  EXPECT_EQ(ErrorOf("x_total", store, {}, interrupt).reason, Reason::kCanceled);
}

}  // namespace
}  // namespace tierwatch::promql
