// RESP as servers speak it, and as nobody should.
#include "collectors/client/redis_reply.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

// A reply in one line: text in quotes, integers, errors with !, lists in brackets.
std::string Show(const RedisReply& reply) {
  using Kind = RedisReply::Kind;
  switch (reply.kind) {
    case Kind::kNil:
      return "nil";
    case Kind::kText:
      return "\"" + reply.text + "\"";
    case Kind::kInteger:
      return std::to_string(reply.integer);
    case Kind::kError:
      return "!" + reply.text;
    case Kind::kArray:
      break;
  }
  std::string text = "[";
  for (const RedisReply& item : reply.items) text += (text.size() > 1 ? " " : "") + Show(item);
  return text + "]";
}

// Feeds `bytes` in pieces and shows all replies, or the reason of the first error.
std::string Read(std::string_view bytes, std::size_t piece, std::size_t limit = 1 << 20) {
  RedisReplyReader reader(limit);
  std::string shown;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (Result<void> fed = reader.Feed(bytes.substr(at, piece)); !fed.ok()) {
      return std::string(ReasonName(fed.error().reason));
    }
    for (;;) {
      Result<std::optional<RedisReply>> next = reader.Next();
      if (!next.ok()) return std::string(ReasonName(next.error().reason));
      if (!*next) break;
      shown += Show(**next) + ";";
    }
  }
  return shown;
}

TEST(RedisReply, ReadsEveryKindWhereverTheBytesAreCut) {
  constexpr char kBytes[] =
      "+OK\r\n-ERR no\r\n:-7\r\n$5\r\na\0b\r\n\r\n$-1\r\n$0\r\n\r\n*0\r\n*-1\r\n"
      "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n-NO\r\n";
  const std::string_view bytes(kBytes, sizeof kBytes - 1);
  const std::string want = "\"OK\";!ERR no;-7;\"" + std::string("a\0b\r\n", 5) +
                           "\";nil;\"\";[];nil;[1 [\"x\" nil] !NO];";
  for (const std::size_t piece : {1, 2, 3, 7, 1000}) EXPECT_EQ(Read(bytes, piece), want) << piece;
}

TEST(RedisReply, HostileBytesEndInAReason) {
  struct Case {
    std::string bytes;
    std::string reason;
  };
  std::string deep;
  for (int i = 0; i < 12; ++i) deep += "*1\r\n";
  const Case cases[] = {{"HTTP/1.1 400 Bad Request\r\n", "parse"},
                        {"\x15\x03\x03\x02\x02", "parse"},
                        {"*2147483647\r\n", "limit"},
                        {"*99999999999999999999\r\n", "parse"},
                        {"*70000\r\n", "limit"},
                        {"*60000\r\n*60000\r\n", "limit"},
                        {"$-2\r\n", "parse"},
                        {":seven\r\n", "parse"},
                        {deep, "parse"},
                        {"$2000000\r\n" + std::string(2'000'000, 'x') + "\r\n", "limit"}};
  for (const Case& c : cases)
    EXPECT_EQ(Read(c.bytes, 16 * 1024), c.reason) << c.bytes.substr(0, 40);
}

TEST(RedisReply, ErrorsAreReasons) {
  const auto error = [](std::string text) {
    RedisReply reply;
    reply.kind = RedisReply::Kind::kError;
    reply.text = std::move(text);
    return RedisError(reply);
  };
  EXPECT_EQ(error("NOAUTH Authentication required.").reason, Reason::kAuth);
  EXPECT_EQ(error("WRONGPASS invalid username-password pair").reason, Reason::kAuth);
  EXPECT_EQ(error("NOPERM no").reason, Reason::kPrivileges);
  EXPECT_EQ(error("NOPERMISSION").reason, Reason::kOther);
  EXPECT_EQ(error("LOADING Redis is loading").reason, Reason::kOther);
  EXPECT_EQ(error(std::string(5000, 'e')).message.size(), 200u);
  EXPECT_EQ(error("\xff").message, "\xef\xbf\xbd");
}

TEST(RedisReply, CommandsAreBinarySafe) {
  std::string bytes;
  AppendRedisCommand({"SET", std::string("a\0\r\n", 4), ""}, bytes);
  constexpr char kWant[] = "*3\r\n$3\r\nSET\r\n$4\r\na\0\r\n\r\n$0\r\n\r\n";
  EXPECT_EQ(bytes, std::string(kWant, sizeof kWant - 1));
}

}  // namespace
}  // namespace tierwatch
