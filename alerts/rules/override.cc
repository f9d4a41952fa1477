#include "alerts/rules/override.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "alerts/promql/narrow.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMaxAlternatives = 16;

/// What is wanted of one label: a value, or none of some.
struct Wanted {
  std::optional<std::string> equal;
  std::set<std::string> unequal;
};
using Wants = std::map<std::string, Wanted>;

/// False where the wants contradict each other afterwards.
bool WantEqual(Wants& wants, const std::string& label, const std::string& value) {
  Wanted& wanted = wants[label];
  if (wanted.equal) return *wanted.equal == value;
  wanted.equal = value;
  return !wanted.unequal.contains(value);
}

bool WantUnequal(Wants& wants, const std::string& label, const std::string& value) {
  Wanted& wanted = wants[label];
  if (wanted.equal) return *wanted.equal != value;
  wanted.unequal.insert(value);
  return true;
}

/// The parts of `wants` that don't match: the first label differs, or it is equal and the second
/// differs, and so on.
void Exclude(const Wants& wants, const OverrideMatch& match, std::vector<Wants>& parts) {
  Wants equal_so_far = wants;
  for (const auto& [label, value] : match) {
    Wants part = equal_so_far;
    if (WantUnequal(part, label, value)) parts.push_back(std::move(part));
    if (!WantEqual(equal_so_far, label, value)) return;
  }
}

std::vector<series::Matcher> ToMatchers(const Wants& wants) {
  std::vector<series::Matcher> matchers;
  for (const auto& [label, wanted] : wants) {
    if (wanted.equal) {
      matchers.push_back(series::Matcher::Equal(label, *wanted.equal));
      continue;
    }
    for (const std::string& value : wanted.unequal) {
      matchers.push_back(*series::Matcher::Make(series::MatchType::kNotEqual, label, value));
    }
  }
  return matchers;
}

}  // namespace

std::optional<std::vector<std::vector<series::Matcher>>> OverrideRegion(
    const OverrideMatch& own, std::span<const OverrideMatch> earlier) {
  std::vector<Wants> parts(1);
  for (const auto& [label, value] : own) WantEqual(parts[0], label, value);
  for (const OverrideMatch& match : earlier) {
    std::vector<Wants> left;
    for (const Wants& part : parts) Exclude(part, match, left);
    if (left.size() > kMaxAlternatives) return std::nullopt;
    parts = std::move(left);
  }
  std::vector<std::vector<series::Matcher>> region;
  for (const Wants& part : parts) region.push_back(ToMatchers(part));
  return region;
}

promql::ExprPtr InRegion(const promql::ExprPtr& expr,
                         const std::vector<std::vector<series::Matcher>>& region) {
  if (region.size() == 1) return promql::Narrow(expr, region[0]);
  std::string text;
  for (const std::vector<series::Matcher>& matchers : region) {
    text += fmt::format("{}({})", text.empty() ? "" : " or ",
                        promql::Print(*promql::Narrow(expr, matchers)));
  }
  Result<promql::ExprPtr> joined = promql::Parse(text);
  return joined.ok() ? *std::move(joined) : nullptr;
}

}  // namespace tierwatch
