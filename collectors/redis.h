// redis: a Redis or Valkey server over its own protocol.
#pragma once

#include "collectors/collector.h"

namespace tierwatch {

std::span<const MetricInfo> RedisMetrics();
CollectorEntry ReadRedis(YamlMap& entry, std::string_view service, CollectorResources& resources);

}  // namespace tierwatch
