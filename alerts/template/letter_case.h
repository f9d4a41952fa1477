// Upper, lower and title case of UTF-8 text: Latin, Greek and Cyrillic letters; others stay as they
// are.
#pragma once

#include <string>
#include <string_view>

namespace tierwatch::tmpl {

std::string ToUpper(std::string_view text);
std::string ToLower(std::string_view text);
/// The first letter of each word in upper case, the rest untouched: "aa bb CC" → "Aa Bb CC". Words
/// are letters, digits and `_`; `'`, `.` and `:` between two letters don't end one (Unicode's word
/// boundaries, UAX 29).
std::string Title(std::string_view text);

}  // namespace tierwatch::tmpl
