// Where in a file a finding within a text belongs: conditions, expressions and templates are texts
// inside YAML scalars.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "base/diagnostic.h"
#include "base/yaml.h"

namespace tierwatch {

/// What is wrong with a text, at which byte of it.
struct TextError {
  std::size_t offset = 0;
  std::string message;
};

/// A value, or what is wrong with the text it was to be made from.
template <class T>
using Parsed = std::variant<T, TextError>;

/// The byte of `text` at `line`:`column`, both counted from 1; its end where the text is shorter.
std::size_t OffsetOf(std::string_view text, int line, int column);

/// Splits a parser's "LINE:COLUMN: message" into place and message; without that prefix the place
/// is the start.
TextError SplitPosition(std::string_view text, std::string_view message);

/// The place of byte `offset` of a file's text.
Location PlaceInText(std::string_view text, std::string file, std::size_t offset);

/// The place in the file of byte `offset` of `scalar`'s text. `source` is the whole file: quotes,
/// escapes, folded lines and block indentation are followed. Falls back to the scalar's own place
/// (behind aliases, tags).
Location PlaceInScalar(std::string_view source, const YamlNode& scalar, std::size_t offset);

}  // namespace tierwatch
