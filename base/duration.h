// Durations and sizes as people write them in configuration: "1h30m", "250ms", "1GiB".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace tierwatch {

/// Parses a Prometheus duration: "0", or units y w d h m s ms, each at most once, largest first
/// ("1d12h"). No sign, no fraction, no space. Source of the grammar: prometheus/common
/// model.ParseDuration.
Result<Millis> ParseDuration(std::string_view text);

/// The shortest text that ParseDuration reads back: "1h30m", "15s", "0s".
std::string FormatDuration(Millis duration);

/// Parses a size in bytes: digits with an optional unit B, KB, MB, GB, TB (powers of 1000) or
/// KiB, MiB, GiB, TiB (powers of 1024).
Result<std::int64_t> ParseSize(std::string_view text);

/// RFC 3339 in UTC with as many fraction digits as needed: "2026-11-22T19:30:00Z", "…00.25Z".
std::string FormatTimestamp(TimestampMs timestamp);

/// Parses RFC 3339 ("2025-11-07T20:00:00.000Z", "…+02:00"); fractions beyond milliseconds are cut.
Result<TimestampMs> ParseTimestamp(std::string_view text);

}  // namespace tierwatch
