// An HTTPS server of openssl(1), with a certificate for localhost, cache.test and 127.0.0.1.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace tierwatch {

/// Answers every GET with a page about the connection, until destruction.
class TlsServer {
 public:
  explicit TlsServer(bool ask_for_client_certificate = false)
      : process_({"openssl", "s_server", "-accept", std::to_string(port_), "-cert",
                  certificates_.server_cert(), "-key", certificates_.server_key(), "-www",
                  "-CAfile", certificates_.ca(), ask_for_client_certificate ? "-Verify" : "-verify",
                  "1", "-verify_return_error"}) {
    EXPECT_TRUE(WaitForPort(port_)) << process_.Output();
  }
  std::string Url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(port_) + "/";
  }
  int port() const { return port_; }
  const Certificates& certificates() const { return certificates_; }

 private:
  const Certificates certificates_;
  const int port_ = FreePort();
  Process process_;
};

}  // namespace tierwatch
