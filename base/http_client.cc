#include "base/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/token_source.h"
#include "base/transfer.h"

namespace tierwatch {
namespace {

using transfer::Append;
using transfer::Channel;
using transfer::IsHeaderValue;
using transfer::IsToken;
using transfer::SList;
using transfer::Trim;

constexpr std::size_t kMaxHeaderBytes = 256u << 10;
constexpr std::size_t kMaxIdle = 16;
constexpr long kMaxRedirects = 5;

// What one exchange receives; handed to libcurl's callbacks.
struct Exchange {
  HttpResponse response;
  std::size_t max_body = 0;
  std::size_t header_bytes = 0;
  bool over_limit = false;
  char error[CURL_ERROR_SIZE] = "";
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return lower;
}

std::size_t OnBody(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (exchange.response.body.size() + size > exchange.max_body) {
    exchange.over_limit = true;
    return CURL_WRITEFUNC_ERROR;
  }
  exchange.response.body.append(data, size);
  return size;
}

std::size_t OnHeader(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  exchange.header_bytes += size;
  if (exchange.header_bytes > kMaxHeaderBytes) {
    exchange.over_limit = true;
    return 0;
  }
  const std::string_view line(data, size);
  if (line.substr(0, 5) == "HTTP/")
    exchange.response.headers.clear();  // of a redirect or a 100 Continue
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos && colon > 0) {
    exchange.response.headers[Lower(line.substr(0, colon))] = Trim(line.substr(colon + 1));
  }
  return size;
}

using Headers = std::vector<std::pair<std::string, std::string>>;

bool Has(const Headers& headers, std::string_view lower_name) {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& header) { return Lower(header.first) == lower_name; });
}

// The request's headers and those of the options that it does not set itself.
Result<Headers> MergeHeaders(const HttpOptions& options, const HttpRequest& request) {
  Headers merged = request.headers;
  for (const auto& header : options.headers) {
    if (!Has(request.headers, Lower(header.first))) merged.push_back(header);
  }
  for (const auto& [name, secret] : options.secret_headers) {
    Result<std::string> value = secret.Read();
    if (!value.ok()) return std::move(value).error();
    merged.emplace_back(name, *std::move(value));
  }
  for (const auto& [name, value] : merged) {
    if (!IsToken(name) || !IsHeaderValue(value)) {
      return Error{"a header's name or value has a character that HTTP does not allow",
                   Reason::kParse};
    }
  }
  return merged;
}

SList HeaderLines(const Headers& headers) {
  SList list;
  for (const auto& [name, value] : headers)
    Append(list, value.empty() ? name + ";" : name + ": " + value);
  return list;
}

SList HeaderList(const Headers& headers) {
  SList list = HeaderLines(headers);
  // A line without a value keeps libcurl from adding one of its own.
  Append(list, "Expect:");
  if (!Has(headers, "content-type")) Append(list, "Content-Type:");
  return list;
}

void SetLimits(CURL* easy, const HttpOptions& options) {
  curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                   static_cast<curl_off_t>(options.max_response_bytes));
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION,
                   options.follow_redirects && !options.redirect_within_origin ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "tierwatch");
}

// Whoever gives both leaves the environment nothing to say: neither http_proxy nor no_proxy. To a
// request without CONNECT libcurl would add the headers for the proxy as well.
void SetProxy(CURL* easy, const std::string& proxy, const SList& connect_headers, bool tunnel) {
  curl_easy_setopt(easy, CURLOPT_PROXY, proxy.c_str());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(easy, CURLOPT_PROXYHEADER, tunnel ? connect_headers.get() : nullptr);
}

// Its own answer, that is, not the one of whoever is behind it.
bool ProxyRefused(CURL* easy) {
  long connect = 0, status = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &connect);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return connect == 407 || status == 407;
}

void SetMethod(CURL* easy, const HttpRequest& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request.method == "GET" && request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    return;
  }
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  if (request.method != "POST")
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

// Credentials go through libcurl's own options, which keep them from other hosts after a redirect.
Result<void> SetCredentials(CURL* easy, const HttpOptions& options, const Url& url,
                            const Secret& bearer_token) {
  if (!bearer_token.empty()) {
    Result<std::string> token = bearer_token.Read();
    if (!token.ok()) return std::move(token).error();
    if (!IsHeaderValue(*token))
      return Error{"the bearer token has a line end or a control character", Reason::kAuth};
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, token->c_str());
    return {};
  }
  std::string user = url.user;
  std::string password = url.password;
  if (!options.username.empty()) {
    Result<std::string> read = options.password.Read();
    if (!read.ok()) return std::move(read).error();
    user = options.username;
    password = *read;
  }
  if (user.empty() && password.empty()) return {};
  curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  curl_easy_setopt(easy, CURLOPT_USERNAME, user.c_str());
  curl_easy_setopt(easy, CURLOPT_PASSWORD, password.c_str());
  return {};
}

std::string RemoteAddress(CURL* easy) {
  const char* ip = nullptr;
  long port = 0;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
  if (ip == nullptr || *ip == '\0') return {};
  const bool v6 = std::string_view(ip).find(':') != std::string_view::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", ip, v6 ? "]" : "", port);
}

// Whether an answer asks for the same request to another place of the same address.
bool IsToRepeat(const HttpResponse& response, const std::string& url) {
  if (response.status != 307 && response.status != 308) return false;
  const Result<Url> from = ParseUrl(url), to = ParseUrl(response.redirect_url);
  return from.ok() && to.ok() && from->scheme == to->scheme && from->HostPort(0) == to->HostPort(0);
}

