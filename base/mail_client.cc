#include "base/mail_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/transfer.h"

namespace tierwatch {
namespace {

using transfer::Append;
using transfer::SList;

constexpr std::size_t kLongestReply = 150;
constexpr long kFarewellSeconds = 2;
constexpr int kGoAhead = 354;
constexpr int kClosing = 221;  // the answer to QUIT: of no interest

// What the server says, line by line; handed to libcurl's callback.
struct Conversation {
  CURL* easy = nullptr;
  std::size_t recipients = 0;
  std::vector<int> codes;  // of whole replies
  std::string reply;
  std::size_t refused = 0;
  bool taken = false;  // the message is the server's
  char error[CURL_ERROR_SIZE] = "";
};

std::string Printable(std::string_view text) {
  std::string clean(transfer::Trim(text).substr(0, kLongestReply));
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return clean;
}

std::size_t OnReplyLine(char* data, std::size_t, std::size_t size, void* user) {
  auto& talk = *static_cast<Conversation*>(user);
  const std::string_view line(data, size);
  int code = 0;
  const auto [end, status] = std::from_chars(data, data + size, code);
  if (status != std::errc() || end != data + 3 || (size > 3 && line[3] == '-') || code == kClosing)
    return size;
  if (code == kGoAhead) {
    // The replies before it were to the recipients, one each.
    const std::size_t asked = std::min(talk.recipients, talk.codes.size());
    talk.refused = static_cast<std::size_t>(
        std::count_if(talk.codes.end() - static_cast<std::ptrdiff_t>(asked), talk.codes.end(),
                      [](int one) { return one >= 400; }));
  } else if (code < 300 && !talk.codes.empty() && talk.codes.back() == kGoAhead) {
    talk.taken = true;
    // Nothing depends on the answer to QUIT.
    curl_easy_setopt(talk.easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, kFarewellSeconds);
  }
  talk.codes.push_back(code);
  talk.reply = Printable(line.substr(3));
  return size;
}

struct FreeMime {
  void operator()(curl_mime* mime) const { curl_mime_free(mime); }
};
using Mime = std::unique_ptr<curl_mime, FreeMime>;

// Line ends as mail has them: a bare one would be encoded as a character.
std::string WithMailLineEnds(std::string_view text) {
  std::string lines;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\n') lines += '\r';
    lines += text[i];
  }
  return lines;
}

void AddPart(curl_mime* mime, const char* type, std::string_view text) {
  curl_mimepart* part = curl_mime_addpart(mime);
  const std::string lines = WithMailLineEnds(text);
  curl_mime_data(part, lines.data(), lines.size());  // copies
  curl_mime_type(part, type);
  curl_mime_encoder(part, "quoted-printable");
}

Mime MakeBody(CURL* easy, const Mail& mail) {
  Mime mime(curl_mime_init(easy));
  if (!mail.text.empty() || mail.html.empty())
    AddPart(mime.get(), "text/plain; charset=UTF-8", mail.text);
  if (!mail.html.empty()) AddPart(mime.get(), "text/html; charset=UTF-8", mail.html);
  return mime;
}

Result<void> SetCredentials(CURL* easy, const MailServer& server) {
  if (server.username.empty()) return {};
  Result<std::string> password = server.password.Read();
  if (!password.ok()) return std::move(password).error();
  curl_easy_setopt(easy, CURLOPT_USERNAME, server.username.c_str());
  curl_easy_setopt(easy, CURLOPT_PASSWORD, password->c_str());
  curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS,
                   server.cram_md5 ? "AUTH=CRAM-MD5" : "AUTH=PLAIN;AUTH=LOGIN");
  if (!server.identity.empty())
    curl_easy_setopt(easy, CURLOPT_SASL_AUTHZID, server.identity.c_str());
  return {};
}

// libcurl checks a certificate against the URL's host and greets with the URL's path.
SList SetServer(CURL* easy, const MailServer& server) {
  Url url;
  url.host = server.host;
  SList connect_to;
  if (!server.tls.server_name.empty()) {
    Append(connect_to, "::" + url.HostPort(server.port));
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to.get());
    url.host = server.tls.server_name;
  }
  const std::string text = fmt::format("{}://{}/{}", server.implicit_tls ? "smtps" : "smtp",
                                       url.HostPort(server.port), transfer::Escape(server.hello));
  curl_easy_setopt(easy, CURLOPT_URL, text.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // keeps the environment out
  curl_easy_setopt(
      easy, CURLOPT_USE_SSL,
      static_cast<long>(server.starttls || server.implicit_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  transfer::SetTls(easy, server.tls);
  return connect_to;
}

SList HeaderList(const Mail& mail) {
  SList list;
  for (const auto& [name, value] : mail.headers) Append(list, name + ": " + value);
  Append(list, "Content-Type: multipart/alternative");
  return list;
}

// The lists are libcurl's to read until the transfer has ended.
struct Message {
  SList connect_to, recipients, headers;
  Mime body;
};

Message SetMessage(CURL* easy, const MailServer& server, const Mail& mail) {
  Message message;
  message.connect_to = SetServer(easy, server);
  curl_easy_setopt(easy, CURLOPT_MAIL_FROM, ("<" + mail.from + ">").c_str());
  for (const std::string& address : mail.to) Append(message.recipients, "<" + address + ">");
  curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, message.recipients.get());
  // One mailbox that is gone keeps nobody else from being told.
  curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  message.body = MakeBody(easy, mail);
  message.headers = HeaderList(mail);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, message.headers.get());
  curl_easy_setopt(easy, CURLOPT_MIMEPOST, message.body.get());
  return message;
}

void SetPatience(CURL* easy, transfer::Times times) {
  transfer::SetTimes(easy, times);
  const auto longest = std::chrono::ceil<std::chrono::seconds>(times.total);
  curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>(longest.count()));
  // A connection that was kept would be taken leave of later, without these bounds.
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

}  // namespace

MailResult SendMail(const MailServer& server, const Mail& mail) {
  MailResult result;
  transfer::Channel channel;
  CURL* easy = channel.easy.get();
  if (easy == nullptr || !channel.multi) {
    result.error = Error{"out of memory", Reason::kOther};
    return result;
  }
  if (Result<void> done = SetCredentials(easy, server); !done.ok()) {
    result.error = std::move(done).error();
    return result;
  }
  const transfer::Times times{server.connect_timeout, mail.timeout};
  SetPatience(easy, times);
  const Message message = SetMessage(easy, server, mail);
  transfer::NetworkGuard guard{server.allowed_networks, ""};
  transfer::SetGuard(easy, guard);
  Conversation talk;
  talk.easy = easy;
  talk.recipients = mail.to.size();
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnReplyLine);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &talk);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, talk.error);

  const std::optional<CURLcode> code = transfer::Perform(channel, mail.stop);
  result.code = talk.codes.empty() ? 0 : talk.codes.back();
  result.reply = talk.reply;
  result.refused = talk.refused;
  if (talk.taken) return result;
  if (!code) {
    result.error = Error{"cancelled", Reason::kOther};
  } else if (*code != CURLE_OK) {
    result.error = transfer::Failure(easy, *code, talk.error, times, guard);
  } else {
    result.error = Error{"the server never took the message", Reason::kParse};
  }
  return result;
}

}  // namespace tierwatch
