// The condition language of `alerts:` files: signals compared with literals that carry units.
//
//   condition  := conjunction { "or" conjunction }
//   conjunction := factor { "and" factor }
//   factor     := "not" factor | "(" condition ")" | comparison
//   comparison := SIGNAL op literal | literal op SIGNAL | SIGNAL      (a boolean signal alone: is
//   true) op         := == != < <= > >= literal    := true false · 1% 0.01 (ratio) · 100ms 1.5s
//   1h30m (seconds) · 512MiB 1GB (bytes) · 42 (count)
#pragma once

#include <string>
#include <string_view>

#include "alerts/rules/signals.h"
#include "base/place.h"

namespace tierwatch {

/// Translates a condition to PromQL that gives the series for which it holds, with their labels and
/// the value of the first signal that made it hold. Conditions of several signals are joined by the
/// labels that tell all of them apart (`by`). Three-valued: a comparison with an unknown signal is
/// unknown, `not` of unknown is unknown, and what is unknown does not fire. Errors: unknown signals
/// (with the nearest name), a literal that doesn't fit the signal's unit, signals without a common
/// label, syntax, nesting deeper than 50.
Parsed<std::string> CompileCondition(std::string_view condition, const SignalTable& signals);

}  // namespace tierwatch
