// What DNS says about a name, for discovery of targets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace tierwatch {

enum class DnsType { kA, kAaaa, kSrv };

struct DnsQuestion {
  std::string name;
  DnsType type = DnsType::kSrv;
  std::uint16_t port = 0;  // of the answers to A and AAAA, which name none
};

/// The answers as `host:port`, IPv6 in brackets, sorted, each once; at most 1,000. None where the
/// name exists and has no such record. Asks the servers of /etc/resolv.conf, or the one at
/// 127.0.0.1:`test_port`; blocks for at most about 5 s. Errors: there is no such name, no server
/// answered, the answer can't be read.
Result<std::vector<std::string>> AskDns(const DnsQuestion& question, std::uint16_t test_port = 0);

}  // namespace tierwatch
