#include "base/network.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace tierwatch {
namespace {

bool Has(const std::string& network, const std::string& address) {
  const Result<Network> parsed = Network::Parse(network);
  EXPECT_TRUE(parsed.ok()) << network;
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    EXPECT_EQ(AddressText(reinterpret_cast<const sockaddr&>(v4)), address);
    return Contains({*parsed}, reinterpret_cast<const sockaddr&>(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  EXPECT_EQ(::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr), 1) << address;
  EXPECT_EQ(AddressText(reinterpret_cast<const sockaddr&>(v6)), address);
  return Contains({*parsed}, reinterpret_cast<const sockaddr&>(v6));
}

TEST(NetworkTest, Contains) {
  struct Case {
    const char *network, *in, *out;
  };
  const Case cases[] = {
      {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
      {"10.0.0.0/8", "::ffff:10.0.0.1", "2001:db8::a00:1"},  // mapped; not mapped
      {"192.168.4.0/22", "192.168.7.255", "192.168.8.0"},
      {"192.0.2.7", "192.0.2.7", "192.0.2.6"},
      {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
      {"::1", "::1", "127.0.0.1"},
      {"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
      {"::ffff:0:0/96", "203.0.113.9", "2001:db8::1"},
      {"fe80::/10", "febf::1", "fec0::1"},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(Has(c.network, c.in)) << c.network << " " << c.in;
    EXPECT_FALSE(Has(c.network, c.out)) << c.network << " " << c.out;
  }
  EXPECT_TRUE(Has("::/0", "203.0.113.9"));
}

TEST(NetworkTest, RefusesWhatIsNone) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/",
                           "::/129", "host", "10.0.0.0/ 8"})
    EXPECT_FALSE(Network::Parse(text).ok()) << text;
}

}  // namespace
}  // namespace tierwatch
