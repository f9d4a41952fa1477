// Where mail goes out: what `email_configs` inherits from `global`, key by key.
#pragma once

#include <optional>
#include <string>

#include "base/mail_client.h"
#include "base/yaml.h"

namespace tierwatch {

struct SmtpConfig {
  std::string smarthost;  // host:port
  std::string from;       // a template
  std::optional<bool> implicit_tls;
  Secret secret;      // of CRAM-MD5
  MailServer server;  // host, port, password and TLS as the keys above say
};

/// Reads smarthost, from, hello, auth_username, auth_password[_file], auth_secret[_file],
/// auth_identity, require_tls, tls_config and force_implicit_tls, each with `prefix` before it;
/// what is not there is as in `inherited`.
SmtpConfig ReadSmtpConfig(YamlMap& map, const std::string& prefix, SmtpConfig inherited);

}  // namespace tierwatch
