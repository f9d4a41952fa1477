// One connection to a Redis or Valkey server that is kept between calls: commands in a pipeline,
// one deadline for all.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "collectors/client/redis_reply.h"
#include "collectors/client/stream.h"

namespace tierwatch {

struct RedisOptions {
  StreamAddress address;
  std::string username;  // "" with a password: the default user, as before Redis 6
  Secret password;       // read again at every new connection
  int database = 0;
  std::size_t max_reply_bytes = 16u << 20;  // of all the replies of one Run
};

/// Used by one thread at a time. A connection on which anything failed is thrown away: the next
/// call makes a new one.
class RedisClient {
 public:
  explicit RedisClient(RedisOptions options) : options_(std::move(options)) {}

  /// Connects, authenticates, chooses the database and names the connection "tierwatch", where that
  /// is not done yet. Errors: those of Stream; kAuth (the password's file, NOAUTH, WRONGPASS);
  /// kParse and kLimit of replies.
  Result<void> Connect(const Deadline& deadline);

  /// Sends all commands at once and gives one reply for each; an error reply is a reply. Connects
  /// before, if need be.
  Result<std::vector<RedisReply>> Run(std::span<const RedisCommand> commands,
                                      const Deadline& deadline);

  /// Counts the connections made so far: what a server said on an earlier one may not hold on this
  /// one.
  int connections() const { return connections_; }
  /// Of the connection that is kept, -1 where there is none.
  int socket() const { return connection_ ? connection_->stream.socket() : -1; }

 private:
  struct Connection {
    Stream stream;
    RedisReplyReader reader;
  };
  Result<void> Introduce(const Deadline& deadline);
  Result<std::vector<RedisReply>> Exchange(std::span<const RedisCommand> commands,
                                           const Deadline& deadline);

  const RedisOptions options_;
  std::optional<Connection> connection_;
  int connections_ = 0;
};

}  // namespace tierwatch
