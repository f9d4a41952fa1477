// The one mail client: hands a message to a mail server by SMTP. Over libcurl.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/result.h"

namespace tierwatch {

struct MailServer {
  std::string host;
  int port = 25;
  bool implicit_tls = false;  // from the first byte
  bool starttls = true;       // required; false: plain text
  std::string hello = "localhost";
  std::string username;  // "": no authentication, as where the server offers none
  std::string identity;  // to act for, of PLAIN
  Secret password;
  bool cram_md5 = false;  // otherwise PLAIN or LOGIN
  TlsOptions tls;
  Networks allowed_networks;  // empty: all
  Millis connect_timeout{5'000};
};

struct Mail {
  std::string from;                                          // an address alone
  std::vector<std::string> to;                               // the same; at least one
  std::vector<std::pair<std::string, std::string>> headers;  // as they go over the wire
  std::string text, html;  // UTF-8, alternatives of each other; "": left out
  Millis timeout{30'000};  // of all but the farewell, which takes 2 s at most
  std::stop_token stop;    // ends it early with Reason::kOther "cancelled"
};

/// What became of it. Without an error, at least one recipient was taken.
struct MailResult {
  int code = 0;             // of the server's last reply; 0 where none came
  std::string reply{};      // its text, printable and short
  std::size_t refused = 0;  // recipients that the server did not take
  std::optional<Error> error{};
};

/// One connection for one message. Messages never hold credentials.
MailResult SendMail(const MailServer& server, const Mail& mail);

}  // namespace tierwatch
