// Networks of IP addresses, as a firewall has them: which peers may be spoken to.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sockaddr;

namespace tierwatch {

/// IPv4 as ::ffff:a.b.c.d.
using Address = std::array<unsigned char, 16>;
/// What "10.0.0.1" or "::1" is; nothing for a name.
std::optional<Address> ParseAddress(const std::string& text);

/// "10.0.0.0/8", "2001:db8::/32", or one address.
class Network {
 public:
  static Result<Network> Parse(std::string_view text);
  bool Contains(const Address& address) const;

 private:
  Address address_{};
  int bits_ = 128;
};
using Networks = std::vector<Network>;

/// Whether any of them has the address; an IPv4 address in IPv6's clothes counts as what it is. Of
/// families other than these two, none has any.
bool Contains(const Networks& networks, const sockaddr& address);
/// "10.0.0.1", "::1".
std::string AddressText(const sockaddr& address);

}  // namespace tierwatch
