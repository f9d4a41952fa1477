#include "alerts/receivers/smtp_config.h"

#include <fmt/format.h>

namespace tierwatch {
namespace {

constexpr int kImplicitTlsPort = 465;

void ReadSmarthost(YamlMap& map, const std::string& key, SmtpConfig& smtp) {
  const std::string text = map.String(key).value_or("");
  if (text.empty()) return;
  const Result<Url> url = ParseUrl("smtp://" + text);
  if (!url.ok() || url->port == 0 || !url->path.empty() || !url->user.empty()) {
    map.diagnostics().Add(map.Where(key), fmt::format("{}: expected host:port", key));
    return;
  }
  smtp.smarthost = text;
  smtp.server.host = url->host;
  smtp.server.port = url->port;
}

void Override(YamlMap& map, const std::string& key, std::string& value) {
  std::string text = map.String(key).value_or("");
  if (!text.empty()) value = std::move(text);
}

void Override(YamlMap& map, const std::string& key, Secret& value) {
  Secret secret = ReadSecret(map, key);
  if (!secret.empty()) value = std::move(secret);
}

}  // namespace

SmtpConfig ReadSmtpConfig(YamlMap& map, const std::string& prefix, SmtpConfig smtp) {
  MailServer& server = smtp.server;
  ReadSmarthost(map, prefix + "smarthost", smtp);
  Override(map, prefix + "from", smtp.from);
  Override(map, prefix + "hello", server.hello);
  Override(map, prefix + "auth_username", server.username);
  Override(map, prefix + "auth_identity", server.identity);
  Override(map, prefix + "auth_password", server.password);
  Override(map, prefix + "auth_secret", smtp.secret);
  server.starttls = map.Bool(prefix + "require_tls").value_or(server.starttls);
  if (const std::optional<bool> implicit = map.Bool(prefix + "force_implicit_tls"))
    smtp.implicit_tls = implicit;
  server.implicit_tls = smtp.implicit_tls.value_or(server.port == kImplicitTlsPort);
  if (const YamlNode* tls = map.Get(prefix + "tls_config"))
    server.tls = ReadTlsOptions(*tls, map.diagnostics());
  return smtp;
}

}  // namespace tierwatch
