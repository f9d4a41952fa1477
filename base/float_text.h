// Floats as Go prints them with strconv.FormatFloat and precision -1: the shortest text that reads
// back the same.
#pragma once

#include <string>

namespace tierwatch {

/// Format 'f': "1000000", "0.001", "+Inf", "-Inf", "NaN".
std::string FloatText(double value);
/// Format 'g': an exponent below 1e-4 and from 1e+21 on where `large` says so (Go's %v), else from
/// 1e+06 on or beyond the digits there are.
std::string FloatTextG(double value, bool large = false);
/// As OpenMetrics and Prometheus 3 write the labels `le` and `quantile`: 'g', with ".0" after an
/// integer ("1.0", "+Inf").
std::string FloatLabel(double value);

}  // namespace tierwatch
