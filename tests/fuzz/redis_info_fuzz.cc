// Everything that a Redis server, a node of a cluster or a sentinel may say: INFO and CLUSTER as
// text, and the replies of a whole pipeline as one stream.
#include <cstdint>
#include <string_view>

#include "collectors/redis_sample.h"
#include "tests/fuzz/check_sample.h"

namespace tierwatch {
namespace {

const SampleTime kTime{1'700'000'000'000, {}};

void Read(const RedisReplies& replies) {
  RedisProcess process;
  const Sample sample = RedisSample(replies, kTime, process);
  CheckSample(sample);
  if (!sample.members) return;
  Require(sample.members->addresses.size() <= 1'001, "too many members");
  for (const std::string& address : sample.members->addresses)
    Require(!address.empty() && address.size() < 100'000, "an address that is none");
}

void ReadText(std::string_view text) {
  RedisReplies replies;
  for (RedisReply* reply : {&replies.info, &replies.cluster_info, &replies.cluster_nodes}) {
    reply->kind = RedisReply::Kind::kText;
    reply->text = text;
  }
  Read(replies);
}

void ReadStream(RedisKind kind, std::string_view bytes) {
  RedisReplyReader reader(1 << 20);
  if (!reader.Feed(bytes).ok()) return;
  RedisReplies replies;
  for (const RedisQuery& query : RedisQueries(kind, "orgs")) {
    Result<std::optional<RedisReply>> next = reader.Next();
    if (!next.ok() || !*next) break;
    replies.*query.reply = std::move(**next);
  }
  Read(replies);
}

}  // namespace
}  // namespace tierwatch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tierwatch::RedisKind;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  tierwatch::ReadText(bytes);
  for (const RedisKind kind : {RedisKind::kServer, RedisKind::kClusterNode, RedisKind::kSentinel})
    tierwatch::ReadStream(kind, bytes);
  return 0;
}
