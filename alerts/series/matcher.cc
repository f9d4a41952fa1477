#include "alerts/series/matcher.h"

#include <re2/re2.h>

#include <algorithm>

namespace tierwatch::series {
namespace {

constexpr std::string_view kMeta = R"(\.+*?()|[]{}^$)";

bool IsLiteral(std::string_view pattern) {
  return pattern.find_first_of(kMeta) == std::string_view::npos;
}

// The branches of "a|b|c"; empty where one of them is more than plain text.
std::vector<std::string> LiteralAlternatives(std::string_view pattern) {
  std::vector<std::string> alternatives;
  while (true) {
    const std::size_t bar = pattern.find('|');
    const std::string_view branch = pattern.substr(0, bar);
    if (!IsLiteral(branch)) return {};
    alternatives.emplace_back(branch);
    if (bar == std::string_view::npos) return alternatives;
    pattern.remove_prefix(bar + 1);
  }
}

}  // namespace

Result<Matcher> Matcher::Make(MatchType type, std::string_view name, std::string_view value) {
  Matcher matcher(type, name, value);
  if (type == MatchType::kEqual || type == MatchType::kNotEqual) {
    matcher.literals_ = {std::string(value)};
    return matcher;
  }
  matcher.ChoosePlan();
  if (matcher.plan_ == Plan::kRe2) {
    RE2::Options options(RE2::Quiet);
    options.set_dot_nl(true);
    auto re2 = std::make_shared<RE2>("^(?s:" + matcher.value_ + ")$", options);
    // The pattern must be whole by itself: "a)(b" would be made valid by our parentheses.
    if (!re2->ok() || !RE2(matcher.value_, options).ok()) {
      return Error{"error parsing regexp: " +
                       (re2->ok() ? "unexpected ): `" + matcher.value_ + "`" : re2->error()),
                   Reason::kParse};
    }
    matcher.re2_ = std::move(re2);
  }
  return matcher;
}

Matcher Matcher::Equal(std::string_view name, std::string_view value) {
  Matcher matcher(MatchType::kEqual, name, value);
  matcher.literals_ = {std::string(value)};
  return matcher;
}

void Matcher::ChoosePlan() {
  literals_ = LiteralAlternatives(value_);
  if (!literals_.empty()) return;
  const auto ends_with = [&](std::string_view end) {
    return value_.ends_with(end) &&
           IsLiteral(std::string_view(value_).substr(0, value_.size() - end.size()));
  };
  plan_ = Plan::kRe2;
  if (!ends_with(".*") && !ends_with(".+")) return;
  prefix_ = value_.substr(0, value_.size() - 2);
  const bool more = value_.back() == '+';
  if (prefix_.empty()) {
    plan_ = more ? Plan::kNotEmpty : Plan::kAnything;
  } else {
    plan_ = more ? Plan::kPrefixAndMore : Plan::kPrefix;
  }
}

bool Matcher::MatchesPattern(std::string_view value) const {
  switch (plan_) {
    case Plan::kLiterals:
      return std::find(literals_.begin(), literals_.end(), value) != literals_.end();
    case Plan::kAnything:
      return true;
    case Plan::kNotEmpty:
      return !value.empty();
    case Plan::kPrefix:
      return value.starts_with(prefix_);
    case Plan::kPrefixAndMore:
      return value.size() > prefix_.size() && value.starts_with(prefix_);
    case Plan::kRe2:
      return RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *re2_);
  }
  return false;
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual:
      return value == value_;
    case MatchType::kNotEqual:
      return value != value_;
    case MatchType::kRegexp:
      return MatchesPattern(value);
    case MatchType::kNotRegexp:
      return !MatchesPattern(value);
  }
  return false;
}

std::string Matcher::ToString() const {
  static constexpr std::string_view kOperators[] = {"=", "!=", "=~", "!~"};
  const bool bare = name_.find(':') == std::string::npos && IsLegacyLabelName(name_);
  return (bare ? name_ : Quote(name_)) + std::string(kOperators[static_cast<int>(type_)]) +
         Quote(value_);
}

}  // namespace tierwatch::series
