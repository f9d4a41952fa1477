#include "collectors/redis_problems.h"

#include <fmt/format.h>

#include <utility>

namespace tierwatch {
namespace {

constexpr std::size_t kMaxProblems = 16;

}  // namespace

bool IsUnknownCommand(const RedisReply& reply) {
  // "ERR unknown command …", "ERR unknown subcommand …", "ERR Unknown subcommand …"
  constexpr std::string_view kUnknown = "ERR unknown";
  std::string start = reply.text.substr(0, kUnknown.size());
  if (start.size() > 4 && start[4] == 'U') start[4] = 'u';
  return reply.IsError() && start == kUnknown;
}

bool RedisProblems::Accept(std::string_view command, const RedisReply& reply,
                           RedisReply::Kind kind) {
  if (reply.kind == kind) return true;
  if (reply.IsError()) {
    if (!IsUnknownCommand(reply)) Add(RedisError(reply).In(command));
  } else if (reply.kind != RedisReply::Kind::kNil) {
    Add(fmt::format("{}: a reply of another kind than expected", command));
  }
  return false;
}

bool RedisProblems::IsNew(std::set<std::string>& names, const std::string& name, std::size_t limit,
                          std::string_view what) {
  if (names.size() < limit) return names.insert(name).second;
  if (limit_told_.insert(what).second) Add(fmt::format("over {} {}", limit, what), Reason::kLimit);
  return false;
}

void RedisProblems::Add(Error error) {
  if (errors_.size() < kMaxProblems) errors_.push_back(std::move(error));
}

}  // namespace tierwatch
