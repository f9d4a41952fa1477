// The one HTTP client: every request that tierwatch makes. Over libcurl.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/network.h"
#include "base/result.h"
#include "base/yaml.h"

namespace tierwatch {

/// A secret as text or as a file that is read again at every use; surrounding white space is cut
/// from a file's text.
struct Secret {
  std::string value;
  std::string file;
  bool empty() const { return value.empty() && file.empty(); }
  Result<std::string> Read() const;
};

/// Reads `KEY` or `KEY_file` of a map; both at once is reported.
Secret ReadSecret(YamlMap& map, std::string_view key);

struct TlsOptions {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;  // expected in the certificate instead of the host
  bool insecure_skip_verify = false;
};

/// Reads a `tls:` (or `tls_config:`) map: ca_file, cert_file, key_file, server_name,
/// insecure_skip_verify.
TlsOptions ReadTlsOptions(const YamlNode& node, Diagnostics& diagnostics);

struct Url;

/// Whom no proxy is asked for, as Go's httpproxy reads NO_PROXY.
class NoProxy {
 public:
  /// Entries with commas between: a name (and all below it), ".name" (only those below), an address
  /// or a network, each but the network with a port if need be; "*" is everybody.
  static Result<NoProxy> Parse(std::string_view list);
  /// Also true for localhost and addresses of loopback.
  bool Has(const Url& url) const;

 private:
  struct Entry {
    std::optional<Network> network;
    std::string suffix;   // ".name"; "" is everybody's
    bool itself = false;  // "name" too
    int port = 0;         // 0: any
  };
  static Result<Entry> ParseEntry(std::string_view text);
  std::vector<Entry> entries_;
};

/// The proxy of a request, as prometheus/common's ProxyConfig chooses it. By default there is none,
/// whatever the environment says.
struct ProxyOptions {
  std::string http, https;          // URLs, for requests to http:// and to https://; "" = none
  std::optional<NoProxy> no_proxy;  // absent: everybody, loopback too, is reached through the proxy
  std::vector<std::pair<std::string, std::string>> connect_headers;  // secret; of CONNECT alone

  /// The proxy's URL for a request to `url`, "" for none.
  std::string For(const Url& url) const;
};

/// Reads proxy_url (http, https or socks5; http where it names none), no_proxy,
/// proxy_connect_header and proxy_from_environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY as they
/// are now.
ProxyOptions ReadProxyOptions(YamlMap& map);

/// Credentials that are traded for a token (client_credentials).
struct OAuth2Options {
  std::string client_id;
  Secret client_secret;
  std::string token_url;
  std::vector<std::string> scopes;
  std::vector<std::pair<std::string, std::string>> endpoint_params;
  TlsOptions tls;
  ProxyOptions proxy;
  Networks allowed_networks;  // empty: all
};

struct HttpOptions {
  Millis connect_timeout{5'000};
  std::size_t max_response_bytes = 16u << 20;
  bool follow_redirects = false;  // at most 5, http and https only
  // 307 and 308 from an address to itself alone, whatever follow_redirects says: what is sent and
  // its secrets go nowhere else, and nothing becomes a GET.
  bool redirect_within_origin = false;
  ProxyOptions proxy;
  // Of peers, judged as they are connected to; empty: all. Through a proxy the peer is the proxy:
  // whom it connects to in turn is left to it.
  Networks allowed_networks;
  Secret bearer_token;
  std::string username;
  Secret password;
  std::optional<OAuth2Options> oauth2;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, Secret>> secret_headers;
  TlsOptions tls;
};

/// Reads an `http:` map: bearer_token[_file], username, password[_file], tls, headers,
/// follow_redirects and the proxy's keys.
HttpOptions ReadHttpOptions(const YamlNode& node, Diagnostics& diagnostics);

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http:// or https:// only
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Millis timeout{10'000};  // of the whole exchange
  std::stop_token stop;    // ends the exchange early with Reason::kOther "cancelled"
  /// Told the connection that stays open for the next request, where one does.
  std::function<void(int socket)> kept{};
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case; the last of equal names
  std::string body;                            // decoded (gzip, deflate)
  std::string remote_address;                  // ip:port of the peer
  std::string redirect_url;                    // where a redirect that was not followed leads
};

/// Keeps connections alive between requests. Thread-safe: concurrent requests use connections of
/// their own. Any answer with a status line is a success here, also 4xx and 5xx. Errors: kConnect
/// (refused, name, reset), kTls, kTimeout, kLimit (body over max_response_bytes), kAuth (a secret's
/// file can't be read), kParse (bad URL). Messages never hold credentials.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<HttpResponse> Send(const HttpRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The parts of a URL, credentials taken out.
struct Url {
  std::string scheme, user, password, host,
      path;      // host without brackets; path with query, "" where absent
  int port = 0;  // 0 where absent
  /// "host:port" (brackets for IPv6), `default_port` where the URL has none: the label `target`.
  std::string HostPort(int default_port) const;
};

/// Parses `scheme://[user[:password]@]host[:port][/path]`; percent-escapes in user and password are
/// decoded. Of a `unix:///path` the host may be empty.
Result<Url> ParseUrl(std::string_view text);
/// True for a URL of http or https.
bool IsHttpUrl(std::string_view text);

}  // namespace tierwatch
