// Numbers as people read them.
#pragma once

#include <string>

namespace tierwatch {

/// For people: "87.3 %", "4.2 ms", "3 h 12 min", "1.4 GiB", "12.4 k"; "—" for NaN, "∞" for +Inf.
std::string FormatRatio(double value);
std::string FormatSeconds(double value);
std::string FormatBytes(double value);
std::string FormatCount(double value);

}  // namespace tierwatch
