#include "collectors/pool.h"

#include <string>
#include <vector>

#include "base/http_client.h"
#include "collectors/lock_chains.h"
#include "collectors/metric_tables.h"
#include "collectors/pgbouncer_pools.h"
#include "collectors/postgres_connections.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr std::int64_t kDefaultTop = 20;
constexpr std::int64_t kMostTop = 100;

}  // namespace

std::span<const MetricInfo> PoolMetrics() {
  static const std::vector<MetricInfo> kAll =
      JoinMetrics({ConnectionsMetrics(), LockChainMetrics(), PgBouncerMetrics()});
  return kAll;
}

CollectorEntry ReadPool(YamlMap& entry, std::string_view, CollectorResources& resources) {
  const Secret password = ReadSecret(entry, "password");
  const std::size_t top = ReadTop(entry, kDefaultTop, kMostTop);
  CollectorEntry read;
  read.addresses = ReadTargets(entry, {"postgresql", "postgres", "pgbouncer"});
  read.make = [password, top,
               servers = SharedServers(resources)](const std::string& url) -> Result<Target> {
    if (url.starts_with("pgbouncer://")) {
      auto address = ParsePgBouncerAddress(url);
      if (!address.ok()) return std::move(address).error();
      return Target{address->Name(), MakePgBouncer(*address, password)};
    }
    auto server = FindServer(*servers, url, password);
    if (!server.ok()) return std::move(server).error();
    return Target{(*server)->address().Name(), MakeConnections(*server, top)};
  };
  return read;
}

}  // namespace tierwatch
