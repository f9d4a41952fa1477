// What a collector is: one method that reads a source and gives plain data back.
#pragma once

#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metric.h"
#include "base/result.h"
#include "base/yaml.h"

namespace tierwatch {

struct SampleContext {
  const Clock& clock;
  SteadyTime deadline;   // of the whole sample: no call may outlast it
  std::stop_token stop;  // the process is ending or the target was removed
  /// Told of each connection that stays open until the next sample, while nobody else uses it: once
  /// its peer hangs up, the target is sampled at once.
  std::function<void(int socket)> kept = [](int) {};

  /// What is left until the deadline, at least 1 ms.
  Millis Remaining() const;
};

/// Servers that a source names beside itself: a sentinel's primary and its replicas, the nodes of a
/// cluster. Each is watched as a target of its own.
struct Members {
  std::vector<std::string> addresses;  // for CollectorEntry::make_member
  /// The source itself under the address by which the others know it; "" where it is no member.
  std::string self;

  bool operator==(const Members&) const = default;
};

/// What a statement whose `queryid` is a label says: too long for a label of its own.
struct StatementText {
  std::string database, queryid, text;
};
inline constexpr std::size_t kLongestStatementText = 4'096;  // bytes; the rest is cut

/// What one sampling gave. What is unknown is absent: never zero, never an old value.
struct Sample {
  std::vector<prometheus::MetricFamily> families;
  /// What went wrong. Counted by reason, told in the log and on the overview page.
  std::vector<Error> errors;
  /// False: the source was not reached; families hold what is known all the same
  /// (`tierwatch_redis_up 0`).
  bool up = true;
  /// Nothing: not known this time, so what was known stands.
  std::optional<Members> members;
  /// Null: as they were.
  std::shared_ptr<const std::vector<StatementText>> statement_texts;

  /// The sample of a source that was not reached.
  static Sample Down(Error error, std::vector<prometheus::MetricFamily> families = {});
};

/// One target of one collector. Used by one thread at a time. Collectors do not log, retry, sleep
/// or know the time of day; the runner adds `tierwatch_target_up`, duration and errors by reason.
class Collector {
 public:
  virtual ~Collector() = default;
  virtual Sample Collect(const SampleContext& context) = 0;
  /// Called after a sample of a source that was up has been published, within the same bounds: a
  /// small step of work too slow for sampling. What it learns, and its errors, are in the next
  /// sample.
  virtual void AfterSample(const SampleContext&) {}
};

/// Connections that collectors of one process share.
class PostgresServers;
struct CollectorResources {
  std::shared_ptr<PostgresServers> postgres;
};

/// One thing to watch. `name` becomes the label `target`: host:port, never credentials or a path.
struct Target {
  std::string name;
  std::unique_ptr<Collector> collector;
};

/// One entry of a collector's list in the configuration, read and ready to watch any number of
/// addresses.
struct CollectorEntry {
  std::vector<std::string> addresses;  // `targets:`; `replicas` has its primary here
  std::function<Result<Target>(const std::string& address)> make;
  /// Of an address among Sample::members; null where the entry's targets name none.
  std::function<Result<Target>(const std::string& address)> make_member = nullptr;
};

/// A row of collectors.def.
struct CollectorKind {
  std::string_view stem;
  std::string_view summary;
  std::span<const MetricInfo> metrics;
  /// Reads the keys of an entry that are the collector's own. The caller has read service, labels,
  /// sample_interval, sample_timeout, file_sd and dns_sd, and calls Finish. Findings go to the
  /// map's diagnostics.
  CollectorEntry (*read)(YamlMap& entry, std::string_view service, CollectorResources& resources);
};

/// All collectors, in the order of collectors.def.
std::span<const CollectorKind> CollectorKinds();

/// Reads `targets:`, a list of URLs with one of `schemes`; what is wrong is reported.
std::vector<std::string> ReadTargets(YamlMap& entry,
                                     std::initializer_list<std::string_view> schemes);

}  // namespace tierwatch
