#include "alerts/rules/signals.h"

#include <fmt/format.h>

#include <array>

#include "alerts/promql/promql.h"
#include "base/labels.h"
#include "base/place.h"
#include "base/yaml.h"

namespace tierwatch {
namespace {

constexpr std::array<std::string_view, 5> kUnitNames = {"ratio", "seconds", "bytes", "count",
                                                        "boolean"};

/// The words of the condition language can't be names.
constexpr std::string_view kReserved[] = {"and", "or", "not", "true", "false"};

class SignalReader {
 public:
  SignalReader(std::string_view source, SignalTable& signals, Diagnostics& diagnostics)
      : source_(source), signals_(signals), diagnostics_(diagnostics) {}

  void Read(const YamlNode::Entry& entry) {
    Signal signal;
    signal.where = entry.where;
    CheckName(entry);
    YamlMap map(entry.value, "signal", diagnostics_);
    if (const YamlNode* expr = map.Require("expr")) signal.expr = ReadExpression(*expr);
    if (const YamlNode* unit = map.Require("unit")) signal.unit = ReadUnit(*unit);
    signal.help = map.String("help").value_or("");
    signal.by = {"service", "target"};
    if (map.Get("by")) signal.by = map.Strings("by");
    for (const std::string& label : signal.by) {
      if (!IsLegacyLabelName(label))
        diagnostics_.Add(map.Where("by"), "invalid label name: " + Quote(label));
    }
    signals_.emplace(entry.key, std::move(signal));
  }

 private:
  void CheckName(const YamlNode::Entry& entry) {
    if (!IsLegacyLabelName(entry.key)) {
      diagnostics_.Add(entry.where,
                       fmt::format("{} can't be a signal's name: expected letters, digits and _",
                                   Quote(entry.key)));
    }
    for (std::string_view word : kReserved) {
      if (entry.key == word)
        diagnostics_.Add(entry.where, fmt::format("\"{}\" is a word of conditions", word));
    }
    if (const auto found = signals_.find(entry.key); found != signals_.end()) {
      diagnostics_.Add(entry.where, fmt::format("signal \"{}\" is defined at {} already", entry.key,
                                                found->second.where.ToString()));
    }
  }

  std::string ReadExpression(const YamlNode& node) {
    const Result<promql::ExprPtr> expr = promql::Parse(node.text());
    if (!expr.ok()) {
      const TextError error = SplitPosition(node.text(), expr.error().message);
      diagnostics_.Add(PlaceInScalar(source_, node, error.offset),
                       "could not parse expression: " + error.message);
      return "";
    }
    if (promql::TypeOf(**expr) != promql::ValueType::kVector) {
      diagnostics_.Add(node.where(), "a signal is an instant vector");
    }
    return promql::Print(**expr);
  }

  Unit ReadUnit(const YamlNode& node) {
    for (std::size_t i = 0; i < kUnitNames.size(); ++i) {
      if (node.text() == kUnitNames[i]) return static_cast<Unit>(i);
    }
    diagnostics_.Add(node.where(),
                     fmt::format("found {}, expected one of ratio, seconds, bytes, count, boolean",
                                 node.Describe()));
    return Unit::kCount;
  }

  std::string_view source_;
  SignalTable& signals_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::string_view UnitName(Unit unit) { return kUnitNames[static_cast<std::size_t>(unit)]; }

void ReadSignals(std::string_view text, const std::string& file, SignalTable& signals,
                 Diagnostics& diagnostics) {
  const auto root = YamlNode::Parse(text, file, diagnostics);
  if (!root) return;
  YamlMap map(*root, "signal file", diagnostics);
  const YamlNode* list = map.Require("signals");
  if (!list) return;
  if (!list->IsMap()) {
    diagnostics.Add(list->where(),
                    fmt::format("found {}, expected a map of signals", list->Describe()));
    return;
  }
  SignalReader reader(text, signals, diagnostics);
  for (const YamlNode::Entry& entry : list->entries()) reader.Read(entry);
}

}  // namespace tierwatch
