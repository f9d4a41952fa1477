// Literals of Go's source: strings in double or back quotes, characters, numbers.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "alerts/template/template_value.h"

namespace tierwatch::tmpl {

struct Literal {
  Value value;
  std::size_t length = 0;  // bytes of the source
  std::string error;       // not empty: it begins as a literal and is none
};

/// The literal at the start of `text`; nothing where none begins. Numbers: decimal, 0x, 0o, 0b, `_`
/// between digits, fractions and exponents; a number with a point or an exponent is a float64, any
/// other an int.
std::optional<Literal> ReadLiteral(std::string_view text);

/// Appends `code_point` as UTF-8; what is no character becomes U+FFFD.
void AppendUtf8(std::string& text, unsigned long code_point);

}  // namespace tierwatch::tmpl
