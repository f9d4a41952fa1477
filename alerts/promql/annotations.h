// What an evaluation has to say beside its result: warnings and infos, each with its place in the
// query.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/promql/lexer.h"
#include "base/clock.h"

namespace tierwatch::promql {

/// Findings of one text are told once, with the place of the last. Source of texts and merging:
/// Prometheus 3.14, util/annotations. Not thread-safe.
class Annotations {
 public:
  void Warn(std::string text, const Place& where) { Add(warnings_, std::move(text), where); }
  void Info(std::string text, const Place& where) { Add(infos_, std::move(text), where); }

  /// The buckets of a classic histogram had to be made monotonic.
  struct Monotonicity {
    TimestampMs first = 0, last = 0;
    double least_bucket = 0, greatest_bucket = 0, greatest_difference = 0;
    int samples = 1;
  };
  void InfoMonotonicity(std::string_view metric, const Monotonicity& what, const Place& where);

  // Texts that several parts share.
  void WarnQuantile(double quantile, const Place& where);
  void WarnMixed(std::string_view metric,
                 const Place& where);  // floats and histograms in one range
  void InfoHistogramIgnored(std::string_view aggregation, const Place& where);
  void InfoHistogramIgnoredInRange(std::string_view metric, const Place& where);
  void WarnMixedSchemas(std::string_view metric, const Place& where);
  void InfoReconciled(std::string_view operation, const Place& where);
  void WarnResetCollision(std::string_view operation, const Place& where);

  /// "PromQL warning: … (1:10)", sorted.
  std::vector<std::string> Warnings() const { return Texts(warnings_, {}); }
  std::vector<std::string> Infos() const { return Texts(infos_, monotonicity_); }

 private:
  using Places = std::map<std::string, Place>;
  using Monotonicities = std::map<std::string, std::pair<Monotonicity, Place>>;

  static void Add(Places& places, std::string text, const Place& where) {
    places[std::move(text)] = where;
  }
  static std::vector<std::string> Texts(const Places& places, const Monotonicities& monotonicity);

  Places warnings_;
  Places infos_;
  Monotonicities monotonicity_;
};

/// ` for metric name "x"`, nothing for no name.
std::string ForMetric(std::string_view metric);

}  // namespace tierwatch::promql
