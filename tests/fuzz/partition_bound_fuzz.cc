// Whatever a server may say of its partitions' bounds: each line is one bound and one value.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/partition_bound.h"
#include "tests/fuzz/check_sample.h"

namespace tierwatch {
namespace {

constexpr KeyAxis kAxes[] = {KeyAxis::kUnknown, KeyAxis::kTime, KeyAxis::kInteger};

std::string Print(const std::vector<BoundValue>& values) {
  std::string text;
  for (const BoundValue& value : values) {
    text += text.empty() ? "(" : ", ";
    if (value.kind == BoundValue::Kind::kNull) text += "NULL";
    if (value.kind == BoundValue::Kind::kMin) text += "MINVALUE";
    if (value.kind == BoundValue::Kind::kMax) text += "MAXVALUE";
    if (value.kind != BoundValue::Kind::kLiteral) continue;
    text += '\'';
    for (const char c : value.text) text += c == '\'' ? "''" : std::string(1, c);
    text += '\'';
  }
  return text + ")";
}

std::string Print(const PartitionBound& bound) {
  switch (bound.kind) {
    case PartitionBound::Kind::kDefault:
      break;
    case PartitionBound::Kind::kRange:
      return "FOR VALUES FROM " + Print(bound.from) + " TO " + Print(bound.to);
    case PartitionBound::Kind::kList:
      return "FOR VALUES IN " + Print(bound.values);
    case PartitionBound::Kind::kHash:
      return "FOR VALUES WITH (modulus " + std::to_string(bound.modulus) + ", remainder " +
             std::to_string(bound.remainder) + ")";
  }
  return "DEFAULT";
}

void CheckValue(const BoundValue& value) {
  Require(!PositionOf(KeyAxis::kUnknown, value), "a position on no axis");
  for (const KeyAxis axis : kAxes) {
    const auto position = PositionOf(axis, value);
    if (position) Require(!std::isnan(UnixSeconds(*position)), "a position that is no number");
  }
}

void CheckBound(std::string_view text) {
  CheckValue({BoundValue::Kind::kLiteral, std::string(text)});
  AxisOfType(text);
  const auto bound = ParsePartitionBound(text);
  if (!bound) return;
  Require(bound->from.size() == bound->to.size(), "a range of two widths");
  Require(ParsePartitionBound(Print(*bound)) == bound, "printed and parsed, it is another bound");
  for (const auto* values : {&bound->from, &bound->to, &bound->values}) {
    for (const BoundValue& value : *values) CheckValue(value);
  }
}

void CheckCoverage(const RangeCoverage& coverage, std::size_t bounds) {
  Require(coverage.gaps() < std::max<std::size_t>(bounds, 1), "more gaps than bounds");
  Require(coverage.lower().has_value() == coverage.upper().has_value(), "half a coverage");
  if (coverage.lower()) Require(*coverage.lower() < *coverage.upper(), "upside down");
  for (const double now : {-1e12, 0.0, 1.7e9, 1e12}) {
    Require(coverage.RunwaySeconds(now) >= 0, "a runway below zero");
  }
}

}  // namespace
}  // namespace tierwatch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tierwatch;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> bounds;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    bounds.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(rest.size(), end + 1));
    CheckBound(bounds.back());
  }
  for (const KeyAxis axis : kAxes) {
    if (const auto coverage = RangeCoverage::Of(axis, bounds)) {
      CheckCoverage(*coverage, bounds.size());
    }
  }
  return 0;
}
