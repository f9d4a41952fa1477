#include "base/network.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tierwatch {
namespace {

constexpr int kMappedBits = 96;  // of ::ffff:0:0

Address Mapped(const in_addr& v4) {
  Address bytes{};
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + 12, &v4, 4);
  return bytes;
}

std::optional<Address> BytesOf(const sockaddr& address) {
  if (address.sa_family == AF_INET)
    return Mapped(reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  if (address.sa_family != AF_INET6) return std::nullopt;
  Address bytes{};
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  return bytes;
}

}  // namespace

std::optional<Address> ParseAddress(const std::string& text) {
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return Mapped(v4);
  Address v6{};
  if (::inet_pton(AF_INET6, text.c_str(), v6.data()) == 1) return v6;
  return std::nullopt;
}

Result<Network> Network::Parse(std::string_view text) {
  const Error bad{
      fmt::format("\"{}\": expected a network such as 10.0.0.0/8 or 2001:db8::/32", text),
      Reason::kParse};
  const std::size_t slash = text.find('/');
  const std::string text_of_address(text.substr(0, slash));
  const std::optional<Address> address = ParseAddress(text_of_address);
  if (!address) return bad;
  Network network;
  network.address_ = *address;
  const int least = text_of_address.find(':') == std::string::npos ? kMappedBits : 0;
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  int bits = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (status != std::errc() || end != digits.data() + digits.size() || bits < 0 ||
      bits + least > 128)
    return bad;
  network.bits_ = bits + least;
  return network;
}

bool Network::Contains(const Address& address) const {
  const auto whole = static_cast<std::size_t>(bits_ / 8);
  if (!std::equal(address_.begin(), address_.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.begin()))
    return false;
  const int rest = bits_ % 8;
  return rest == 0 || (address_[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool Contains(const Networks& networks, const sockaddr& address) {
  const std::optional<Address> bytes = BytesOf(address);
  return bytes && std::any_of(networks.begin(), networks.end(),
                              [&](const Network& network) { return network.Contains(*bytes); });
}

std::string AddressText(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "";
  const void* bytes =
      address.sa_family == AF_INET
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr)
          : &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return ::inet_ntop(address.sa_family, bytes, text, sizeof text) == nullptr ? "?" : text;
}

}  // namespace tierwatch
