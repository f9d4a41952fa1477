#include "alerts/template/template_functions.h"

#include <fmt/format.h>

#include <algorithm>

#include "alerts/template/go_format.h"
#include "alerts/template/template_builtins.h"

namespace tierwatch::tmpl {
namespace {

bool Fits(char parameter, const Value& value) {
  switch (parameter) {
    case 's':
      return value.As<std::string>() != nullptr;
    case 'l':
      return value.AsList() != nullptr;
    case 'm':
      return value.AsMapping() != nullptr && value.AsMapping()->kind == Mapping::Kind::kStruct;
    default:
      return true;
  }
}

std::string_view ParameterName(char parameter) {
  return parameter == 's'   ? "string"
         : parameter == 'l' ? "the result of a query"
                            : "a sample of a query";
}

using std::chrono::floor;

Result<Value> TimeMethod(const Time& time, std::string_view name, const Arguments& arguments) {
  const TimestampMs ms = time.ms;
  if (name == "Format") {
    const auto* layout = arguments.empty() ? nullptr : arguments[0].As<std::string>();
    if (!layout) return Error{"Format expects a layout"};
    return Value{FormatTime(time, *layout)};
  }
  if (name == "Unix") return Value{std::int64_t{floor<std::chrono::seconds>(Millis(ms)).count()}};
  if (name == "UnixMilli") return Value{std::int64_t{ms}};
  if (name == "UnixNano") return Value{std::int64_t{ms * 1'000'000}};
  if (name == "String") return Value{TimeText(time)};
  if (name == "UTC") return Value{Time{ms}};
  if (name == "Month") return Value{FormatTime(time, "January")};
  if (name == "Weekday") return Value{FormatTime(time, "Monday")};
  const auto number = [&time](std::string_view layout) {
    return Value{std::int64_t{std::atoll(FormatTime(time, layout).c_str())}};
  };
  if (name == "Year") return number("2006");
  if (name == "YearDay") return number("002");
  if (name == "Day") return number("2");
  if (name == "Hour") return number("15");
  if (name == "Minute") return number("4");
  return number("5");
}

Result<Value> DurationMethod(std::int64_t ns, std::string_view name) {
  const auto value = static_cast<double>(ns);
  if (name == "Hours") return Value{value / 3.6e12};
  if (name == "Minutes") return Value{value / 6e10};
  if (name == "Seconds") return Value{value / 1e9};
  if (name == "Milliseconds") return Value{std::int64_t{ns / 1'000'000}};
  return Value{DurationText(ns)};
}

constexpr std::string_view kTimeMethods[] = {"Format", "Unix",  "UnixMilli", "UnixNano", "String",
                                             "UTC",    "Month", "Weekday",   "Year",     "YearDay",
                                             "Day",    "Hour",  "Minute",    "Second"};
constexpr std::string_view kDurationMethods[] = {"Hours", "Minutes", "Seconds", "Milliseconds",
                                                 "String"};

// Prometheus's functions that Alertmanager has too.
constexpr std::string_view kShared[] = {"title",    "toUpper",      "toLower",         "match",
                                        "safeHtml", "reReplaceAll", "humanizeDuration"};

bool Has(std::span<const std::string_view> names, std::string_view name) {
  for (std::string_view candidate : names) {
    if (candidate == name) return true;
  }
  return false;
}

}  // namespace

const Function* FindFunction(Dialect dialect, std::string_view name) {
  const auto find = [name](std::span<const Function> table) -> const Function* {
    const auto found = std::find_if(table.begin(), table.end(),
                                    [name](const Function& f) { return f.name == name; });
    return found == table.end() ? nullptr : &*found;
  };
  if (const Function* function = find(GoFunctions())) return function;
  if (dialect == Dialect::kRules) return find(PrometheusFunctions());
  if (const Function* function = find(AlertmanagerFunctions())) return function;
  return Has(kShared, name) ? find(PrometheusFunctions()) : nullptr;
}

Result<Value> Call(const Function& function, const CallContext& context,
                   const Arguments& arguments) {
  std::string_view parameters = function.parameters;
  const bool variadic = parameters.ends_with('*');
  if (variadic) parameters.remove_suffix(1);
  const std::size_t least = variadic ? parameters.size() - 1 : parameters.size();
  if (arguments.size() < least || (!variadic && arguments.size() > least)) {
    return Error{fmt::format("wrong number of args for {}: want {}{} got {}", function.name,
                             variadic ? "at least " : "", least, arguments.size())};
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const char parameter = parameters[std::min(i, parameters.size() - 1)];
    if (!Fits(parameter, arguments[i])) {
      return Error{fmt::format("wrong type for {}: expected {}; got {}", function.name,
                               ParameterName(parameter), TypeName(arguments[i]))};
    }
  }
  Result<Value> result = function.call(context, arguments);
  if (!result.ok())
    return std::move(result).error().In(fmt::format("error calling {}", function.name));
  return result;
}

std::optional<Result<Value>> CallMethod(const Value& receiver, std::string_view name,
                                        const Arguments& arguments) {
  if (const auto* time = receiver.As<Time>(); time && Has(kTimeMethods, name)) {
    return TimeMethod(*time, name, arguments);
  }
  if (const auto* duration = receiver.As<Duration>(); duration && Has(kDurationMethods, name)) {
    return DurationMethod(duration->ns, name);
  }
  return std::nullopt;
}

}  // namespace tierwatch::tmpl
