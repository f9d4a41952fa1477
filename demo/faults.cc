#include "demo/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/duration.h"
#include "base/yaml.h"

namespace tierwatch::demo {
namespace {

constexpr char kDefaultFaults[] =
#include "demo_faults.yml.inc"
    ;

constexpr std::array<std::pair<std::string_view, FaultKind>, 4> kKinds{{
    {"down", FaultKind::kDown},
    {"errors", FaultKind::kErrors},
    {"slow", FaultKind::kSlow},
    {"cold", FaultKind::kCold},
}};

std::optional<FaultKind> ReadKind(YamlMap& map) {
  const std::optional<std::string> name = map.String("fault");
  for (const auto& [known, kind] : kKinds) {
    if (name == known) return kind;
  }
  map.diagnostics().Add(
      map.Where("fault"),
      fmt::format("fault: found \"{}\", expected down, errors, slow or cold", name.value_or("")));
  return std::nullopt;
}

/// A duration that must be there and be positive (`at` may be zero).
Millis ReadTime(YamlMap& map, std::string_view key, Millis least) {
  const std::optional<Millis> time = map.Duration(key);
  if (map.Get(key) == nullptr || (time && *time < least)) {
    map.diagnostics().Add(map.Where(key), fmt::format("{}: expected a duration of at least {}", key,
                                                      FormatDuration(least)));
  }
  return time.value_or(least);
}

std::optional<Fault> ReadFault(const YamlNode& node, Diagnostics& diagnostics) {
  YamlMap map(node, "fault", diagnostics);
  const std::optional<FaultKind> kind = ReadKind(map);
  Fault fault;
  fault.at = ReadTime(map, "at", Millis(0));
  fault.duration = ReadTime(map, "for", Millis(1));
  if (!kind) {
    // One finding is enough: the keys of every kind are known here.
    for (const char* key : {"tier", "ratio", "extra_latency"}) map.Get(key);
    return std::nullopt;
  }
  fault.kind = *kind;
  if (*kind != FaultKind::kCold) {
    map.Require("tier");
    fault.tier = map.String("tier").value_or("");
    if (std::find(kTierNames.begin(), kTierNames.end(), fault.tier) == kTierNames.end()) {
      diagnostics.Add(map.Where("tier"), fmt::format("tier: found \"{}\", expected one of {}",
                                                     fault.tier, fmt::join(kTierNames, ", ")));
    }
  }
  if (*kind == FaultKind::kErrors) {
    map.Require("ratio");
    fault.error_ratio = map.Number("ratio").value_or(1);
    if (!(fault.error_ratio > 0 && fault.error_ratio <= 1)) {
      diagnostics.Add(map.Where("ratio"), "ratio: expected a number above 0, up to 1");
    }
  }
  if (*kind == FaultKind::kSlow) fault.extra_latency = ReadTime(map, "extra_latency", Millis(1));
  return fault;
}

}  // namespace

std::string Describe(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kDown:
      return fault.tier + " is down";
    case FaultKind::kErrors:
      return fmt::format("{:.0f} % of the calls to {} fail", 100 * fault.error_ratio, fault.tier);
    case FaultKind::kSlow:
      return fmt::format("{} answers {} late", fault.tier, FormatDuration(fault.extra_latency));
    case FaultKind::kCold:
      break;
  }
  return "the cache is cold: everything in it is invalidated again and again";
}

std::optional<std::vector<Fault>> ParseFaults(std::string_view text, std::string file,
                                              Diagnostics& diagnostics) {
  const std::size_t before = diagnostics.list().size();
  const std::optional<YamlNode> root = YamlNode::Parse(text, std::move(file), diagnostics);
  if (!root) return std::nullopt;
  std::vector<Fault> faults;
  YamlMap map(*root, "fault script", diagnostics);
  if (const YamlNode* list = map.Require("faults"); list != nullptr) {
    if (!list->IsSequence()) {
      diagnostics.Add(list->where(), "faults: found " + list->Describe() + ", expected a list");
    }
    for (const YamlNode& item : list->items()) {
      if (std::optional<Fault> fault = ReadFault(item, diagnostics)) faults.push_back(*fault);
    }
  }
  map.Finish();
  if (diagnostics.list().size() > before) return std::nullopt;
  return faults;
}

std::string_view DefaultFaults() { return kDefaultFaults; }

FaultPlayer::FaultPlayer(std::vector<Fault> script, Stage stage) : stage_(std::move(stage)) {
  for (Fault& fault : script) script_.push_back({.fault = std::move(fault)});
}

void FaultPlayer::Advance(Millis elapsed) {
  std::vector<const Played*> changed;
  for (Played& played : script_) {
    const Millis end = played.fault.at + played.fault.duration;
    const bool active = played.fault.at <= elapsed && elapsed < end;
    if (active != played.active) changed.push_back(&played);
    played.active = active;
    played.over = elapsed >= end;
  }
  // Links first, words after: whoever hears of a fault can already see it.
  SetLinks();
  for (const Played* played : changed) stage_.tell(played->fault, played->active);
}

bool FaultPlayer::done() const {
  return std::all_of(script_.begin(), script_.end(), [](const Played& p) { return p.over; });
}

void FaultPlayer::SetLinks() {
  for (const auto& [tier, link] : stage_.links) {
    bool down = false;
    double error_ratio = 0;
    Millis extra{0};
    for (const Played& played : script_) {
      if (!played.active || played.fault.tier != tier) continue;
      down = down || played.fault.kind == FaultKind::kDown;
      error_ratio = std::max(error_ratio, played.fault.error_ratio);
      extra = std::max(extra, played.fault.extra_latency);
    }
    link->down = down;
    link->error_ratio = error_ratio;
    link->extra_micros = Micros(extra).count();
  }
  const bool cold = std::any_of(script_.begin(), script_.end(), [](const Played& p) {
    return p.active && p.fault.kind == FaultKind::kCold;
  });
  if (cold) stage_.make_cold();
}

}  // namespace tierwatch::demo
