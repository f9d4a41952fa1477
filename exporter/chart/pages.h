// The HTTP side of charts: /chart.png and /chart.svg for those with a link, /graph for an alert's
// generator URL.
#pragma once

#include <vector>

#include "exporter/chart/link.h"
#include "exporter/chart/question.h"
#include "exporter/http_server.h"

namespace tierwatch {

/// Charts are drawn one at a time: they are for people, and take no more than one core. `links`
/// must outlive the endpoints.
///
/// `/graph?g0.expr=EXPR[&g0.range_input=1h]` is a page without scripts: the chart, the values now.
std::vector<Endpoint> ChartEndpoints(ChartSource source, const ChartLinks& links);

}  // namespace tierwatch
