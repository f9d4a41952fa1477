// Values of INFO and its like that are a metric each, as a table.
#pragma once

#include <span>
#include <string_view>

#include "base/metric.h"
#include "collectors/redis_info.h"
#include "collectors/redis_problems.h"

namespace tierwatch::redis {

/// How a value becomes a sample.
enum class Reading {
  kNumber,    // as it is; below zero means unknown
  kPositive,  // zero means "no limit": no sample
  kWord,      // 1 for `ok` and `up`, 0 for `err`, `down` and `fail`
};

struct InfoMetric {
  std::string_view key;
  MetricInfo metric;
  double divisor = 1;
  Reading reading = Reading::kNumber;
};

/// A key that is absent gives nothing, one that is no number a problem; `command` gave `info`.
void AddInfoMetrics(std::span<const InfoMetric> rows, const RedisInfo& info,
                    std::string_view command, FamilySet& families, RedisProblems& problems);

}  // namespace tierwatch::redis
