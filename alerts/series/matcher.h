// A label matcher: name = value, !=, =~ or !~. Regular expressions are RE2, anchored, and `.`
// matches a newline.
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

namespace tierwatch::series {

enum class MatchType { kEqual, kNotEqual, kRegexp, kNotRegexp };

/// Immutable, cheap to copy, thread-safe. An absent label is matched as the empty value.
class Matcher {
 public:
  /// Errors: an invalid regular expression, in the words of Prometheus.
  static Result<Matcher> Make(MatchType type, std::string_view name, std::string_view value);
  /// name="value": the one matcher that can't fail.
  static Matcher Equal(std::string_view name, std::string_view value);

  bool Matches(std::string_view value) const;
  /// The values that match, where they can be listed (=, and =~ of an alternation of literals);
  /// else empty.
  const std::vector<std::string>& literals() const { return literals_; }

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  /// `name=~"value"`, as Prometheus prints it.
  std::string ToString() const;

 private:
  // How a regular expression is answered, cheapest first.
  enum class Plan { kLiterals, kAnything, kNotEmpty, kPrefix, kPrefixAndMore, kRe2 };

  Matcher(MatchType type, std::string_view name, std::string_view value)
      : type_(type), name_(name), value_(value) {}
  void ChoosePlan();
  bool MatchesPattern(std::string_view value) const;

  MatchType type_;
  std::string name_;
  std::string value_;
  Plan plan_ = Plan::kLiterals;
  std::vector<std::string> literals_;
  std::string prefix_;
  std::shared_ptr<const re2::RE2> re2_;
};

}  // namespace tierwatch::series
