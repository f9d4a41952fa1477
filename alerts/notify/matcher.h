// Alertmanager's label matchers: what routes (and later silences and inhibitions) select alerts by.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/labels.h"
#include "base/result.h"

namespace re2 {
class RE2;
}

namespace tierwatch {

enum class AlertMatch { kEqual, kNotEqual, kRegex, kNotRegex };

/// One condition on one label; an absent label has the value "". Regular expressions are anchored
/// at both ends.
class AlertMatcher {
 public:
  static Result<AlertMatcher> Make(std::string name, AlertMatch type, std::string value);

  bool Matches(const Labels& labels) const;
  /// `name="value"` as Alertmanager 0.34 prints it in route keys; a name with reserved characters
  /// is quoted.
  std::string ToString() const;

  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  AlertMatch type() const { return type_; }

 private:
  AlertMatcher() = default;
  std::string name_;
  AlertMatch type_ = AlertMatch::kEqual;
  std::string value_;
  std::shared_ptr<const re2::RE2> regex_;
};

/// Matchers that must all hold, in Alertmanager's order: by name, value, type.
class AlertMatchers {
 public:
  void Add(AlertMatcher matcher);
  bool Matches(const Labels& labels) const;
  bool empty() const { return list_.empty(); }
  /// `{a="b",c=~"d"}`.
  std::string ToString() const;
  const std::vector<AlertMatcher>& list() const { return list_; }

 private:
  std::vector<AlertMatcher> list_;
};

/// Parses `a="b"`, `{a=b, "ü"=~"c.*"}` and so on, as Alertmanager does by default: the classic
/// syntax (values may be bare and hold spaces, unknown escapes are literal) where it fits, the
/// UTF-8 syntax otherwise.
Result<std::vector<AlertMatcher>> ParseAlertMatchers(std::string_view text);

}  // namespace tierwatch
