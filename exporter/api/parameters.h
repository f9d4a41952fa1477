// The parameters of API requests: times, durations, limits, matchers, label names.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/series/matcher.h"
#include "alerts/series/queryable.h"
#include "base/clock.h"
#include "base/result.h"
#include "exporter/http_server.h"

namespace tierwatch::api {

// The words of errors are Prometheus's (web/api/v1/api.go).

/// Seconds since the epoch, with a fraction (rounded to milliseconds), or RFC 3339.
Result<TimestampMs> ParseTime(std::string_view text);
/// Seconds, with a fraction and a sign, or a Prometheus duration.
Result<Millis> ParseSpan(std::string_view text);
/// A whole number that is at least 0.
Result<std::size_t> ParseLimit(std::string_view text);
/// The label name that a path has: `U__` and underscores around code points in hexadecimal stand
/// for names that don't fit otherwise. What is no such escape is taken as it is. Source:
/// prometheus/common model.UnescapeName.
std::string UnescapeLabelName(std::string_view name);

/// The parameter `name` in lower case, "" where it is absent.
std::string ReadWord(const ServerRequest& request, std::string_view name);
/// The time parameter `name`, `otherwise` where it is absent or empty.
Result<TimestampMs> ReadTime(const ServerRequest& request, std::string_view name,
                             TimestampMs otherwise);
/// `start` and `end`; all times where they are absent.
Result<series::TimeRange> ReadTimeRange(const ServerRequest& request);
/// `limit`; 0 = none.
Result<std::size_t> ReadLimit(const ServerRequest& request);
/// A set of matchers for each `match[]`. Each set has one that an absent label doesn't satisfy.
Result<std::vector<std::vector<series::Matcher>>> ReadMatchers(const ServerRequest& request);

}  // namespace tierwatch::api
