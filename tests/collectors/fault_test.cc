// The table of faults: what a peer may do wrong, the reason it is counted under, how soon and with
// how much memory.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>

#include "collectors/collector.h"
#include "tests/support/process.h"
#include "tests/support/raw_server.h"

namespace tierwatch {
namespace {

using namespace std::string_literals;

constexpr Millis kTimeout{400};
// A reply may have 16 MiB, read and then parsed. ASan keeps 256 MiB of what is freed, TSan shadows
// what is used.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kMostMemory = (64u + 256u) << 20;
#else
constexpr std::size_t kMostMemory = 64u << 20;
#endif

struct Fault {
  const char* name;
  const char* stem;
  RawAnswer answer;
  const char* reason;  // of the first error
  bool up = false;
  bool at_deadline = false;
};

std::string Http(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string Repeated(const std::string& text, int times = 8) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// The most memory that this process has held at once, in bytes, since ForgetPeak.
std::size_t PeakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) * 1024;
  }
  ADD_FAILURE() << "no VmHWM";
  return 0;
}

void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::vector<Fault> Faults() {
  const std::string health = R"({"status":"unhealthy","dependencies":[]})";
  std::string errors;
  for (int i = 0; i < 8; ++i) errors += "-ERR no\r\n";
  return {
      {"silent", "redis", {"", true, Millis{0}, false, false}, "timeout", false, true},
      {"closes at once", "redis", {"", false}, "connect"},
      {"closes mid-reply", "redis", {"+OK\r\n$100\r\nabc"}, "connect"},
      {"a byte now and then",
       "redis",
       {"$100000\r\nxxxxxxxxxxxxx", true, Millis{20}, true},
       "timeout",
       false,
       true},
      {"speaks HTTP", "redis", {"HTTP/1.1 400 Bad Request\r\n\r\n"}, "parse"},
      {"NULs", "redis", {std::string(64, '\0')}, "parse"},
      {"endless",
       "redis",
       {"$2000000000\r\n" + std::string(1 << 20, 'x'), true, Millis{0}, true},
       "limit"},
      {"two billion elements",
       "redis",
       {"*2147483647\r\n", true, Millis{0}, false, false},
       "limit"},
      {"errors only", "redis", {errors, true, Millis{0}, false, false}, "other", true},
      {"loading",
       "redis",
       {Repeated("-LOADING Redis is loading the dataset in memory\r\n"), true, Millis{0}, false,
        false},
       "other",
       true},
      {"asks for a password",
       "redis",
       {Repeated("-NOAUTH Authentication required.\r\n"), true, Millis{0}, false, false},
       "auth"},
      {"allows nothing",
       "redis",
       {Repeated("-NOPERM this user has no permissions to run the 'info' command\r\n"), true,
        Millis{0}, false, false},
       "privileges",
       true},
      {"an error that is no text",
       "redis",
       {Repeated("-ERR \xff\xfe\x80 \xc3\r\n"), true, Millis{0}, false, false},
       "other",
       true},
      {"NULs in INFO",
       "redis",
       {Repeated("$4\r\n\0\0:\0\r\n"s), true, Millis{0}, false, false},
       "parse",
       true},
      {"1 GiB of errors",
       "redis",
       {Repeated("-ERR no\r\n", 100'000), true, Millis{0}, true},
       "other",
       true},
      {"1 GiB of a deeper and deeper list",
       "redis",
       {Repeated("*1\r\n", 1 << 18), true, Millis{0}, true},
       "parse"},
      {"full", "redis", {"-ERR max number of clients reached\r\n", false}, "connect"},
      {"protected", "redis", {"-DENIED Redis is running in protected mode\r\n", false}, "connect"},

      {"silent", "cache_health", {"", true, Millis{0}, false, false}, "timeout", false, true},
      {"closes at once", "cache_health", {""}, "connect"},
      {"no JSON", "cache_health", {Http("200 OK", "<html>")}, "parse"},
      {"other JSON", "cache_health", {Http("200 OK", "{\"ok\":1}")}, "parse"},
      {"fails", "cache_health", {Http("500 Internal Server Error", "oops")}, "other"},
      {"forbids", "cache_health", {Http("403 Forbidden", "{}")}, "auth"},
      {"unwell, and says so",
       "cache_health",
       {Http("503 Service Unavailable", health)},
       "other",
       true},
      {"over 16 MiB", "cache_health", {Http("200 OK", std::string(17 << 20, ' ')), true}, "limit"},

      {"closes mid-reply",
       "cache_health",
       {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"status\""},
       "connect"},
      {"closes mid-header", "cache_health", {"HTTP/1.1 200 OK\r\nContent-Le"}, "parse"},
      {"a byte now and then",
       "cache_health",
       {Http("200 OK", std::string(10'000, ' ')), true, Millis{20}},
       "timeout",
       false,
       true},
      {"1 GiB",
       "cache_health",
       {"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n" + std::string(1 << 20, ' '), true,
        Millis{0}, true},
       "limit"},
      {"endless headers without a colon",
       "cache_health",
       {"HTTP/1.1 200 OK\r\n", true, Millis{0}, true},
       "parse"},
      {"NULs", "cache_health", {Http("200 OK", std::string(64, '\0'))}, "parse"},
      {"bytes that are no text",
       "cache_health",
       {Http("200 OK", "{\"status\": \"\xff\xfe\"}")},
       "parse"},
      {"lists in lists", "cache_health", {Http("200 OK", Repeated("[", 100'000))}, "limit"},

      {"silent", "database_health", {"", true, Millis{0}, false, false}, "timeout", false, true},
      {"forbids", "database_health", {Http("401 Unauthorized", "{}")}, "auth"},
      {"no JSON", "database_health", {Http("200 OK", "nope")}, "parse"},
  };
}

// A message of PostgreSQL's protocol 3.0: its type, its length with these four bytes, its body.
std::string Message(char type, const std::string& body, std::uint32_t claimed = 0) {
  const std::uint32_t size = claimed != 0 ? claimed : static_cast<std::uint32_t>(body.size() + 4);
  std::string message(1, type);
  for (const int shift : {24, 16, 8, 0}) message += static_cast<char>(size >> shift);
  return message + body;
}

std::string Refusal(const std::string& state, const std::string& text) {
  return Message('E', "SFATAL\0VFATAL\0C"s + state + "\0M"s + text + "\0\0"s);
}

// https://www.postgresql.org/docs/15/protocol-message-formats.html
std::vector<Fault> PostgresFaults() {
  const std::string ok = Message('R', "\0\0\0\0"s);
  const std::string ready = Message('Z', "I");
  const std::string welcome = ok + Message('S', "server_version\00015.0\0"s) + ready;
  const std::string column =
      Message('T', "\0\1x\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"s);
  const std::string parameter = Message('S', "p\0"s + std::string(20'000, 'x') + "\0"s);
  const std::string filler(1 << 20, 'x');
  const RawAnswer silent{"", true, Millis{0}, false, false};
  const auto endless = [](const std::string& bytes, const std::string& greeting = {}) {
    return RawAnswer{bytes, true, Millis{0}, true, true, greeting};
  };
  const auto once = [&](const std::string& bytes) {
    return RawAnswer{bytes, true, Millis{0}, false, true, welcome};
  };
  return {
      {"silent", "pool", silent, "timeout", false, true},
      {"closes at once", "pool", {""}, "connect"},
      {"closes mid-greeting", "pool", {ok.substr(0, 6)}, "connect"},
      {"a byte now and then", "pool", {ok + parameter, true, Millis{20}}, "timeout", false, true},
      {"speaks HTTP", "pool", {"HTTP/1.1 400 Bad Request\r\n\r\n"}, "connect"},
      {"NULs", "pool", {std::string(64, '\0')}, "connect"},
      {"starting up", "pool", {Refusal("57P03", "the database system is starting up")}, "connect"},
      {"shutting down", "pool", {Refusal("57P03", "shutting down")}, "connect"},
      {"full", "pool", {Refusal("53300", "sorry, too many clients already")}, "connect"},
      {"wrong password", "pool", {Refusal("28P01", "no")}, "auth"},
      {"a refusal that is no text", "pool", {Refusal("53300", "\xff\xfe\x80 \xc3")}, "connect"},
      {"no version", "pool", {ok + ready, true, Millis{0}, false, false}, "connect"},
      // Past 30,000 bytes libpq takes it for protocol 2's: text up to a NUL.
      {"1 GiB of a refusal", "pool", endless(Message('E', filler, 0x7f7f7f7f)), "limit"},
      {"1 GiB of parameters", "pool", endless(ok + Repeated(parameter, 200)), "limit"},
      {"silent to queries",
       "pool",
       {"", true, Millis{0}, false, false, welcome},
       "timeout",
       false,
       true},
      {"closes mid-reply", "pool", once(column + "D\0\0"s), "connect"},
      {"ends its backend", "pool", once(Refusal("57P01", "terminating connection")), "connect"},
      {"NULs for a reply", "pool", once(std::string(64, '\0')), "connect"},
      {"a reply that is no message", "pool", once("\xff\xfe\x80 \xc3"), "connect"},
      {"1 GiB of a row", "pool",
       endless(column + Message('D', "\0\1\x3f\xff\xff\xf0"s + filler, 0x3ffffffa), welcome),
       "limit"},
      {"1 GiB of rows", "pool", endless(column + Message('D', "\0\1\0\x10\0\0"s + filler), welcome),
       "limit"},
  };
}

Target MakeTarget(std::string_view stem, const std::string& url) {
  Diagnostics diagnostics;
  const std::optional<YamlNode> node =
      YamlNode::Parse("targets: ['" + url + "']", "t.yml", diagnostics);
  for (const CollectorKind& kind : CollectorKinds()) {
    if (kind.stem != stem) continue;
    YamlMap map(*node, stem, diagnostics);
    CollectorResources resources;
    return kind.read(map, "orgs", resources).make(url).value();
  }
  ADD_FAILURE() << stem;
  return {};
}

std::string UrlOf(std::string_view stem, int port) {
  const std::string place = "127.0.0.1:" + std::to_string(port);
  if (stem == "pool" || stem == "partitions" || stem == "queries")
    return "postgresql://tw@" + place + "/postgres?sslmode=disable";
  return (stem == "redis" ? "redis://" : "http://") + place;
}

void ExpectEndsWell(const std::vector<Fault>& faults, std::size_t most_memory) {
  const SystemClock clock;
  for (const Fault& fault : faults) {
    SCOPED_TRACE(std::string(fault.stem) + ": " + fault.name);
    const RawServer server(fault.answer);
    const Target target = MakeTarget(fault.stem, UrlOf(fault.stem, server.port()));
    ForgetPeak();
    const std::size_t before = PeakMemory();
    const SteadyTime start = clock.Steady();
    const Millis timeout = fault.at_deadline ? kTimeout : Millis{10'000};
    const Sample sample = target.collector->Collect({clock, start + timeout, {}});
    const Millis took = std::chrono::duration_cast<Millis>(clock.Steady() - start);
    EXPECT_EQ(sample.up, fault.up);
    ASSERT_FALSE(sample.errors.empty());
    EXPECT_EQ(ReasonName(sample.errors[0].reason), fault.reason) << sample.errors[0].message;
    EXPECT_GE(took, fault.at_deadline ? kTimeout - Millis{50} : Millis{0});
    EXPECT_LT(took, Millis{10'000});
    EXPECT_LT(PeakMemory(), before + most_memory);
  }
}

TEST(Faults, EndInTheirReasonAndInTime) { ExpectEndsWell(Faults(), kMostMemory); }

// 64 MiB of rows in libpq's buffer, twice for a copy, and what comes in before the watchdog looks.
TEST(Faults, OfPostgresEndInTheirReasonAndInTime) {
  ExpectEndsWell(PostgresFaults(), kMostMemory + (192u << 20));
}

TEST(Faults, NobodyListens) {
  const SystemClock clock;
  for (const char* stem :
       {"redis", "cache_health", "database_health", "pool", "partitions", "queries"}) {
    const Target target = MakeTarget(stem, UrlOf(stem, FreePort()));
    const Sample sample = target.collector->Collect({clock, clock.Steady() + Millis{2'000}, {}});
    EXPECT_FALSE(sample.up);
    // Redis has a metric of its own that says so.
    EXPECT_EQ(sample.families.empty(), std::string_view(stem) != "redis");
    ASSERT_EQ(sample.errors.size(), 1u) << stem;
    EXPECT_EQ(sample.errors[0].reason, Reason::kConnect) << sample.errors[0].message;
  }
}

}  // namespace
}  // namespace tierwatch
