// Secrets and the options of base/http_client.h, as the configuration gives them.
#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "base/http_client.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMaxSecretBytes = 1u << 20;

void ReadHeaders(YamlMap& map, HttpOptions& options) {
  for (auto& [name, value] : map.StringMap("headers")) {
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      map.diagnostics().Add(map.Where("headers"),
                            fmt::format("the value of header \"{}\" has a line end", name));
      continue;
    }
    options.headers.emplace_back(name, value);
  }
}

}  // namespace

Result<std::string> Secret::Read() const {
  if (file.empty()) return value;
  std::ifstream stream(file, std::ios::binary);
  std::string text(kMaxSecretBytes + 1, '\0');
  if (stream) stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.is_open() || stream.bad() || (stream.fail() && !stream.eof())) {
    return Error{fmt::format("secret file {} can't be read", file), Reason::kAuth};
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxSecretBytes) {
    return Error{fmt::format("secret file {} has over {} bytes", file, kMaxSecretBytes),
                 Reason::kAuth};
  }
  constexpr std::string_view kWhiteSpace = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string::npos) return std::string();
  return text.substr(first, text.find_last_not_of(kWhiteSpace) + 1 - first);
}

Secret ReadSecret(YamlMap& map, std::string_view key) {
  const std::string file_key = std::string(key) + "_file";
  Secret secret;
  secret.value = map.String(key).value_or("");
  secret.file = map.String(file_key).value_or("");
  if (!secret.value.empty() && !secret.file.empty()) {
    map.diagnostics().Add(map.Where(file_key),
                          fmt::format("give {} or {}, not both", key, file_key));
  }
  return secret;
}

TlsOptions ReadTlsOptions(const YamlNode& node, Diagnostics& diagnostics) {
  YamlMap map(node, "tls", diagnostics);
  TlsOptions tls;
  tls.ca_file = map.String("ca_file").value_or("");
  tls.cert_file = map.String("cert_file").value_or("");
  tls.key_file = map.String("key_file").value_or("");
  tls.server_name = map.String("server_name").value_or("");
  tls.insecure_skip_verify = map.Bool("insecure_skip_verify").value_or(false);
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    diagnostics.Add(map.Where(tls.cert_file.empty() ? "key_file" : "cert_file"),
                    "cert_file and key_file go together");
  }
  return tls;
}

HttpOptions ReadHttpOptions(const YamlNode& node, Diagnostics& diagnostics) {
  YamlMap map(node, "http", diagnostics);
  HttpOptions options;
  options.bearer_token = ReadSecret(map, "bearer_token");
  options.username = map.String("username").value_or("");
  options.password = ReadSecret(map, "password");
  if (const YamlNode* tls = map.Get("tls")) options.tls = ReadTlsOptions(*tls, diagnostics);
  ReadHeaders(map, options);
  options.proxy = ReadProxyOptions(map);
  options.follow_redirects = map.Bool("follow_redirects").value_or(false);
  if (!options.bearer_token.empty() && !options.username.empty()) {
    diagnostics.Add(map.Where("username"), "give a bearer_token or a username, not both");
  }
  if (options.username.empty() && !options.password.empty()) {
    diagnostics.Add(map.node().where(), "a password needs a username");
  }
  return options;
}

}  // namespace tierwatch
