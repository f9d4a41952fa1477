#include "base/dns.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <array>
#include <memory>
#include <set>

namespace tierwatch {
namespace {

constexpr std::size_t kMostAnswers = 1'000;

class Resolver {
 public:
  explicit Resolver(std::uint16_t test_port) {
    ready_ = ::res_ninit(&state_) == 0;
    state_.retrans = 1;  // seconds for a try
    state_.retry = 2;
    if (test_port == 0) return;
    state_.nscount = 1;
    state_.nsaddr_list[0] = {};
    state_.nsaddr_list[0].sin_family = AF_INET;
    state_.nsaddr_list[0].sin_port = htons(test_port);
    state_.nsaddr_list[0].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  ~Resolver() {
    if (ready_) ::res_nclose(&state_);
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The answer's message; empty where the name has no record of that type.
  Result<std::vector<unsigned char>> Ask(const std::string& name, int type) {
    if (!ready_) return Error{"the resolver can't be used"};
    std::vector<unsigned char> message(NS_MAXMSG);
    const int size = ::res_nquery(&state_, name.c_str(), ns_c_in, type, message.data(),
                                  static_cast<int>(message.size()));
    if (size >= 0) {
      message.resize(std::min<std::size_t>(static_cast<std::size_t>(size), message.size()));
      return message;
    }
    switch (state_.res_h_errno) {
      case NO_DATA:
        return std::vector<unsigned char>{};
      case HOST_NOT_FOUND:
        return Error{fmt::format("there is no name {}", name)};
      default:
        return Error{fmt::format("no answer about {}", name), Reason::kTimeout};
    }
  }

 private:
  struct __res_state state_ {};
  bool ready_ = false;
};

std::string Address(int family, const unsigned char* data, std::uint16_t port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, data, text.data(), text.size());
  return family == AF_INET6 ? fmt::format("[{}]:{}", text.data(), port)
                            : fmt::format("{}:{}", text.data(), port);
}

// One record as host:port; "" for one of another kind, an alias on the way.
Result<std::string> ReadRecord(const ns_msg& message, const ns_rr& record,
                               const DnsQuestion& question) {
  const unsigned char* const data = ns_rr_rdata(record);
  const std::size_t size = ns_rr_rdlen(record);
  if (ns_rr_type(record) == ns_t_a && question.type == DnsType::kA && size == 4)
    return Address(AF_INET, data, question.port);
  if (ns_rr_type(record) == ns_t_aaaa && question.type == DnsType::kAaaa && size == 16)
    return Address(AF_INET6, data, question.port);
  constexpr std::size_t kBeforeName = 6;  // priority, weight, port
  if (ns_rr_type(record) != ns_t_srv || question.type != DnsType::kSrv) return std::string();
  std::array<char, NS_MAXDNAME> host{};
  if (size <= kBeforeName || ::ns_name_uncompress(ns_msg_base(message), ns_msg_end(message),
                                                  data + kBeforeName, host.data(), host.size()) < 0)
    return Error{fmt::format("a record of {} can't be read", question.name), Reason::kParse};
  return fmt::format("{}:{}", host.data(), ns_get16(data + 4));
}

}  // namespace

Result<std::vector<std::string>> AskDns(const DnsQuestion& question, std::uint16_t test_port) {
  constexpr std::array<int, 3> kTypes{ns_t_a, ns_t_aaaa, ns_t_srv};
  auto resolver = std::make_unique<Resolver>(test_port);
  const auto answer = resolver->Ask(question.name, kTypes[static_cast<std::size_t>(question.type)]);
  if (!answer.ok()) return answer.error();
  std::set<std::string> found;
  if (answer->empty()) return std::vector<std::string>{};
  ns_msg message;
  if (::ns_initparse(answer->data(), static_cast<int>(answer->size()), &message) < 0)
    return Error{fmt::format("the answer about {} can't be read", question.name), Reason::kParse};
  for (int i = 0; i < ns_msg_count(message, ns_s_an) && found.size() < kMostAnswers; ++i) {
    ns_rr record;
    if (::ns_parserr(&message, ns_s_an, i, &record) < 0)
      return Error{fmt::format("the answer about {} can't be read", question.name), Reason::kParse};
    Result<std::string> address = ReadRecord(message, record, question);
    if (!address.ok()) return std::move(address).error();
    if (!address->empty()) found.insert(*std::move(address));
  }
  return std::vector<std::string>(found.begin(), found.end());
}

}  // namespace tierwatch
