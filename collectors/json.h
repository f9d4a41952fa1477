// JSON as plain data for lenient reading: what is missing or of the wrong kind is absent, never an
// error or a zero.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace tierwatch {

/// A value; a tree of values by value. Limits of Parse: 64 levels, 200,000 values.
class Json {
 public:
  enum class Kind { kNull, kBool, kNumber, kText, kList, kMap };

  /// Errors: kParse with the byte offset, kLimit.
  static Result<Json> Parse(std::string_view text);

  Kind kind() const { return kind_; }
  bool IsNull() const { return kind_ == Kind::kNull; }
  bool IsMap() const { return kind_ == Kind::kMap; }
  const std::vector<Json>& items() const { return items_; }
  const std::vector<std::pair<std::string, Json>>& members() const { return members_; }

  /// The member of a map (the last of equal keys); null where there is none.
  const Json& operator[](std::string_view key) const;

  /// What an RFC 6901 pointer names ("/a/0/b~1c"; "" is the value itself); null where there is
  /// nothing, also for a text that is no pointer.
  const Json& At(std::string_view pointer) const;
  static bool IsPointer(std::string_view text);

  /// A finite number; also one in a string, since drivers write large integers so.
  std::optional<double> Number() const;
  /// true and false; also as strings.
  std::optional<bool> Bool() const;
  /// A string that isn't empty, as a label value may be: malformed UTF-8 replaced, cut after 128
  /// bytes.
  std::optional<std::string> Text() const;
  /// Milliseconds since the epoch, of an RFC 3339 string or of a number that counts them.
  std::optional<TimestampMs> Time() const;

 private:
  friend class JsonBuilder;
  const Json* Element(std::string_view token) const;
  Kind kind_ = Kind::kNull;
  bool bool_ = false;
  double number_ = 0;
  std::string text_;
  std::vector<Json> items_;
  std::vector<std::pair<std::string, Json>> members_;
};

}  // namespace tierwatch
