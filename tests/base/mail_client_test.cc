// Mail servers that misbehave; that mail arrives is tests/live/email_test.cc's to say.
#include "base/mail_client.h"

#include <gtest/gtest.h>

#include "tests/support/raw_server.h"

namespace tierwatch {
namespace {

MailResult SendTo(int port, Millis timeout = Millis{500}) {
  MailServer server;
  server.host = "127.0.0.1";
  server.port = port;
  server.starttls = false;
  Mail mail;
  mail.from = "tw@example.org";
  mail.to = {"ann@example.org"};
  mail.headers = {{"Subject", "s"}};
  mail.text = "text";
  mail.timeout = timeout;
  return SendMail(server, mail);
}

TEST(MailClientTest, ServersThatMisbehave) {
  struct Case {
    const char* name;
    RawAnswer answer;
    Reason reason;
    int code;
  };
  const Case cases[] = {
      {"silent", {.bytes = "", .after_request = false, .close = false}, Reason::kTimeout, 0},
      {"gone", {.bytes = "", .after_request = false}, Reason::kConnect, 0},
      {"no mail server",
       {.bytes = "HTTP/1.1 400 Bad Request\r\n\r\n", .after_request = false, .close = false},
       Reason::kTimeout,
       0},
      {"closed for business",
       {.bytes = "554 no service\r\n", .after_request = false},
       Reason::kParse,
       554},
      {"silent after its greeting",
       {.bytes = "220 hello\r\n", .after_request = false, .close = false},
       Reason::kTimeout,
       220},
      {"an endless greeting",
       {.bytes = "220-hello\r\n", .after_request = false, .endless = true},
       Reason::kConnect,
       0},
      {"an endless line",
       {.bytes = std::string(10'000, '2'), .after_request = false, .endless = true},
       Reason::kConnect,
       0},
      {"byte by byte",
       {.bytes = "220 hello there\r\n", .after_request = false, .per_byte = Millis{100}},
       Reason::kTimeout,
       0},
  };
  for (const Case& c : cases) {
    const RawServer server(c.answer);
    const bool waits = c.reason == Reason::kTimeout;
    const MailResult result = SendTo(server.port(), waits ? Millis{500} : Millis{20'000});
    ASSERT_TRUE(result.error) << c.name;
    EXPECT_EQ(result.error->reason, c.reason) << c.name << ": " << result.error->message;
    EXPECT_EQ(result.code, c.code) << c.name;
  }
}

TEST(MailClientTest, WhatWasTakenIsDeliveredWhateverComesAfter) {
  // A server that says all its lines at once and then nothing more, not even a farewell.
  const RawServer server(
      {.bytes = "220 hi\r\n250 me\r\n250 from\r\n250 to\r\n354 go\r\n250 \x01ok\r\n",
       .after_request = false,
       .close = false});
  const MailResult result = SendTo(server.port(), Millis{20'000});
  EXPECT_FALSE(result.error) << result.error->message;
  EXPECT_EQ(result.code, 250);
  EXPECT_EQ(result.reply, "?ok");
}

TEST(MailClientTest, CanBeCancelled) {
  const RawServer server({.bytes = "", .after_request = false, .close = false});
  std::stop_source source;
  std::jthread canceller([&] {
    std::this_thread::sleep_for(Millis{50});
    source.request_stop();
  });
  Mail mail;
  mail.from = mail.to.emplace_back("a@example.org");
  mail.stop = source.get_token();
  MailServer there;
  there.host = "127.0.0.1";
  there.port = server.port();
  const MailResult result = SendMail(there, mail);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->message, "cancelled");
}

}  // namespace
}  // namespace tierwatch
