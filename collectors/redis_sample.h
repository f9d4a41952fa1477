// The pure part of redis: a server's replies as metrics.
#pragma once

#include <string>

#include "collectors/client/redis_reply.h"
#include "collectors/collector.h"

namespace tierwatch {

/// The replies of one sampling; nil where a command was not sent.
struct RedisReplies {
  RedisReply info;                // INFO ALL
  RedisReply slowlog_length;      // SLOWLOG LEN
  RedisReply slowlog_newest;      // SLOWLOG GET 1
  RedisReply latency_events;      // LATENCY LATEST
  RedisReply latency_histograms;  // LATENCY HISTOGRAM, since Redis 7
};

/// What is remembered of a server between samples: one process has one start time, however its
/// clock rounds.
struct RedisProcess {
  std::string run_id;
  double start_time = 0;
};

/// True for a command that the server does not know: an older version, or a managed one that hides
/// it.
bool IsUnknownCommand(const RedisReply& reply);

/// An error reply, but for an unknown command, is a problem; the other replies are read all the
/// same. At most 400 commands, 64 databases, replicas and events each. `now` stands in for the
/// server's clock before Redis 6.
Sample RedisSample(const RedisReplies& replies, TimestampMs now, RedisProcess& process);

}  // namespace tierwatch
