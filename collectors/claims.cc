#include "collectors/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tierwatch {
namespace {

constexpr std::size_t kMaxProblems = 16;

}  // namespace

void Claims::Number(const MetricInfo& info, LabelValues labels, const Json& value, double divisor) {
  if (value.IsNull()) return;
  const std::optional<double> number = value.Number();
  if (!number || *number < 0) {
    Problem({fmt::format("{}: no usable number", info.name), Reason::kParse});
    return;
  }
  families_.Add(info, labels, *number / divisor);
}

void Claims::Flag(const MetricInfo& info, LabelValues labels, const Json& value) {
  if (value.IsNull()) return;
  const std::optional<bool> flag = value.Bool();
  if (!flag) {
    Problem({fmt::format("{}: neither true nor false", info.name), Reason::kParse});
    return;
  }
  families_.Add(info, labels, *flag ? 1 : 0);
}

void Claims::State(const MetricInfo& info, std::string_view state,
                   std::span<const std::string_view> states) {
  const auto found = std::find(states.begin(), states.end(), state);
  const std::string_view current = found == states.end() ? states.back() : *found;
  for (const std::string_view each : states) families_.Add(info, {each}, each == current ? 1 : 0);
}

void Claims::Problem(Error error) {
  if (errors_.size() < kMaxProblems) errors_.push_back(std::move(error));
}

Sample Claims::Take() && {
  Sample sample;
  sample.families = std::move(families_).Take();
  sample.errors = std::move(errors_);
  return sample;
}

}  // namespace tierwatch
