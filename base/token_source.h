// OAuth 2.0's client credentials (RFC 6749, section 4.4): a token that opens doors for a while.
#pragma once

#include <mutex>
#include <stop_token>
#include <string>

#include "base/http_client.h"
#include "base/result.h"

namespace tierwatch {

/// Thread-safe. A token is kept until Forget: whether it still opens doors, its door says best.
class TokenSource {
 public:
  explicit TokenSource(OAuth2Options options) : options_(std::move(options)) {}

  /// The kept token, or a new one. Errors are kAuth where it is refused.
  Result<std::string> Get(Millis timeout, const std::stop_token& stop);
  /// Unless another one has been fetched since.
  void Forget(const std::string& token);

 private:
  Result<std::string> Fetch(Millis timeout, const std::stop_token& stop) const;
  HttpRequest Request(const std::string& secret, bool secret_in_body) const;

  const OAuth2Options options_;
  std::mutex mutex_;  // held while a token is fetched: nobody needs a second one
  std::string token_;
};

}  // namespace tierwatch
