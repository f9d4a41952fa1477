#include "exporter/api/api.h"

#include <iterator>

#include "exporter/api/query.h"
#include "exporter/api/rules.h"
#include "exporter/api/series.h"
#include "exporter/api/targets.h"

namespace tierwatch::api {

std::vector<Endpoint> ApiEndpoints(const ApiSource& source) {
  std::vector<Endpoint> all;
  const auto add = [&all](std::vector<Endpoint> some) {
    all.insert(all.end(), std::move_iterator(some.begin()), std::move_iterator(some.end()));
  };
  add(QueryEndpoints({source.engine, source.store, source.clock, source.stop}));
  add(SeriesEndpoints({source.store, source.clock, source.stop}));
  add(RuleEndpoints(source.groups));
  add(TargetEndpoints(source.targets));
  add(StatusEndpoints({source.engine, source.store, source.clock, source.setup, source.groups,
                       source.targets, source.reloads}));
  return all;
}

}  // namespace tierwatch::api
