#include "collectors/tiering.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tierwatch {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// How many bytes at the front of `text` are a level: L and one or two digits; 0 where there is
// none.
std::size_t LevelLength(std::string_view text) {
  if (text.empty() || (text[0] != 'L' && text[0] != 'l')) return 0;
  std::size_t end = 1;
  while (end < text.size() && IsDigit(text[end])) ++end;
  return end == 2 || end == 3 ? end : 0;
}

}  // namespace

std::string TierLevel(std::string_view name, std::string_view type) {
  const std::size_t length = LevelLength(name);
  if (length != 0 && (length == name.size() || !IsLetter(name[length]))) {
    return "L" + std::string(name.substr(1, length - 1));
  }
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"memory", "L1"}, {"encore", "L2"}, {"redis", "L3"}};
  for (const auto& [known, level] : kTypes) {
    if (type == known) return std::string(level);
  }
  return "";
}

Result<std::vector<std::string>> ParseTiering(std::string_view text) {
  std::vector<std::string> levels;
  std::string_view rest = text;
  while (const std::size_t length = LevelLength(rest)) {
    const std::string_view level = rest.substr(0, length);
    if (level[0] != 'L' || std::find(levels.begin(), levels.end(), level) != levels.end()) break;
    levels.emplace_back(level);
    rest.remove_prefix(length);
  }
  if (rest.empty() && !levels.empty()) return levels;
  return Error{fmt::format("expected a tiering such as L1, L1L2 or L1L2L3, not \"{}\"", text),
               Reason::kParse};
}

}  // namespace tierwatch
