#include "collectors/lock_chains.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "collectors/foreign_text.h"
#include "collectors/metric_tables.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr MetricInfo kLockChainDepth = Gauge(
    "tierwatch_pool_lock_chain_depth",
    "Waits one after the other in the longest chain of sessions that wait for locks; 0 where none "
    "waits. Of the 200 that have waited longest, as the next two.");
constexpr MetricInfo kRootBlockers =
    Gauge("tierwatch_pool_root_blockers",
          "Sessions that others wait for and that wait for nobody: the heads of the chains.");
constexpr MetricInfo kOldestLockWait = Gauge(
    "tierwatch_pool_oldest_lock_wait_seconds",
    "How long the session that waits longest for a lock has waited; before PostgreSQL 14, how "
    "long its statement has run; 0 where none waits.");
constexpr std::array kMetrics{kLockChainDepth, kRootBlockers, kOldestLockWait};

using Pid = int;
using Blockers = std::map<Pid, std::vector<Pid>>;  // of each session that waits

// pg_locks has no time of a wait before PostgreSQL 14, and for a moment after it began.
constexpr std::string_view kQuery = R"(
SELECT pid, pg_blocking_pids(pid)::text AS blockers, seconds
FROM (
  SELECT a.pid, extract(epoch FROM clock_timestamp() - {})::float8 AS seconds
  FROM pg_stat_activity a{}
  WHERE a.wait_event_type = 'Lock' ORDER BY seconds DESC NULLS LAST, a.pid LIMIT {}) waiter)";
constexpr std::string_view kWaitStart =
    " LEFT JOIN (SELECT pid, min(waitstart) AS since FROM pg_locks WHERE NOT granted GROUP BY 1) l "
    "ON l.pid = a.pid";

std::optional<Pid> ParsePid(std::string_view text) {
  Pid pid = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || pid < 0) return {};
  return pid;
}

// "{12,34}"
std::optional<std::vector<Pid>> ParsePids(std::string_view text) {
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return std::nullopt;
  std::vector<Pid> pids;
  for (const std::string_view word : SplitWords(text.substr(1, text.size() - 2), ',')) {
    const auto pid = ParsePid(word);
    if (!pid) return std::nullopt;
    pids.push_back(*pid);
  }
  return pids;
}

// The longest chain from each session on; those under way are of a circle, and end it.
class Depths {
 public:
  explicit Depths(const Blockers& blockers) : blockers_(blockers) {}

  int Of(Pid pid) {
    const auto waits = blockers_.find(pid);
    if (waits == blockers_.end()) return 0;
    const auto [known, fresh] = depths_.try_emplace(pid, 0);
    if (!fresh) return known->second;
    int deepest = 0;
    for (const Pid blocker : waits->second) deepest = std::max(deepest, Of(blocker) + 1);
    return known->second = deepest;
  }

 private:
  const Blockers& blockers_;
  std::map<Pid, int> depths_;
};

}  // namespace

std::span<const MetricInfo> LockChainMetrics() { return kMetrics; }

std::string LockChainsQuery(int version) {
  const bool knows_waits = version >= 140000;
  return fmt::format(fmt::runtime(kQuery), knows_waits ? "l.since" : "a.query_start",
                     knows_waits ? kWaitStart : "", kMostLockWaiters);
}

Result<LockChains> ReadLockChains(const Rows& rows) {
  if (rows.rows.size() > kMostLockWaiters) {
    return Error{fmt::format("{} sessions that wait, over the limit of {}", rows.rows.size(),
                             kMostLockWaiters),
                 Reason::kParse};
  }
  LockChains chains;
  Blockers blockers;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const auto pid = ParsePid(row.Text("pid"));
    auto pids = ParsePids(row.Text("blockers"));
    if (!pid || !pids) return Error{fmt::format("row {} makes no sense", i + 1), Reason::kParse};
    if (pids->empty()) continue;  // it has got its lock meanwhile
    blockers[*pid] = *std::move(pids);
    chains.oldest_wait_seconds =
        std::max(chains.oldest_wait_seconds, row.Number("seconds").value_or(0));
  }
  Depths depths(blockers);
  std::set<Pid> roots;
  for (const auto& [pid, of] : blockers) {
    chains.depth = std::max<double>(chains.depth, depths.Of(pid));
    std::copy_if(of.begin(), of.end(), std::inserter(roots, roots.end()),
                 [&](Pid blocker) { return !blockers.contains(blocker); });
  }
  chains.roots = static_cast<double>(roots.size());
  return chains;
}

void AddLockChains(const LockChains& chains, FamilySet& families) {
  families.Add(kLockChainDepth, {}, chains.depth);
  families.Add(kRootBlockers, {}, chains.roots);
  families.Add(kOldestLockWait, {}, chains.oldest_wait_seconds);
}

}  // namespace tierwatch
