// Url of base/http_client.h: parsing is our own, since databases and caches have URLs that no HTTP
// library knows.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/http_client.h"

namespace tierwatch {
namespace {

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// No message quotes the URL: its password would travel along.
Error BadUrl(std::string_view why) {
  return Error{fmt::format("bad URL: {}", why), Reason::kParse};
}

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0 || high + low == 0)
      return std::nullopt;  // no NUL: C libraries end there
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

bool IsScheme(std::string_view text) {
  if (text.empty() || !IsAlpha(text[0])) return false;
  for (const char c : text) {
    if (!IsAlpha(c) && !IsDigit(c) && c != '+' && c != '-' && c != '.') return false;
  }
  return true;
}

bool IsHost(std::string_view host, bool bracketed) {
  if (host.empty()) return false;
  for (const char c : host) {
    const bool name = IsAlpha(c) || IsDigit(c) || c == '.' || c == '-' || c == '_' ||
                      static_cast<signed char>(c) < 0;
    if (!name && !(bracketed && (c == ':' || c == '%'))) return false;
  }
  return !bracketed || host.find(':') != std::string_view::npos;
}

Result<void> ParseHostPort(std::string_view text, Url& url) {
  std::string_view port;
  bool has_port = false;
  const bool bracketed = !text.empty() && text[0] == '[';
  if (bracketed) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return BadUrl("the host's ] is missing");
    url.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    has_port = !port.empty();
    if (has_port && port[0] != ':') return BadUrl("only a port may follow the host's ]");
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    url.host = text.substr(0, colon);
    if (has_port) port = text.substr(colon);
  }
  if (url.host.empty()) return BadUrl("it has no host");
  if (!IsHost(url.host, bracketed)) return BadUrl("the host is not a name or an address");
  if (!has_port) return {};
  port.remove_prefix(1);
  const auto [end, status] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (status != std::errc() || end != port.data() + port.size() || url.port < 1 ||
      url.port > 65'535) {
    return BadUrl("the port is not a number from 1 to 65535");
  }
  return {};
}

Result<void> ParseUserInfo(std::string_view text, Url& url) {
  const std::size_t colon = text.find(':');
  const std::optional<std::string> user = PercentDecode(text.substr(0, colon));
  const std::optional<std::string> password =
      PercentDecode(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  if (!user || !password) return BadUrl("user or password has a malformed percent-escape");
  url.user = *user;
  url.password = *password;
  return {};
}

}  // namespace

Result<Url> ParseUrl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f)
      return BadUrl("it has white space or a control character");
  }
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || !IsScheme(text.substr(0, scheme_end))) {
    return BadUrl("expected scheme://host[:port][/path]");
  }
  Url url;
  for (const char c : text.substr(0, scheme_end))
    url.scheme += IsAlpha(c) ? static_cast<char>(c | 0x20) : c;
  text.remove_prefix(scheme_end + 3);
  const std::size_t authority_end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  const std::string_view rest = text.substr(authority_end);
  url.path = rest.substr(0, rest.find('#'));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    if (Result<void> done = ParseUserInfo(authority.substr(0, at), url); !done.ok())
      return std::move(done).error();
    authority.remove_prefix(at + 1);
  }
  if (url.scheme == "unix" && authority.empty()) return url;
  if (Result<void> done = ParseHostPort(authority, url); !done.ok()) return std::move(done).error();
  return url;
}

bool IsHttpUrl(std::string_view text) {
  const Result<Url> url = ParseUrl(text);
  return url.ok() && (url->scheme == "http" || url->scheme == "https");
}

std::string Url::HostPort(int default_port) const {
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "",
                     port == 0 ? default_port : port);
}

}  // namespace tierwatch
