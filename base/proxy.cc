// The proxy of base/http_client.h. Which requests go through it is decided here and not by libcurl,
// whose no_proxy knows no ports and takes ".name" for the name itself too.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/http_client.h"
#include "base/transfer.h"

namespace tierwatch {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return lower;
}

bool IsLoopback(const Address& address) {
  static const Network kV4 = *Network::Parse("127.0.0.0/8"), kV6 = *Network::Parse("::1");
  return kV4.Contains(address) || kV6.Contains(address);
}

// "host:port" in two, where a port follows; `[…]` around an address is taken off.
Result<std::pair<std::string, int>> SplitPort(std::string_view text) {
  std::pair<std::string, int> split{text, 0};
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  const bool has_port = colon != std::string_view::npos &&
                        (bracketed ? text[colon - 1] == ']' : text.find(':') == colon);
  if (has_port) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, status] =
        std::from_chars(digits.data(), digits.data() + digits.size(), split.second);
    if (status != std::errc() || end != digits.data() + digits.size() || split.second < 1 ||
        split.second > 65'535)
      return Error{"bad port", Reason::kParse};
    split.first = text.substr(0, colon);
  }
  if (bracketed && split.first.ends_with(']'))
    split.first = split.first.substr(1, split.first.size() - 2);
  return split;
}

// An URL that libcurl takes. A SOCKS proxy resolves names itself, as every other proxy does.
Result<std::string> ProxyUrl(const std::string& text) {
  if (text.empty()) return text;
  const std::string url = text.find("://") == std::string::npos ? "http://" + text : text;
  const Result<Url> parsed = ParseUrl(url);
  if (!parsed.ok()) return parsed.error();
  const std::string rest = url.substr(parsed->scheme.size());
  if (parsed->scheme == "socks5" || parsed->scheme == "socks5h") return "socks5h" + rest;
  if (parsed->scheme == "http" || parsed->scheme == "https") return parsed->scheme + rest;
  return Error{"bad URL: expected http://, https:// or socks5://", Reason::kParse};
}

