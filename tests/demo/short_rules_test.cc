// Which durations of a rule file are made shorter, and which text is left alone.
#include "demo/short_rules.h"

#include <gtest/gtest.h>

#include "base/duration.h"
#include "tests/support/files.h"

namespace tierwatch::demo {
namespace {

std::string Told(const std::vector<Shortened>& shortened) {
  std::string out;
  for (const Shortened& one : shortened) {
    out += one.alert + " " + FormatDuration(one.from) + ">" + FormatDuration(one.to) + "\n";
  }
  return out;
}

TEST(ShortRules, ShortensDurationsAndRangesAndNothingElse) {
  std::vector<Shortened> shortened;
  EXPECT_EQ(ShortenRules("alerts:\n"
                         "  - name: A  # for: 5m\n"
                         "    condition: latency_p95 > 5m\n"
                         "    duration: 5m\n"
                         "    annotations: {summary: \"high for 5m\"}\n"
                         "  - alert: \"B\"\n"
                         "    expr: rate(x[5m]) / rate(y[10m:1m]) > z[0]\n"
                         "    for: 30s  # short\n",
                         60, shortened),
            "alerts:\n"
            "  - name: A  # for: 5m\n"
            "    condition: latency_p95 > 5m\n"
            "    duration: 5s\n"
            "    annotations: {summary: \"high for 5m\"}\n"
            "  - alert: \"B\"\n"
            "    expr: rate(x[5s]) / rate(y[10s:1m]) > z[0]\n"
            "    for: 1s  # short\n");
  EXPECT_EQ(Told(shortened), "A 5m>5s\n 5m>5s\n 10m>10s\nB 30s>1s\n");
}

TEST(ShortRules, KeepsATextWithoutItsLastNewline) {
  std::vector<Shortened> shortened;
  EXPECT_EQ(ShortenRules("duration: 2m", 60, shortened), "duration: 2s");
  EXPECT_EQ(ShortenRules("", 60, shortened), "");
  EXPECT_EQ(ShortenRules("duration:\n  [\n", 60, shortened), "duration:\n  [\n");
}

TEST(ShortRules, TheFourAlertsOfTheCache) {
  std::vector<Shortened> shortened;
  ShortenRules(ReadFile(SourcePath("rules/cache.yml")), 60, shortened);
  EXPECT_EQ(
      Told(shortened),
      "CacheBackendDown 1m>1s\nHighErrorRate 5m>5s\nHighLatency 10m>10s\nLowHitRate 15m>15s\n");
}

}  // namespace
}  // namespace tierwatch::demo
