// Certificates for tests of TLS, made by openssl(1): an authority, a server's and a client's.
#pragma once

#include <string>

#include "tests/support/files.h"

namespace tierwatch {

/// Paths of PEM files that live as long as this object. The server's certificate is for localhost,
/// cache.test and 127.0.0.1; `other_ca` is an authority that signed nothing.
class Certificates {
 public:
  Certificates();
  std::string ca() const { return Path("ca.pem"); }
  std::string other_ca() const { return Path("other-ca.pem"); }
  std::string server_cert() const { return Path("server.pem"); }
  std::string server_key() const { return Path("server.key"); }
  std::string client_cert() const { return Path("client.pem"); }
  std::string client_key() const { return Path("client.key"); }

 private:
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void MakeAuthority(const std::string& name) const;
  void MakeLeaf(const std::string& name, const std::string& alternative_names) const;
  TempDir dir_;
};

}  // namespace tierwatch
