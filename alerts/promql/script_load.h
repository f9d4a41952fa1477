// Puts what a test script loads into a store.
#pragma once

#include <unordered_map>

#include "alerts/promql/script.h"
#include "alerts/series/sample.h"
#include "alerts/series/store.h"
#include "base/labels.h"
#include "base/result.h"

namespace tierwatch::promql {

/// Gives a histogram the reset hint that Prometheus's storage would read back. `last` is the
/// histogram that its series ended with (null after a float or nothing), and becomes this one.
void SetStoredHint(series::Sample& sample, series::HistogramPtr& last);

/// The store must outlive it. Histograms get the reset hints that Prometheus's storage would read
/// back.
class ScriptLoader {
 public:
  explicit ScriptLoader(series::Store& store) : store_(store) {}
  Result<void> Load(const ScriptLoad& load);

 private:
  void Append(const Labels& labels, std::vector<series::Sample> samples);
  Result<void> LoadCustomHistograms(const ScriptLoad& load);

  series::Store& store_;
  std::unordered_map<Labels, series::HistogramPtr, LabelsHash>
      last_;  // the histogram that a series ends with
};

}  // namespace tierwatch::promql
