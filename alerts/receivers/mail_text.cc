#include "alerts/receivers/mail_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace tierwatch {
namespace {

constexpr std::size_t kMaxAddressBytes = 320;
constexpr std::size_t kMaxPlainValue = 900;  // a line may have 998 bytes
constexpr std::size_t kMaxEncodedWord = 75;
constexpr std::string_view kWordStart = "=?utf-8?q?";
constexpr std::string_view kWordEnd = "?=";

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The entries between commas that stand neither in quotes nor in angle brackets.
std::vector<std::string_view> SplitList(std::string_view text) {
  std::vector<std::string_view> entries;
  bool quoted = false, angled = false;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && !quoted && !angled)) {
      if (const std::string_view entry = Trim(text.substr(start, i - start)); !entry.empty())
        entries.push_back(entry);
      start = i + 1;
    } else if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && (text[i] == '<' || text[i] == '>')) {
      angled = text[i] == '<';
    }
  }
  return entries;
}

bool IsAddress(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || at + 1 == text.size()) return false;
  if (text.size() > kMaxAddressBytes || text.find('@', at + 1) != std::string_view::npos)
    return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) ||
           std::string_view("<>()[]\\,;:\"").find(c) != std::string_view::npos;
  });
}

bool NeedsEncoding(std::string_view value) {
  return value.size() > kMaxPlainValue || std::any_of(value.begin(), value.end(), [](char c) {
           return (c < ' ' && c != '\t') || c > '~';
         });
}

std::string EncodedCharacter(std::string_view bytes) {
  const char c = bytes.front();
  if (c == ' ') return "_";
  if (bytes.size() == 1 && c > ' ' && c <= '~' && c != '=' && c != '?' && c != '_')
    return std::string(1, c);
  std::string encoded;
  for (const char byte : bytes) encoded += fmt::format("={:02X}", static_cast<unsigned char>(byte));
  return encoded;
}

// How many bytes the character at the front has; a broken one counts byte by byte.
std::size_t CharacterBytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  std::size_t size = 1;
  while (size < std::min(wanted, text.size()) &&
         (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
    ++size;
  return size;
}

}  // namespace

Result<std::vector<std::string>> ParseMailAddresses(std::string_view text) {
  std::vector<std::string> addresses;
  for (std::string_view entry : SplitList(text)) {
    if (const std::size_t open = entry.rfind('<');
        open != std::string_view::npos && entry.back() == '>')
      entry = entry.substr(open + 1, entry.size() - open - 2);
    if (!IsAddress(entry))
      return Error{"expected addresses such as name@example.org, with commas between them",
                   Reason::kParse};
    addresses.emplace_back(entry);
  }
  if (addresses.empty()) return Error{"there is no mail address", Reason::kParse};
  return addresses;
}

std::string EncodeMailHeader(std::string_view value) {
  if (!NeedsEncoding(value)) return std::string(value);
  std::string encoded(kWordStart);
  std::size_t word = kWordStart.size();
  while (!value.empty()) {
    const std::size_t size = CharacterBytes(value);
    const std::string next = EncodedCharacter(value.substr(0, size));
    value.remove_prefix(size);
    if (word + next.size() + kWordEnd.size() > kMaxEncodedWord) {
      encoded += fmt::format("{}\r\n {}", kWordEnd, kWordStart);
      word = kWordStart.size();
    }
    encoded += next;
    word += next.size();
  }
  return encoded.append(kWordEnd);
}

std::string MailDate(TimestampMs time) {
  const auto seconds = static_cast<std::time_t>(time / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  // The process keeps the C locale, whose names are English.
  const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &parts);
  return {text, size};
}

std::string CanonicalHeaderName(std::string_view name) {
  std::string canonical;
  bool first = true;
  for (const char c : name) {
    if (c <= ' ' || c > '~' || c == ':') return "";
    const bool upper = c >= 'A' && c <= 'Z';
    const bool lower = c >= 'a' && c <= 'z';
    canonical += (first ? lower : upper) ? static_cast<char>(c ^ 0x20) : c;
    first = c == '-';
  }
  return canonical;
}

}  // namespace tierwatch
