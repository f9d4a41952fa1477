#include "collectors/client/redis_client.h"

#include <fmt/format.h>

#include <utility>

namespace tierwatch {
namespace {

// The server answers nothing else on this connection. Any other refusal of CLIENT SETNAME is no
// fault: the name is a courtesy to the server's operator.
bool IsTurnedAway(const RedisReply& reply) {
  return reply.IsError("NOAUTH") || reply.IsError("DENIED") ||
         reply.text.starts_with("ERR max number of clients");
}

}  // namespace

Result<void> RedisClient::Connect(const Deadline& deadline) {
  // A server may close what is idle (its `timeout`), or have been restarted: no failure of this
  // sample.
  if (connection_ && connection_->stream.Quiet()) return {};
  connection_.reset();
  Result<Stream> stream = Stream::Connect(options_.address, deadline);
  if (!stream.ok()) return std::move(stream).error();
  connection_.emplace(
      Connection{std::move(stream).value(), RedisReplyReader(options_.max_reply_bytes)});
  ++connections_;
  Result<void> introduced = Introduce(deadline);
  if (!introduced.ok()) connection_.reset();
  return introduced;
}

Result<void> RedisClient::Introduce(const Deadline& deadline) {
  std::vector<RedisCommand> commands;
  if (!options_.password.empty()) {
    const Result<std::string> password = options_.password.Read();
    if (!password.ok()) return Error{password.error()};
    RedisCommand& auth = commands.emplace_back(RedisCommand{"AUTH"});
    if (!options_.username.empty()) auth.push_back(options_.username);
    auth.push_back(*password);
  }
  if (options_.database != 0) commands.push_back({"SELECT", std::to_string(options_.database)});
  commands.push_back({"CLIENT", "SETNAME", "tierwatch"});
  const Result<std::vector<RedisReply>> replies = Exchange(commands, deadline);
  if (!replies.ok()) return Error{replies.error()};
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const RedisReply& reply = (*replies)[i];
    const bool courtesy = commands[i][0] == "CLIENT";
    if (!reply.IsError() || (courtesy && !IsTurnedAway(reply))) continue;
    Error error = RedisError(reply);
    if (commands[i][0] == "AUTH") error.reason = Reason::kAuth;
    if (courtesy && error.reason == Reason::kOther) error.reason = Reason::kConnect;
    return std::move(error).In(commands[i][0]);
  }
  return {};
}

Result<std::vector<RedisReply>> RedisClient::Run(std::span<const RedisCommand> commands,
                                                 const Deadline& deadline) {
  if (Result<void> connected = Connect(deadline); !connected.ok())
    return std::move(connected).error();
  Result<std::vector<RedisReply>> replies = Exchange(commands, deadline);
  if (!replies.ok()) connection_.reset();
  return replies;
}

Result<std::vector<RedisReply>> RedisClient::Exchange(std::span<const RedisCommand> commands,
                                                      const Deadline& deadline) {
  std::string bytes;
  for (const RedisCommand& command : commands) AppendRedisCommand(command, bytes);
  if (Result<void> sent = connection_->stream.Write(bytes, deadline); !sent.ok())
    return std::move(sent).error();
  connection_->reader.BeginCount();
  std::vector<RedisReply> replies;
  char buffer[16 * 1024];
  while (replies.size() < commands.size()) {
    Result<std::optional<RedisReply>> reply = connection_->reader.Next();
    if (!reply.ok()) return std::move(reply).error();
    if (*reply) {
      replies.push_back(std::move(**reply));
      continue;
    }
    const Result<std::size_t> got = connection_->stream.Read(buffer, sizeof buffer, deadline);
    if (!got.ok()) return Error{got.error()};
    if (Result<void> fed = connection_->reader.Feed({buffer, *got}); !fed.ok())
      return std::move(fed).error();
  }
  return replies;
}

}  // namespace tierwatch
