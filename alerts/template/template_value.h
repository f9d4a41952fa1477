// Values that templates compute with, and their text as Go's fmt prints it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/labels.h"

namespace tierwatch::tmpl {

struct Value;
using List = std::vector<Value>;

/// What has named parts. They differ in what an absent name means, as Go's types do.
struct Mapping {
  enum class Kind {
    kStrings,  // map[string]string: an absent key is ""
    kAny,      // map[string]interface{}: an absent key is no value
    kStruct,   // an absent field is an error
  };
  Kind kind = Kind::kAny;
  std::map<std::string, Value, std::less<>> entries;
};

/// Which functions and data a template has: those of Prometheus's rules or of Alertmanager's
/// notifications.
enum class Dialect { kRules, kNotifications };

/// A point in time, and the zone that it is shown in.
struct Time {
  TimestampMs ms = 0;
  std::int32_t offset_seconds = 0;  // east of UTC
  std::string zone = "UTC";
};
/// A length of time in nanoseconds, as Go's time.Duration.
struct Duration {
  std::int64_t ns = 0;
};

/// Immutable and cheap to copy but for strings. Nothing (nil, no value) is the monostate.
struct Value {
  using Variant =
      std::variant<std::monostate, bool, std::int64_t, double, std::string, Time, Duration,
                   std::shared_ptr<const List>, std::shared_ptr<const Mapping>>;
  Variant v;

  template <class T>
  const T* As() const {
    return std::get_if<T>(&v);
  }
  const List* AsList() const;
  const Mapping* AsMapping() const;
  bool IsNil() const { return v.index() == 0; }
};

Value MakeList(List items);
Value MakeLabels(const Labels& labels);
Value MakeStruct(std::map<std::string, Value, std::less<>> fields);

/// Go's truth: false, 0, "", nil and whatever is empty are false; a struct and a time are true.
bool IsTrue(const Value& value);
/// The name of Go's type: "int", "float64", "string" …; "nil".
std::string_view TypeName(const Value& value);
/// What %v prints; nil is "<nil>".
std::string ToText(const Value& value);
/// Bytes held, for budgets.
std::size_t SizeOf(const Value& value);

}  // namespace tierwatch::tmpl
