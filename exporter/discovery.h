// Targets that the configuration does not list: named by files, by DNS, or by other targets.
#pragma once

#include <prometheus/registry.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/dns.h"
#include "base/log.h"
#include "collectors/collector.h"
#include "exporter/runner.h"

namespace tierwatch {

/// An entry of `dns_sd`.
struct DnsDiscovery {
  DnsQuestion question;
  Millis refresh{30'000};
};

/// An entry of a collector whose targets come and go.
struct DiscoveredEntry {
  WatchedTarget target;  // what all of its targets have; its settings are the entry's identity
  CollectorEntry source;
  std::string url;                 // its `{}` becomes an address that has no scheme: "redis://{}"
  std::vector<std::string> files;  // globs of Prometheus's file_sd, absolute
  std::vector<DnsDiscovery> names;
};

/// tierwatch_discovery_failures_total
std::span<const MetricInfo> DiscoveryMetrics();

/// The `targets` and `labels` of a file in Prometheus's file_sd format, JSON or YAML. Labels that
/// begin with `__` are left out. `file` names it in the error, which tells all that is wrong.
struct TargetGroup {
  std::vector<std::string> targets;
  Labels labels;
};
Result<std::vector<TargetGroup>> ReadTargetFile(std::string_view text, const std::string& file);

/// Looks each `look`, on a thread of its own, and says what there is to watch whenever that
/// changes. What can't be read any more stays as it was last, is counted and told in the log. The
/// files of an entry are taken whole or not at all.
class Discovery {
 public:
  using Ask = std::function<Result<std::vector<std::string>>(const DnsQuestion&)>;
  using Watch = std::function<void(std::vector<WatchedTarget>)>;

  /// `watch` is called by the discovery's thread. All arguments outlive it.
  Discovery(std::vector<DiscoveredEntry> entries, Ask ask, Watch watch, const Clock& clock,
            Logger& logger, prometheus::Registry& registry, Millis look = Millis{5'000});
  ~Discovery();

  /// What the last sample of a target named. Members are those that the targets of an entry named
  /// that answered last, once each of them was asked: until then it isn't known under which address
  /// it is a member itself. Thread-safe, quick.
  void Take(const WatchedTarget& by, const std::optional<Members>& members);
  /// Goes on with other entries; what is known of those that stay as they are stays. Thread-safe.
  void Replace(std::vector<DiscoveredEntry> entries);

 private:
  struct Entry;

  void Run(const std::stop_token& stop);
  bool Look();
  bool LookAtFiles(Entry& entry);
  bool LookAtNames(Entry& entry);
  std::vector<WatchedTarget> Targets();
  void AddTargets(Entry& entry, std::vector<WatchedTarget>& targets);
  void FindMembers(Entry& entry, const std::vector<WatchedTarget>& sources);
  void TakeReplacement();
  void Fail(std::string_view mechanism, const std::string& error, std::string& told);

  std::vector<std::unique_ptr<Entry>> entries_;  // of the thread
  const Ask ask_;
  const Watch watch_;
  const Clock& clock_;
  const Millis look_;
  Logger& logger_;
  prometheus::Family<prometheus::Counter>& failures_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool changed_ = true;  // what targets named
  struct Named {
    bool answers = false;  // when it was last asked
    Members members;       // when it last answered
    bool operator==(const Named&) const = default;
  };
  std::map<std::pair<std::string, std::string>, Named> named_;  // by entry and target, once asked
  std::optional<std::vector<DiscoveredEntry>> replacement_;
  std::jthread thread_;
};

}  // namespace tierwatch
