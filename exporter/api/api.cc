#include "exporter/api/api.h"

#include <iterator>

#include "exporter/api/query.h"

namespace tierwatch::api {

std::vector<Endpoint> ApiEndpoints(const ApiSource& source) {
  std::vector<Endpoint> all;
  const auto add = [&all](std::vector<Endpoint> some) {
    all.insert(all.end(), std::move_iterator(some.begin()), std::move_iterator(some.end()));
  };
  add(QueryEndpoints({source.engine, source.store, source.clock, source.stop}));
  return all;
}

}  // namespace tierwatch::api
