// What is wrong with the replies of one sampling of a Redis server.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "collectors/client/redis_reply.h"

namespace tierwatch {

/// True for a command that the server does not know: an older version, or a managed one that hides
/// it.
bool IsUnknownCommand(const RedisReply& reply);

/// At most 16 are kept: a server that is wrong throughout need not say so a thousand times.
class RedisProblems {
 public:
  /// True for a reply of the kind that the command gives. All else but nil (not sent) and an
  /// unknown command is a problem.
  bool Accept(std::string_view command, const RedisReply& reply, RedisReply::Kind kind);

  /// True for a name that is not among `names` yet, which it joins; over the limit false and, once
  /// for each `what`, a problem.
  bool IsNew(std::set<std::string>& names, const std::string& name, std::size_t limit,
             std::string_view what);

  void Add(std::string message, Reason reason = Reason::kParse) {
    Add(Error{std::move(message), reason});
  }
  void Add(Error error);
  std::vector<Error> Take() && { return std::move(errors_); }

 private:
  std::vector<Error> errors_;
  std::set<std::string_view> limit_told_;
};

}  // namespace tierwatch
