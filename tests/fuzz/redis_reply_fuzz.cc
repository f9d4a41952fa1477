// RESP: whatever the bytes and however they come in pieces, the same replies in the same order, or
// the same end; within the limits of the reader.
#include <cstdint>
#include <string>
#include <string_view>

#include "collectors/client/redis_reply.h"
#include "tests/fuzz/check_sample.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMaxBytes = 1 << 16;

std::size_t Print(const RedisReply& reply, int depth, std::string& out) {
  Require(depth <= 9, "too deep");
  std::size_t elements = reply.items.size();
  out += std::to_string(static_cast<int>(reply.kind)) + ":" + std::to_string(reply.integer) + ":" +
         reply.text + "(";
  for (const RedisReply& item : reply.items) elements += Print(item, depth + 1, out);
  out += ")";
  return elements;
}

std::string Read(std::string_view bytes, std::size_t piece) {
  RedisReplyReader reader(kMaxBytes);
  std::string out;
  std::size_t elements = 0;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    if (!reader.Feed(part).ok()) return out;
    for (;;) {
      const Result<std::optional<RedisReply>> next = reader.Next();
      if (!next.ok()) return out + "error";
      if (!*next) break;
      if ((*next)->IsError()) Require(RedisError(**next).message.size() < 1'000, "a long message");
      elements += Print(**next, 0, out);
      Require(elements <= kMaxBytes / 16, "too many elements");
    }
  }
  return out;
}

}  // namespace
}  // namespace tierwatch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > tierwatch::kMaxBytes) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = tierwatch::Read(bytes, size);
  tierwatch::Require(whole == tierwatch::Read(bytes, 1), "pieces of 1 differ");
  tierwatch::Require(whole == tierwatch::Read(bytes, 7), "pieces of 7 differ");
  return 0;
}
