// The reply to Redis's INFO, by key.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tierwatch {

/// Views into the text that was parsed, which must outlive it. Every line counts by its key, never
/// by its place: keys come, go and move between versions. Of equal keys the first counts.
class RedisInfo {
 public:
  using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

  /// Lines of `key:value`, sections as `# Name`, ends of line \r\n or \n; other lines are passed
  /// over. Errors: kParse where not one line has a key, kLimit over 20,000 keys.
  static Result<RedisInfo> Parse(std::string_view text);

  /// The value of a key; nothing where it is absent or empty.
  std::optional<std::string_view> Text(std::string_view key) const;
  /// A finite number; nothing for all else, "12%" too.
  std::optional<double> Number(std::string_view key) const;
  bool HasSection(std::string_view name) const { return sections_.contains(name); }

  /// The entries whose keys begin with `prefix`, without it, in the order of keys: {"get",
  /// "calls=1,usec=2"} of `cmdstat_get:calls=1,usec=2`.
  Fields WithPrefix(std::string_view prefix) const;

  /// `a=1,b=2` as pairs; parts without a `=` are passed over.
  static Fields ParseFields(std::string_view value);
  /// A field's number; nothing where it is absent or no number.
  static std::optional<double> Number(const Fields& fields, std::string_view name);
  static std::optional<std::string_view> Text(const Fields& fields, std::string_view name);

 private:
  std::map<std::string_view, std::string_view> values_;
  std::set<std::string_view> sections_;
};

}  // namespace tierwatch
