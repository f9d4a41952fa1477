#include <gtest/gtest.h>

#include "base/http_client.h"

namespace tierwatch {
namespace {

TEST(UrlTest, TakesUrlsApart) {
  struct Case {
    std::string_view text;
    Url want;
    std::string host_port;  // with 80 as the default
  };
  const Case cases[] = {
      {"http://a", {"http", "", "", "a", "", 0}, "a:80"},
      {"HTTP://a.example:8080/x?y=1#z",
       {"http", "", "", "a.example", "/x?y=1", 8080},
       "a.example:8080"},
      {"http://a?q", {"http", "", "", "a", "?q", 0}, "a:80"},
      {"redis://:p%40ss@10.0.0.1:6379/0",
       {"redis", "", "p@ss", "10.0.0.1", "/0", 6379},
       "10.0.0.1:6379"},
      {"postgresql://u%3a:p:q@h/db", {"postgresql", "u:", "p:q", "h", "/db", 0}, "h:80"},
      {"http://u:a@b@h/", {"http", "u", "a@b", "h", "/", 0}, "h:80"},
      {"http://[::1]:9/", {"http", "", "", "::1", "/", 9}, "[::1]:9"},
      {"http://[fe80::1%25eth0]", {"http", "", "", "fe80::1%25eth0", "", 0}, "[fe80::1%25eth0]:80"},
      {"http://u@h", {"http", "u", "", "h", "", 0}, "h:80"},
      {"unix:///run/redis.sock?db=1", {"unix", "", "", "", "/run/redis.sock?db=1", 0}, ":80"},
      {"unix://u:p@/run/redis.sock", {"unix", "u", "p", "", "/run/redis.sock", 0}, ":80"},
  };
  for (const Case& c : cases) {
    const Result<Url> url = ParseUrl(c.text);
    ASSERT_TRUE(url.ok()) << c.text << ": " << url.error().message;
    EXPECT_EQ(url->scheme, c.want.scheme) << c.text;
    EXPECT_EQ(url->user, c.want.user) << c.text;
    EXPECT_EQ(url->password, c.want.password) << c.text;
    EXPECT_EQ(url->host, c.want.host) << c.text;
    EXPECT_EQ(url->path, c.want.path) << c.text;
    EXPECT_EQ(url->port, c.want.port) << c.text;
    EXPECT_EQ(url->HostPort(80), c.host_port) << c.text;
  }
}

TEST(UrlTest, RefusesWithoutTellingTheSecret) {
  const std::string_view cases[] = {
      "",
      "a",
      "http:/secret",
      "://secret",
      "1http://secret",
      "http://",
      "http://:80/secret",
      "http://u:secret@",
      "http://u:secret@h:0",
      "http://u:secret@h:65536",
      "http://u:secret@h:8o",
      "http://u:secret@h:",
      "http://u:secret@h:-1",
      "http://u:secret%zz@h",
      "http://u:secret%00@h",
      "http://u:secret%4@h",
      "http://u:secret@[::1",
      "http://u:secret@[::1]x",
      "http://u:secret@[h]",
      "http://u:secret@h^",
      "http://u:secret@h /",
      "http://u:secret@h/\r\nX: y",
      "http://u:secret@h1:1,h2:2/",
  };
  for (const std::string_view text : cases) {
    const Result<Url> url = ParseUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.error().reason, Reason::kParse);
    EXPECT_EQ(url.error().message.find("secret"), std::string::npos) << url.error().message;
  }
}

}  // namespace
}  // namespace tierwatch
