#include "alerts/template/letter_case.h"

#include "alerts/template/go_literal.h"

namespace tierwatch::tmpl {
namespace {

using Code = unsigned long;

/// Runs of lower-case letters at a constant distance above their upper-case ones; distance 1: pairs
/// side by side, the upper one even.
struct Run {
  Code first, last, distance;
};
constexpr Run kRuns[] = {
    {'a', 'z', 32},     {0xE0, 0xF6, 32},   {0xF8, 0xFE, 32},   {0x101, 0x12F, 1},
    {0x133, 0x137, 1},  {0x14B, 0x177, 1},  {0x3B1, 0x3C1, 32}, {0x3C3, 0x3CB, 32},
    {0x430, 0x44F, 32}, {0x450, 0x45F, 80}, {0x461, 0x481, 1},
};

Code Upper(Code c) {
  for (const Run& run : kRuns) {
    if (c >= run.first && c <= run.last && (run.distance > 1 || c % 2 == 1))
      return c - run.distance;
  }
  return c;
}

Code Lower(Code c) {
  for (const Run& run : kRuns) {
    const Code lower = c + run.distance;
    if (lower >= run.first && lower <= run.last && (run.distance > 1 || c % 2 == 0)) return lower;
  }
  return c;
}

/// Takes one character; a malformed byte is taken as it is, with code 0.
std::string_view Next(std::string_view& text, Code& code) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80    ? 1
                             : lead >= 0xF0 ? 4
                             : lead >= 0xE0 ? 3
                             : lead >= 0xC0 ? 2
                                            : 1;
  const std::string_view bytes = text.substr(0, length);
  code = length == 1 ? (lead < 0x80 ? lead : 0) : lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < bytes.size(); ++i)
    code = code << 6 | (static_cast<unsigned char>(bytes[i]) & 0x3F);
  text.remove_prefix(bytes.size());
  return bytes;
}

template <class Change>
std::string Map(std::string_view text, Change change) {
  std::string out;
  while (!text.empty()) {
    Code code = 0;
    const std::string_view bytes = Next(text, code);
    const Code changed = change(code, text);
    if (changed == code) {
      out += bytes;
    } else {
      AppendUtf8(out, changed);
    }
  }
  return out;
}

bool IsLetter(Code c) { return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsWord(Code c) { return IsLetter(c) || c == '_' || (c >= '0' && c <= '9'); }

}  // namespace

std::string ToUpper(std::string_view text) {
  return Map(text, [](Code c, std::string_view) { return Upper(c); });
}

std::string ToLower(std::string_view text) {
  return Map(text, [](Code c, std::string_view) { return Lower(c); });
}

std::string Title(std::string_view text) {
  bool inside = false;
  Code before = 0;
  return Map(text, [&](Code c, std::string_view rest) {
    const bool joins = (c == '\'' || c == '.' || c == ':') && IsLetter(before) && !rest.empty() &&
                       IsLetter(static_cast<unsigned char>(rest[0]));
    const Code changed = !inside && IsLetter(c) ? Upper(c) : c;
    inside = joins || IsWord(c);
    before = c;
    return changed;
  });
}

}  // namespace tierwatch::tmpl
