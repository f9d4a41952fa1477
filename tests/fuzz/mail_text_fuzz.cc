// What labels and annotations may bring into the header of a mail: no line of its own, and no
// address that says more than an address.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "alerts/receivers/mail_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto addresses = tierwatch::ParseMailAddresses(text);
  for (const std::string& address : addresses.ok() ? *addresses : std::vector<std::string>()) {
    if (address.find_first_of("\r\n <>,") != std::string::npos) std::abort();
  }
  const std::string value = tierwatch::EncodeMailHeader(text);
  for (std::size_t at = value.find_first_of("\r\n"); at != std::string::npos;
       at = value.find_first_of("\r\n", at + 3)) {
    if (value.compare(at, 3, "\r\n ") != 0) std::abort();
  }
  if (tierwatch::CanonicalHeaderName(text).find_first_of("\r\n: ") != std::string::npos)
    std::abort();
  return 0;
}
