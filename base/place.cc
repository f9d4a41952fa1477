#include "base/place.h"

#include <algorithm>
#include <charconv>

namespace tierwatch {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// How far in `source` one character of the decoded text reaches: escapes of quoted scalars are
/// longer than what they mean. 0 where source and text can't be aligned.
std::size_t SourceLength(std::string_view source, std::size_t at, char quote, char wanted) {
  if (quote == '"' && source[at] == '\\' && at + 1 < source.size()) {
    switch (source[at + 1]) {
      case 'x':
        return 4;
      case 'u':
        return 6;
      case 'U':
        return 10;
      default:
        return 2;
    }
  }
  if (source[at] != wanted) return 0;
  return quote == '\'' && wanted == '\'' ? 2 : 1;
}

Location LocationAt(std::string_view source, std::size_t at, const std::string& file) {
  const std::string_view before = source.substr(0, at);
  const std::size_t line_start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {file, static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(at - line_start) + 1};
}

}  // namespace

std::size_t OffsetOf(std::string_view text, int line, int column) {
  std::size_t at = 0;
  for (; line > 1; --line) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return text.size();
    at = end + 1;
  }
  return std::min(text.size(), at + static_cast<std::size_t>(std::max(column, 1) - 1));
}

TextError SplitPosition(std::string_view text, std::string_view message) {
  int line = 0;
  int column = 0;
  const char* end = message.data() + message.size();
  auto first = std::from_chars(message.data(), end, line);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':')
    return {0, std::string(message)};
  auto second = std::from_chars(first.ptr + 1, end, column);
  if (second.ec != std::errc() || second.ptr == end || *second.ptr != ':')
    return {0, std::string(message)};
  std::string_view rest(second.ptr + 1, static_cast<std::size_t>(end - second.ptr - 1));
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  return {OffsetOf(text, line, column), std::string(rest)};
}

Location PlaceInText(std::string_view text, std::string file, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const std::size_t line =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {std::move(file), static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(before.size() - line) + 1};
}

Location PlaceInScalar(std::string_view source, const YamlNode& scalar, std::size_t offset) {
  const Location& start = scalar.where();
  if (start.line < 1 || start.column < 1) return start;
  std::size_t at = OffsetOf(source, start.line, start.column);
  if (at >= source.size()) return start;
  const char first = source[at];
  const char quote = first == '"' || first == '\'' ? first : '\0';
  if (quote != '\0') ++at;
  if (first == '|' || first == '>') at = std::min(source.find('\n', at), source.size());

  // White space may be folded or indented differently on the two sides, everything else must agree.
  const std::string& text = scalar.text();
  for (std::size_t i = 0;; ++i) {
    if (i < text.size() && !IsSpace(text[i])) {
      while (at < source.size() && IsSpace(source[at])) ++at;
    }
    if (i >= std::min(offset, text.size()))
      return LocationAt(source, std::min(at, source.size()), start.file);
    if (IsSpace(text[i])) {
      if (at < source.size() && IsSpace(source[at])) ++at;
      continue;
    }
    const std::size_t length = at < source.size() ? SourceLength(source, at, quote, text[i]) : 0;
    if (length == 0) return start;
    at += length;
  }
}

}  // namespace tierwatch
