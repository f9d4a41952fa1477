// Go's fmt.Sprint, Sprintln and Sprintf over template values.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "alerts/template/template_value.h"

namespace tierwatch::tmpl {

/// A space between two operands where neither is a string.
std::string Sprint(std::span<const Value> args);
/// Spaces between all operands, a line end behind.
std::string Sprintln(std::span<const Value> args);

/// Verbs v d s q x X o b c U e E f F g G t T %, flags + - # 0 and space, width and precision as
/// numbers or `*`,
/// `[n]` indexes. What doesn't fit is told in the text, as Go does: "%!d(string=hi)",
/// "%!s(MISSING)",
/// "%!(EXTRA int=1)", "%!(BADWIDTH)" (beyond 10,000; Go allows a million). Never fails.
std::string Sprintf(std::string_view format, std::span<const Value> args);

}  // namespace tierwatch::tmpl
