// The pure part of redis: a server's replies as metrics.
#pragma once

#include <string>

#include "collectors/collector.h"
#include "collectors/lsn_history.h"
#include "collectors/redis_replies.h"

namespace tierwatch {

/// What is remembered of a server between samples: one process has one start time, however its
/// clock rounds.
struct RedisProcess {
  std::string run_id;
  double start_time = 0;
  bool is_replica = false;
  LsnHistory stream;  // what was written to the replicas, and when
};

/// When the replies came.
struct SampleTime {
  TimestampMs wall;
  SteadyTime steady;
};

/// An error reply, but for an unknown command, is a problem; the other replies are read all the
/// same. At most 400 commands, 64 databases, replicas, events and codes of errors each. The wall
/// time stands in for the server's clock before Redis 6.
Sample RedisSample(const RedisReplies& replies, const SampleTime& time, RedisProcess& process);

}  // namespace tierwatch
