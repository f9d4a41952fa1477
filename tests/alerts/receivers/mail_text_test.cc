// Expected values by RFC 5322, section 3.4, and RFC 2047, sections 2 and 4.2.
#include "alerts/receivers/mail_text.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

TEST(MailTextTest, Addresses) {
  struct Case {
    std::string text;
    std::vector<std::string> want;  // empty: refused
  };
  const Case cases[] = {
      {"a@example.org", {"a@example.org"}},
      {" a@example.org ,, b@x ", {"a@example.org", "b@x"}},
      {"Ann Oncall <ann@x.org>, \"B, \\\" <C>\" <b@x.org>", {"ann@x.org", "b@x.org"}},
      {"Ärger <ä@x.org>", {"ä@x.org"}},
      {"", {}},
      {",", {}},
      {"nobody", {}},
      {"a@b@c", {}},
      {"@x", {}},
      {"a@", {}},
      {"a b@x", {}},
      {"a@x b@x", {}},
      {"a@x>\r\nRCPT TO:<b@x", {}},
      {"A <a@x\r\n>", {}},
      {std::string(400, 'a') + "@x", {}},
  };
  for (const Case& c : cases) {
    const auto got = ParseMailAddresses(c.text);
    EXPECT_EQ(got.ok(), !c.want.empty()) << c.text;
    if (got.ok()) {
      EXPECT_EQ(*got, c.want) << c.text;
    }
  }
}

TEST(MailTextTest, HeaderValues) {
  EXPECT_EQ(EncodeMailHeader("[FIRING:1] a=b ?_\t~"), "[FIRING:1] a=b ?_\t~");
  EXPECT_EQ(EncodeMailHeader("Größe = 1?_"), "=?utf-8?q?Gr=C3=B6=C3=9Fe_=3D_1=3F=5F?=");
  EXPECT_EQ(EncodeMailHeader("a\r\nBcc: b@x"), "=?utf-8?q?a=0D=0ABcc:_b@x?=");
  // A word has 75 characters at most and no character is torn apart: 60 times a, then ö.
  EXPECT_EQ(EncodeMailHeader(std::string(60, 'a') + "ö"),
            "=?utf-8?q?" + std::string(60, 'a') + "?=\r\n =?utf-8?q?=C3=B6?=");
  for (std::string rest = EncodeMailHeader(std::string(5'000, 'x')); !rest.empty();) {
    const std::size_t end = std::min(rest.find("\r\n"), rest.size());
    EXPECT_LE(end, 76u);
    rest.erase(0, end + 2);
  }
}

TEST(MailTextTest, NamesAndDates) {
  EXPECT_EQ(CanonicalHeaderName("message-ID"), "Message-Id");
  EXPECT_EQ(CanonicalHeaderName("x-1a-tEAM"), "X-1a-Team");
  EXPECT_EQ(CanonicalHeaderName("a: b"), "");
  EXPECT_EQ(CanonicalHeaderName("a\r\nb"), "");
  EXPECT_EQ(MailDate(951'782'400'000), "Tue, 29 Feb 2000 00:00:00 +0000");  // date -R
}

}  // namespace
}  // namespace tierwatch
