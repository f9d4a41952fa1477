#include "alerts/receivers/http_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "alerts/receivers/mail_text.h"

namespace tierwatch {
namespace {

// What the request itself says, or what has keys of its own.
constexpr std::string_view kOwnHeaders[] = {
    "Accept-Encoding",     "Authorization", "Connection",     "Content-Encoding",
    "Content-Length",      "Content-Type",  "Host",           "Keep-Alive",
    "Proxy-Authorization", "User-Agent",    "Idempotency-Key"};

bool IsEmpty(const YamlNode& node) {
  return node.IsNull() || (node.IsSequence() && node.items().empty()) ||
         (node.IsMap() && node.entries().empty()) || (node.IsScalar() && node.text().empty());
}

void ReadBasicAuth(const YamlNode& node, Diagnostics& diagnostics, HttpOptions& options) {
  YamlMap map(node, "basic_auth", diagnostics);
  options.username = map.String("username").value_or("");
  options.password = ReadSecret(map, "password");
  for (const std::string_view key : {"username_file", "username_ref", "password_ref"})
    Refuse(map, key);
}

void ReadAuthorization(const YamlNode& node, Diagnostics& diagnostics, HttpOptions& options) {
  YamlMap map(node, "authorization", diagnostics);
  const std::string type = map.String("type").value_or("Bearer");
  options.bearer_token = ReadSecret(map, "credentials");
  if (type != "Bearer")
    diagnostics.Add(map.Where("type"), fmt::format("\"{}\": only Bearer is supported", type));
  Refuse(map, "credentials_ref");
}

OAuth2Options ReadOAuth2(const YamlNode& node, Diagnostics& diagnostics) {
  YamlMap map(node, "oauth2", diagnostics);
  OAuth2Options options;
  for (const char* key : {"client_id", "token_url"}) map.Require(key);
  options.client_id = map.String("client_id").value_or("");
  options.client_secret = ReadSecret(map, "client_secret");
  options.token_url = map.String("token_url").value_or("");
  if (!options.token_url.empty() && !IsHttpUrl(options.token_url))
    diagnostics.Add(map.Where("token_url"), "token_url: expected http://host/path or https://…");
  options.scopes = map.Strings("scopes");
  options.endpoint_params = map.StringMap("endpoint_params");
  if (const YamlNode* tls = map.Get("tls_config")) options.tls = ReadTlsOptions(*tls, diagnostics);
  options.proxy = ReadProxyOptions(map);
  for (const std::string_view key : {"client_secret_ref", "grant_type", "client_certificate_key",
                                     "client_certificate_key_file", "client_certificate_key_ref"})
    Refuse(map, key);
  return options;
}

// NAME: {values: […], secrets: […], files: […]}
void ReadHttpHeaders(const YamlNode& node, Diagnostics& diagnostics, HttpOptions& options) {
  if (!node.IsMap()) diagnostics.Add(node.where(), "http_headers: expected a map");
  for (const YamlNode::Entry& entry : node.entries()) {
    const std::string name = CanonicalHeaderName(entry.key);
    if (name.empty() ||
        std::find(std::begin(kOwnHeaders), std::end(kOwnHeaders), name) != std::end(kOwnHeaders)) {
      diagnostics.Add(entry.where,
                      fmt::format("http_headers: \"{}\" can't be set here", entry.key));
    }
    YamlMap map(entry.value, "http_headers", diagnostics);
    for (const char* key : {"values", "secrets"}) {
      for (const std::string& value : map.Strings(key)) {
        if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
          diagnostics.Add(map.Where(key), fmt::format("http_headers: {} has a line end", name));
        options.secret_headers.emplace_back(name, Secret{value, ""});
      }
    }
    for (const std::string& file : map.Strings("files"))
      options.secret_headers.emplace_back(name, Secret{"", file});
  }
}

}  // namespace

void Refuse(YamlMap& map, std::string_view key) {
  const YamlNode* node = map.Get(key);
  if (node != nullptr && !IsEmpty(*node)) {
    map.diagnostics().Add(map.Where(key),
                          fmt::format("{} is not supported by this version of tierwatch", key));
  }
}

HttpOptions ReadHttpConfig(const YamlNode& node, Diagnostics& diagnostics) {
  YamlMap map(node, "http_config", diagnostics);
  HttpOptions options;
  options.redirect_within_origin = map.Bool("follow_redirects").value_or(true);
  options.bearer_token = ReadSecret(map, "bearer_token");
  int credentials = options.bearer_token.empty() ? 0 : 1;
  if (const YamlNode* basic = map.Get("basic_auth")) {
    ReadBasicAuth(*basic, diagnostics, options);
    ++credentials;
  }
  if (const YamlNode* authorization = map.Get("authorization")) {
    ReadAuthorization(*authorization, diagnostics, options);
    ++credentials;
  }
  if (const YamlNode* oauth2 = map.Get("oauth2")) {
    options.oauth2 = ReadOAuth2(*oauth2, diagnostics);
    ++credentials;
  }
  if (credentials > 1) {
    diagnostics.Add(
        map.node().where(),
        "give one of basic_auth, authorization, bearer_token, bearer_token_file and oauth2");
  }
  if (const YamlNode* headers = map.Get("http_headers"))
    ReadHttpHeaders(*headers, diagnostics, options);
  if (const YamlNode* tls = map.Get("tls_config")) options.tls = ReadTlsOptions(*tls, diagnostics);
  options.proxy = ReadProxyOptions(map);
  map.Bool("enable_http2");  // webhooks are HTTP/1.1, in Alertmanager too
  return options;
}

HttpOptions ReadHttpConfigOr(YamlMap& map, const HttpOptions& global_http) {
  const YamlNode* node = map.Get("http_config");
  HttpOptions options = node == nullptr ? global_http : ReadHttpConfig(*node, map.diagnostics());
  options.max_response_bytes = 1u << 20;
  options.allowed_networks = global_http.allowed_networks;
  if (options.oauth2) options.oauth2->allowed_networks = options.allowed_networks;
  return options;
}

}  // namespace tierwatch
