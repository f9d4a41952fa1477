#include "collectors/redis_replies.h"

namespace tierwatch {

std::vector<RedisQuery> RedisQueries(RedisKind kind, const std::string& primary) {
  if (kind == RedisKind::kSentinel) {
    return {{{"INFO", "SERVER"}, &RedisReplies::info},
            {{"SENTINEL", "MASTER", primary}, &RedisReplies::sentinel_primary},
            {{"SENTINEL", "REPLICAS", primary}, &RedisReplies::sentinel_replicas},
            {{"SENTINEL", "CKQUORUM", primary}, &RedisReplies::sentinel_quorum}};
  }
  std::vector<RedisQuery> queries{{{"INFO", "ALL"}, &RedisReplies::info},
                                  {{"SLOWLOG", "LEN"}, &RedisReplies::slowlog_length},
                                  {{"SLOWLOG", "GET", "1"}, &RedisReplies::slowlog_newest},
                                  {{"LATENCY", "LATEST"}, &RedisReplies::latency_events},
                                  {{"LATENCY", "HISTOGRAM"}, &RedisReplies::latency_histograms}};
  if (kind == RedisKind::kClusterNode) {
    queries.push_back({{"CLUSTER", "INFO"}, &RedisReplies::cluster_info});
    queries.push_back({{"CLUSTER", "NODES"}, &RedisReplies::cluster_nodes});
  }
  return queries;
}

}  // namespace tierwatch
