// The functions that templates may call: Go's own, and Prometheus's or Alertmanager's.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "alerts/template/template.h"
#include "alerts/template/template_value.h"
#include "base/result.h"

namespace tierwatch::tmpl {

/// What functions are told besides their arguments; outlives the expansion.
struct CallContext {
  const std::string& external_url;
  TimestampMs time = 0;
  const TemplateQuery& query;
};

using Arguments = std::vector<Value>;

struct Function {
  std::string_view name;
  /// One letter per parameter: s string, v any value, l list, m sample of a query; a `*` behind the
  /// last one: any number of it, none too.
  std::string_view parameters;
  Result<Value> (*call)(const CallContext&, const Arguments&);
};

/// nullptr where the dialect has none of that name. `and` and `or` are here by name; they are
/// evaluated by the caller, since they don't evaluate all their arguments.
const Function* FindFunction(Dialect dialect, std::string_view name);

/// Checks the arguments against the parameters, then calls.
Result<Value> Call(const Function& function, const CallContext& context,
                   const Arguments& arguments);

/// The methods of times and durations: `(toTime 1).Format "2006"`, `.Unix`, `(toDuration
/// 90).Seconds` … Nothing where the type has no such method.
std::optional<Result<Value>> CallMethod(const Value& receiver, std::string_view name,
                                        const Arguments& arguments);

/// The methods of Alertmanager's data: `.Labels.SortedPairs`, `.Names`, `.Values`, `.Remove`;
/// `.Alerts.Firing`, `.Alerts.Resolved`. Nothing where the value has no such method.
std::optional<Result<Value>> CallNotificationMethod(const Value& receiver, std::string_view name,
                                                    const Arguments& arguments);

}  // namespace tierwatch::tmpl
