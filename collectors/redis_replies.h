// What is asked of a Redis server in one sampling, and its replies.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "collectors/client/redis_reply.h"

namespace tierwatch {

/// The replies of one sampling; nil where a command was not sent.
struct RedisReplies {
  RedisReply info;                // INFO ALL; INFO SERVER of a sentinel
  RedisReply slowlog_length;      // SLOWLOG LEN
  RedisReply slowlog_newest;      // SLOWLOG GET 1
  RedisReply latency_events;      // LATENCY LATEST
  RedisReply latency_histograms;  // LATENCY HISTOGRAM, since Redis 7
  RedisReply cluster_info;        // CLUSTER INFO
  RedisReply cluster_nodes;       // CLUSTER NODES
  RedisReply sentinel_primary;    // SENTINEL MASTER name
  RedisReply sentinel_replicas;   // SENTINEL REPLICAS name
  RedisReply sentinel_quorum;     // SENTINEL CKQUORUM name
};

/// A command of the pipeline, and where its reply belongs.
struct RedisQuery {
  RedisCommand command;
  RedisReply RedisReplies::*reply;
};

enum class RedisKind { kServer, kClusterNode, kSentinel };

/// The pipeline of a server of this kind, INFO first; `primary` is the name by which sentinels know
/// the set of servers that they watch.
std::vector<RedisQuery> RedisQueries(RedisKind kind, const std::string& primary);

}  // namespace tierwatch
