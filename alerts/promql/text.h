// Go's characters and strings, as PromQL's texts and error messages have them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tierwatch::promql {

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// The bytes of the well-formed UTF-8 character that `text` begins with; 0 where there is none.
std::size_t RuneLength(std::string_view text);
/// The first character between single quotes: 'x', '\n'.
std::string QuoteRune(std::string_view text);
/// Moves `at` from a backslash to behind its escape sequence; what is wrong with it, "" if nothing.
std::string SkipEscape(std::string_view text, std::size_t& at, char quote);
/// The text of a quoted string token; nothing where it is malformed.
std::optional<std::string> Unquote(std::string_view quoted);
/// Go's integers (0x…, 0b…, 0o…, 017) and floats with underscores, inf, nan.
std::optional<double> ParseNumber(std::string_view text);
/// The value of a label `le`: a float and nothing else, "+Inf" too.
std::optional<double> ParseBucketBound(std::string_view text);

}  // namespace tierwatch::promql
