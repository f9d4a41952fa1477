// Numbers, times and durations as Go's standard library prints them, and Prometheus's humanize
// functions on top.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "alerts/template/template_value.h"

namespace tierwatch::tmpl {

/// strconv.FormatFloat: `verb` is e, E, f, F, g or G; precision −1 gives the fewest digits that
/// read back the same. NaN, +Inf and -Inf are written so.
std::string FormatDouble(double value, char verb, int precision);

/// time.Time.String(): "2015-06-23 13:19:44.128 +0000 UTC".
std::string TimeText(const Time& time);
/// time.Time.Format(layout): "2006-01-02T15:04:05Z07:00" and every other layout of Go's.
std::string FormatTime(const Time& time, std::string_view layout);
/// time.Duration.String(): "1h2m3.5s", "1.5ms", "0s".
std::string DurationText(std::int64_t nanoseconds);

// Source of the five: prometheus/template/template.go.
std::string Humanize(double value);            // 1234567 → "1.235M", 0.12 → "120m"
std::string Humanize1024(double value);        // 1048576 → "1Mi"
std::string HumanizeDuration(double seconds);  // 899.99 → "14m 59s", 0.1 → "100ms"
std::string HumanizePercentage(double ratio);  // 0.1234567 → "12.35%"

/// url.QueryEscape.
std::string QueryEscape(std::string_view text);

}  // namespace tierwatch::tmpl