Result<Url> CheckedUrl(const HttpRequest& request) {
  if (!IsToken(request.method)) return Error{"bad HTTP method", Reason::kParse};
  Result<Url> url = ParseUrl(request.url);
  if (url.ok() && url->scheme != "http" && url->scheme != "https") {
    return Error{fmt::format("bad URL: expected http:// or https://, not {}://", url->scheme),
                 Reason::kParse};
  }
  return url;
}

}  // namespace

struct HttpClient::State {
  HttpOptions options;
  std::mutex mutex;
  std::vector<Channel> idle;

  Channel Take() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return Channel();
    Channel channel = std::move(idle.back());
    idle.pop_back();
    return channel;
  }
  void GiveBack(Channel channel) {
    curl_easy_reset(channel.easy.get());
    const std::lock_guard lock(mutex);
    if (idle.size() < kMaxIdle) idle.push_back(std::move(channel));
  }
  Result<HttpResponse> Exchanged(Channel& channel, const Url& url, const HttpRequest& request,
                                 const Secret& bearer_token);
  Result<HttpResponse> Once(const HttpRequest& request, const Secret& bearer_token);
  Result<HttpResponse> Authorized(const HttpRequest& request);

  std::unique_ptr<TokenSource> tokens;  // of OAuth 2.0
};

Result<HttpResponse> HttpClient::State::Exchanged(Channel& channel, const Url& url,
                                                  const HttpRequest& request,
                                                  const Secret& bearer_token) {
  CURL* easy = channel.easy.get();
  Result<Headers> headers = MergeHeaders(options, request);
  if (!headers.ok()) return std::move(headers).error();
  if (Result<void> done = SetCredentials(easy, options, url, bearer_token); !done.ok())
    return std::move(done).error();
  const transfer::Times times{options.connect_timeout, request.timeout};
  transfer::SetTimes(easy, times);
  SetLimits(easy, options);
  transfer::SetTls(easy, options.tls);
  const std::string proxy = options.proxy.For(url);
  const SList connect_headers = HeaderLines(options.proxy.connect_headers);
  SetProxy(easy, proxy, connect_headers, url.scheme == "https");
  SetMethod(easy, request);

  // libcurl checks a certificate against the URL's host, so another name goes into the URL, and the
  // connection is led to the host that was asked for.
  const int default_port = url.scheme == "https" ? 443 : 80;
  const std::string& server_name = options.tls.server_name;
  Url shown = url;
  SList connect_to;
  if (url.scheme == "https" && !server_name.empty()) {
    shown.host = server_name;
    Append(connect_to, "::" + url.HostPort(default_port));
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to.get());
    if (!Has(*headers, "host")) headers->emplace_back("Host", url.HostPort(default_port));
  }
  const std::string text = shown.scheme + "://" + shown.HostPort(default_port) + shown.path;
  curl_easy_setopt(easy, CURLOPT_URL, text.c_str());
  const SList header_list = HeaderList(*headers);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list.get());

  transfer::NetworkGuard guard{options.allowed_networks, ""};
  transfer::SetGuard(easy, guard);
  Exchange exchange;
  exchange.max_body = options.max_response_bytes;
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange.error);
  const std::optional<CURLcode> code = transfer::Perform(channel, request.stop, request.kept);
  if (!code) return Error{"cancelled", Reason::kOther};
  if (exchange.over_limit || *code == CURLE_FILESIZE_EXCEEDED) {
    return Error{fmt::format("the answer is over {} bytes", options.max_response_bytes),
                 Reason::kLimit};
  }
  if (!proxy.empty() && ProxyRefused(easy))
    return Error{"the proxy does not accept these credentials (HTTP 407)", Reason::kConnect};
  if (*code != CURLE_OK) {
    Error error = transfer::Failure(easy, *code, exchange.error, times, guard);
    return proxy.empty() ? error : std::move(error).In("through a proxy");
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  exchange.response.remote_address = RemoteAddress(easy);
  const char* redirect = nullptr;
  curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &redirect);
  exchange.response.redirect_url = redirect == nullptr ? "" : redirect;
  return std::move(exchange.response);
}

HttpClient::HttpClient(HttpOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  if (state_->options.oauth2)
    state_->tokens = std::make_unique<TokenSource>(*state_->options.oauth2);
}

HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::State::Once(const HttpRequest& request,
                                             const Secret& bearer_token) {
  Result<Url> url = CheckedUrl(request);
  if (!url.ok()) return std::move(url).error();
  Channel channel = Take();
  if (!channel.easy || !channel.multi) return Error{"out of memory", Reason::kOther};
  Result<HttpResponse> result = Exchanged(channel, *url, request, bearer_token);
  GiveBack(std::move(channel));
  return result;
}

// A token that no longer opens the door is worth a new one, once.
Result<HttpResponse> HttpClient::State::Authorized(const HttpRequest& request) {
  if (!tokens) return Once(request, options.bearer_token);
  for (bool again = false;; again = true) {
    const Result<std::string> token = tokens->Get(request.timeout, request.stop);
    if (!token.ok()) return token.error();
    Result<HttpResponse> response = Once(request, {*token, ""});
    if (again || !response.ok() || response->status != 401) return response;
    tokens->Forget(*token);
  }
}

Result<HttpResponse> HttpClient::Send(const HttpRequest& request) {
  Result<HttpResponse> response = state_->Authorized(request);
  if (!state_->options.redirect_within_origin) return response;
  HttpRequest again = request;
  for (long i = 0; i < kMaxRedirects && response.ok() && IsToRepeat(*response, again.url); ++i) {
    again.url = response->redirect_url;
    response = state_->Authorized(again);
  }
  return response;
}

}  // namespace tierwatch
