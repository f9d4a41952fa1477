#include "collectors/redis_info_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace tierwatch::redis {
namespace {

constexpr std::string_view kGood[] = {"ok", "up"};
constexpr std::string_view kBad[] = {"err", "down", "fail"};

bool IsAmong(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

void AddInfoMetrics(std::span<const InfoMetric> rows, const RedisInfo& info,
                    std::string_view command, FamilySet& families, RedisProblems& problems) {
  for (const InfoMetric& row : rows) {
    const std::optional<std::string_view> text = info.Text(row.key);
    if (!text) continue;
    if (row.reading == Reading::kWord) {
      const bool good = IsAmong(kGood, *text);
      if (good || IsAmong(kBad, *text)) families.Add(row.metric, {}, good ? 1 : 0);
      continue;
    }
    const std::optional<double> number = info.Number(row.key);
    if (!number) {
      problems.Add(fmt::format("{}: {}: no number", command, row.key));
    } else if (*number > 0 || (*number == 0 && row.reading == Reading::kNumber)) {
      families.Add(row.metric, {}, *number / row.divisor);
    }
  }
}

}  // namespace tierwatch::redis
