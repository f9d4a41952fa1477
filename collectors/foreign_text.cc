#include "collectors/foreign_text.h"

#include <charconv>
#include <cmath>

#include "base/labels.h"

namespace tierwatch {

std::string LabelText(std::string_view text, std::size_t max_bytes) {
  std::string clean = ToUtf8(text.substr(0, max_bytes + 4));
  if (clean.size() <= max_bytes) return clean;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(clean[end]) & 0xC0) == 0x80) --end;
  clean.resize(end);
  return clean;
}

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace tierwatch
