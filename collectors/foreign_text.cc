#include "collectors/foreign_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/http_client.h"
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

std::vector<std::string_view> SplitWords(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::string HostPort(std::string_view host, std::string_view port) {
  int number = 0;
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (code != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65'535)
    return "";
  const bool v6 = host.find(':') != std::string_view::npos;
  const std::string text = fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", number);
  return ParseUrl("redis://" + text).ok() && host != "?" ? text : "";
}

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace tierwatch
