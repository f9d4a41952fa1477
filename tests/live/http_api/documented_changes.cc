#include "tests/live/http_api/documented_changes.h"

#include <algorithm>
#include <string_view>

namespace tierwatch {
namespace {

using nlohmann::json;

struct ApiChange {
  std::string_view what;
  std::string_view source;
  bool (*explains)(const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours);
};

bool Has(const ApiRequest& request, std::string_view text) {
  return request.path.find(text) != std::string::npos ||
         request.body.find(text) != std::string::npos;
}

std::string ErrorOf(const ApiAnswer& answer) {
  return answer.body.contains("error") ? answer.body["error"].get<std::string>() : "";
}

// Both failed in the same way, and both say so up to `text`.
bool SameUpTo(const ApiAnswer& theirs, const ApiAnswer& ours, std::string_view text) {
  const std::string a = ErrorOf(theirs), b = ErrorOf(ours);
  const std::size_t at = a.find(text);
  return theirs.status == ours.status && at != std::string::npos &&
         theirs.body["errorType"] == ours.body["errorType"] && a.substr(0, at) == b.substr(0, at) &&
         b.find(text) == at;
}

constexpr ApiChange kApiChanges[] = {
    {"parse errors are told in other words", "3.0: the parser's messages name tokens otherwise",
     [](const ApiRequest&, const ApiAnswer& theirs, const ApiAnswer& ours) {
       return SameUpTo(theirs, ours, "parse error");
     }},
    {"an error names two series in the order of the storage", "chance, in Prometheus too",
     [](const ApiRequest&, const ApiAnswer& theirs, const ApiAnswer& ours) {
       return SameUpTo(theirs, ours, "on the right hand-side of the operation: [");
     }},
    {"a query that was over at once is told where it ended",
     "chance in Prometheus: the queue or the execution looks first",
     [](const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours) {
       return (Has(request, "timeout=0") || Has(request, "timeout=-1")) &&
              SameUpTo(theirs, ours, "query timed out in ");
     }},
    {"what is wrong with the expression of a range query is told of its "
     "parameter",
     "after 2.42: api.go, invalidParamError",
     [](const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours) {
       const std::string prefix = "invalid parameter \"query\": ";
       const std::string a = ErrorOf(theirs), b = ErrorOf(ours);
       if (!Has(request, "query_range") || theirs.status != ours.status) return false;
       if (a.find("parse error") == std::string::npos) return b == prefix + a;
       return b.starts_with(prefix) && b.find("parse error") != std::string::npos;
     }},
    {"a query chooses how far it looks back", "2.43 (#12088): lookback_delta",
     [](const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours) {
       return Has(request, "lookback_delta=") && theirs.status == 200 &&
              (ours.status == 200 || ErrorOf(ours).starts_with("error parsing lookback delta"));
     }},
    {"labels, label values, series and queries take a limit",
     "2.50 (#13396), 3.0 (#15552): limit, with a warning where it cuts",
     [](const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours) {
       return Has(request, "limit=") && theirs.status == 200 &&
              (ours.status == 400 || ours.body.contains("warnings"));
     }},
    {"label names may be any UTF-8", "3.0 (#15258): UTF-8 names, U__ escapes in paths",
     [](const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours) {
       return Has(request, "label/") && ours.status == 200 &&
              (ErrorOf(theirs).starts_with("invalid label name") || Has(request, "U__"));
     }},
    {"a rate of what is no counter is told", "2.48 (#12152): infos and warnings of PromQL",
     [](const ApiRequest&, const ApiAnswer& theirs, const ApiAnswer& ours) {
       json without = ours.body;
       without.erase("infos");
       without.erase("warnings");
       return theirs.status == ours.status && theirs.body == without;
     }},
    {"samples of a query are not counted here", "tierwatch: stats has timings alone",
     [](const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours) {
       if (!Has(request, "stats=") || theirs.status != 200 || ours.status != 200) return false;
       json a = theirs.body["data"], b = ours.body["data"];
       const bool timed = b["stats"]["timings"].contains("evalTotalTime");
       a.erase("stats");
       b.erase("stats");
       return timed && a == b;
     }},
    {"parse_query is new", "3.0 (#14624)",
     [](const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours) {
       return Has(request, "parse_query") && theirs.status == 404 && ours.status != 404;
     }},
    {"times that no number of milliseconds holds are refused",
     "tierwatch: Go makes times of the year 292277026596 of them",
     [](const ApiRequest& request, const ApiAnswer&, const ApiAnswer& ours) {
       return (Has(request, "=NaN") || Has(request, "=Inf") || Has(request, "=1e300")) &&
              ours.status == 400;
     }},
};

}  // namespace

bool IsDocumented(const ApiRequest& request, const ApiAnswer& theirs, const ApiAnswer& ours) {
  return std::any_of(std::begin(kApiChanges), std::end(kApiChanges), [&](const ApiChange& change) {
    return change.explains(request, theirs, ours);
  });
}

}  // namespace tierwatch
