// labels, label/<name>/values and series: what there is to ask about.
#pragma once

#include <stop_token>
#include <vector>

#include "alerts/series/store.h"
#include "base/clock.h"
#include "exporter/http_server.h"

namespace tierwatch::api {

struct SeriesSource {
  const series::Store& store;
  const Clock& clock;
  std::stop_token stop;
};

/// What the source refers to must outlive the endpoints. With `start` and `end`, series count that
/// have a sample in between.
std::vector<Endpoint> SeriesEndpoints(SeriesSource source);

}  // namespace tierwatch::api
