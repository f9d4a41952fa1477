// Names of targets from a real DNS server.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/dns.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DnsLive, AnswersAreHostsAndPorts) {
  if (!std::filesystem::exists("/usr/sbin/dnsmasq")) GTEST_SKIP() << "no dnsmasq here";
  const int port = FreePort();
  const Process server({"/usr/sbin/dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                        "--conf-file=/dev/null", "--pid-file=", "--user=root",
                        "--listen-address=127.0.0.1", "--bind-interfaces",
                        fmt::format("--port={}", port),
                        "--srv-host=_redis._tcp.example,a.example,6379",
                        "--srv-host=_redis._tcp.example,b.example,6380",
                        "--address=/h.example/10.0.0.1", "--address=/h.example/fd00::1"});
  ASSERT_TRUE(WaitForPort(port)) << server.Output();
  const auto ask = [&](const DnsQuestion& question) {
    return AskDns(question, static_cast<std::uint16_t>(port));
  };
  const auto services = ask({"_redis._tcp.example", DnsType::kSrv, 0});
  ASSERT_TRUE(services.ok()) << services.error().message;
  EXPECT_THAT(*services, ElementsAre("a.example:6379", "b.example:6380"));
  EXPECT_THAT(*ask({"h.example", DnsType::kA, 7}), ElementsAre("10.0.0.1:7"));
  EXPECT_THAT(*ask({"h.example", DnsType::kAaaa, 7}), ElementsAre("[fd00::1]:7"));
  const auto nobody = ask({"nobody.example", DnsType::kSrv, 0});
  EXPECT_FALSE(nobody.ok() && !nobody->empty());
}

TEST(DnsLive, ASilentServerIsAnError) {
  const auto answer = AskDns({"h.example", DnsType::kA, 7}, static_cast<std::uint16_t>(FreePort()));
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("no answer about h.example"));
}

}  // namespace
}  // namespace tierwatch