// Upper case first, as in Go.
std::string Environment(const std::string& name) {
  for (const std::string& spelled : {name, Lower(name)}) {
    const char* value = std::getenv(spelled.c_str());
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

void ReadConnectHeaders(const YamlNode& node, Diagnostics& diagnostics, ProxyOptions& options) {
  if (!node.IsMap()) diagnostics.Add(node.where(), "proxy_connect_header: expected a map of lists");
  for (const YamlNode::Entry& entry : node.entries()) {
    const std::string what = fmt::format("proxy_connect_header: {}: ", entry.key);
    if (!transfer::IsToken(entry.key))
      diagnostics.Add(entry.where, what + "this is no name of a header");
    // What it says instead may be a secret.
    if (!entry.value.IsSequence())
      diagnostics.Add(entry.value.where(), what + "expected a list of values");
    for (const YamlNode& value : entry.value.items()) {
      if (!value.IsScalar() || !transfer::IsHeaderValue(value.text()))
        diagnostics.Add(value.where(), what + "expected text without control characters");
      options.connect_headers.emplace_back(entry.key, value.text());
    }
  }
}

// Reports each pair of keys that don't go together; false where there is one.
bool GoTogether(YamlMap& map, bool url, bool from_environment, bool no_proxy, bool headers) {
  const std::size_t before = map.diagnostics().list().size();
  const auto report = [&](std::string_view key, std::string_view why) {
    map.diagnostics().Add(map.Where(key), fmt::format("{} {}", key, why));
  };
  if (from_environment && url) report("proxy_url", "and proxy_from_environment: give one of them");
  if (from_environment && no_proxy)
    report("no_proxy", "and proxy_from_environment: give one of them; NO_PROXY is asked too");
  if (!from_environment && !url && no_proxy) report("no_proxy", "needs proxy_url");
  if (!from_environment && !url && headers)
    report("proxy_connect_header", "needs proxy_url or proxy_from_environment");
  return map.diagnostics().list().size() == before;
}

}  // namespace

Result<NoProxy::Entry> NoProxy::ParseEntry(std::string_view text) {
  const Error bad{fmt::format("\"{}\": expected a name, an address or a network such as "
                              "10.0.0.0/8",
                              text),
                  Reason::kParse};
  Entry entry;
  if (text == "*") return entry;
  if (text.find('/') != std::string_view::npos) {
    Result<Network> network = Network::Parse(text);
    if (!network.ok()) return bad;
    entry.network = *network;
    return entry;
  }
  const Result<std::pair<std::string, int>> split = SplitPort(text);
  if (!split.ok()) return bad;
  std::string name = Lower(split->first);
  entry.port = split->second;
  if (const Result<Network> address = Network::Parse(name); address.ok()) {
    entry.network = *address;
    return entry;
  }
  if (name.starts_with("*.")) name.erase(0, 1);
  entry.itself = !name.starts_with('.');
  entry.suffix = (entry.itself ? "." : "") + name;
  if (entry.suffix.size() < 2 || name.find_first_of(":*[] \t") != std::string::npos) return bad;
  return entry;
}

Result<NoProxy> NoProxy::Parse(std::string_view list) {
  NoProxy parsed;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    const std::string_view text = transfer::Trim(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (text.empty()) continue;
    Result<Entry> entry = ParseEntry(text);
    if (!entry.ok()) return std::move(entry).error();
    parsed.entries_.push_back(*std::move(entry));
  }
  return parsed;
}

bool NoProxy::Has(const Url& url) const {
  const std::string host = Lower(url.host);
  const std::optional<Address> address = ParseAddress(host);
  if (host == "localhost" || (address && IsLoopback(*address))) return true;
  const int port = url.port != 0 ? url.port : url.scheme == "https" ? 443 : 80;
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (entry.port != 0 && entry.port != port) return false;
    if (entry.network) return address && entry.network->Contains(*address);
    return host.ends_with(entry.suffix) || (entry.itself && host == entry.suffix.substr(1));
  });
}

std::string ProxyOptions::For(const Url& url) const {
  const std::string& proxy = url.scheme == "https" ? https : http;
  return proxy.empty() || (no_proxy && no_proxy->Has(url)) ? "" : proxy;
}

ProxyOptions ReadProxyOptions(YamlMap& map) {
  ProxyOptions options;
  std::string url = map.String("proxy_url").value_or("");
  std::string list = map.String("no_proxy").value_or("");
  const bool environment = map.Bool("proxy_from_environment").value_or(false);
  if (const YamlNode* headers = map.Get("proxy_connect_header"))
    ReadConnectHeaders(*headers, map.diagnostics(), options);
  if (!GoTogether(map, !url.empty(), environment, !list.empty(), !options.connect_headers.empty()))
    return options;
  const auto take = [&](std::string_view key, std::string_view name, auto result, auto& to) {
    if (result.ok()) {
      to = *std::move(result);
      return;
    }
    const std::string variable = key == name ? "" : fmt::format("{}: ", name);
    map.diagnostics().Add(map.Where(key),
                          fmt::format("{}: {}{}", key, variable, result.error().message));
  };
  if (environment) {
    constexpr std::string_view kKey = "proxy_from_environment";
    take(kKey, "HTTP_PROXY", ProxyUrl(Environment("HTTP_PROXY")), options.http);
    take(kKey, "HTTPS_PROXY", ProxyUrl(Environment("HTTPS_PROXY")), options.https);
    take(kKey, "NO_PROXY", NoProxy::Parse(Environment("NO_PROXY")), options.no_proxy);
    return options;
  }
  take("proxy_url", "proxy_url", ProxyUrl(url), options.http);
  options.https = options.http;
  if (!list.empty()) take("no_proxy", "no_proxy", NoProxy::Parse(list), options.no_proxy);
  return options;
}

}  // namespace tierwatch
