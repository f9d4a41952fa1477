// RESP2, the protocol of Redis and Valkey: commands as bytes, bytes as replies. Over hiredis's
// formatter and reader.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tierwatch {

using RedisCommand = std::vector<std::string>;

struct RedisReply {
  enum class Kind { kNil, kText, kInteger, kError, kArray };
  Kind kind = Kind::kNil;
  std::string text;  // of a string, a status line or an error ("WRONGPASS invalid …"); any bytes
  std::int64_t integer = 0;
  std::vector<RedisReply> items;

  bool IsError() const { return kind == Kind::kError; }
  /// True for an error with this code: its first word.
  bool IsError(std::string_view code) const;
};

/// What an error reply means to a sample: NOAUTH and WRONGPASS kAuth, NOPERM kPrivileges, others
/// kOther. The message is bounded and clean UTF-8.
Error RedisError(const RedisReply& reply);

/// Appends the bytes of a command to `out`.
void AppendRedisCommand(const RedisCommand& command, std::string& out);

/// Reads replies from bytes as they come. After an error it is of no further use. Hostile bytes are
/// bounded: in total
/// (`max_bytes` since the last BeginCount), in elements (one for each 16 bytes allowed) and in
/// depth (7).
class RedisReplyReader {
 public:
  explicit RedisReplyReader(std::size_t max_bytes);
  ~RedisReplyReader();
  RedisReplyReader(RedisReplyReader&&) noexcept;

  /// Starts to count bytes anew: for the next batch of commands.
  void BeginCount();
  /// Errors: kLimit.
  Result<void> Feed(std::string_view bytes);
  /// The next whole reply, nothing where more bytes are needed. Errors: kParse, kLimit.
  Result<std::optional<RedisReply>> Next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tierwatch
