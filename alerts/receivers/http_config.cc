#include "alerts/receivers/http_config.h"

#include <fmt/format.h>

namespace tierwatch {
namespace {

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
  options.follow_redirects = map.Bool("follow_redirects").value_or(true);
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
  if (credentials > 1) {
    diagnostics.Add(map.node().where(),
                    "give one of basic_auth, authorization, bearer_token and bearer_token_file");
  }
  if (const YamlNode* tls = map.Get("tls_config")) options.tls = ReadTlsOptions(*tls, diagnostics);
  options.proxy_url = map.String("proxy_url").value_or("");
  if (!options.proxy_url.empty() && !ParseUrl(options.proxy_url).ok() &&
      !ParseUrl("http://" + options.proxy_url).ok()) {
    diagnostics.Add(map.Where("proxy_url"), "proxy_url: expected http://host:port");
  }
  map.Bool("enable_http2");  // webhooks are HTTP/1.1, in Alertmanager too
  if (map.Bool("proxy_from_environment").value_or(false)) {
    diagnostics.Add(map.Where("proxy_from_environment"),
                    "the environment is not asked for a proxy; give proxy_url");
  }
  for (const std::string_view key : {"oauth2", "no_proxy", "proxy_connect_header", "http_headers"})
    Refuse(map, key);
  return options;
}

HttpOptions ReadHttpConfigOr(YamlMap& map, const HttpOptions& global_http) {
  const YamlNode* node = map.Get("http_config");
  HttpOptions options = node == nullptr ? global_http : ReadHttpConfig(*node, map.diagnostics());
  options.max_response_bytes = 1u << 20;
  return options;
}

}  // namespace tierwatch
