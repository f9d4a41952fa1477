// Puts what a test script loads into a store.
#pragma once

#include <unordered_map>

#include "alerts/promql/script.h"
#include "alerts/series/store.h"
#include "base/labels.h"
#include "base/result.h"

namespace tierwatch::promql {

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
