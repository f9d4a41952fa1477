// Everything that a Redis server may say: RESP, INFO and the replies to SLOWLOG and LATENCY, as one
// stream.
#include <cstdint>
#include <string_view>

#include "collectors/redis_sample.h"
#include "tests/fuzz/check_sample.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tierwatch;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  RedisReplies replies;
  RedisProcess process;
  // The bytes as INFO's text, then as the pipeline's replies.
  replies.info.kind = RedisReply::Kind::kText;
  replies.info.text = bytes;
  CheckSample(RedisSample(replies, 1'700'000'000'000, process));
  RedisReplyReader reader(1 << 20);
  if (!reader.Feed(bytes).ok()) return 0;
  for (RedisReply* reply : {&replies.info, &replies.slowlog_length, &replies.slowlog_newest,
                            &replies.latency_events, &replies.latency_histograms}) {
    Result<std::optional<RedisReply>> next = reader.Next();
    if (!next.ok() || !*next) break;
    *reply = std::move(**next);
  }
  CheckSample(RedisSample(replies, 1'700'000'000'000, process));
  return 0;
}
