// The table of faults: what a peer may do wrong, the reason it is counted under, how soon and with
// how much memory.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "collectors/collector.h"
#include "tests/support/process.h"
#include "tests/support/raw_server.h"

namespace tierwatch {
namespace {

using namespace std::string_literals;

constexpr Millis kTimeout{400};
// A reply may have 16 MiB, read and then parsed. ASan keeps 256 MiB of what is freed.
#ifdef __SANITIZE_ADDRESS__
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

TEST(Faults, EndInTheirReasonAndInTime) {
  const SystemClock clock;
  for (const Fault& fault : Faults()) {
    SCOPED_TRACE(std::string(fault.stem) + ": " + fault.name);
    const RawServer server(fault.answer);
    const std::string scheme = fault.stem == std::string("redis") ? "redis" : "http";
    const Target target =
        MakeTarget(fault.stem, scheme + "://127.0.0.1:" + std::to_string(server.port()));
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
    EXPECT_LT(PeakMemory(), before + kMostMemory);
  }
}

TEST(Faults, NobodyListens) {
  const SystemClock clock;
  for (const auto& [stem, scheme] :
       {std::pair{"redis", "redis"}, {"cache_health", "http"}, {"database_health", "http"}}) {
    const Target target =
        MakeTarget(stem, std::string(scheme) + "://127.0.0.1:" + std::to_string(FreePort()));
    const Sample sample = target.collector->Collect({clock, clock.Steady() + Millis{2'000}, {}});
    EXPECT_FALSE(sample.up);
    ASSERT_EQ(sample.errors.size(), 1u) << stem;
    EXPECT_EQ(sample.errors[0].reason, Reason::kConnect) << sample.errors[0].message;
  }
}

}  // namespace
}  // namespace tierwatch
