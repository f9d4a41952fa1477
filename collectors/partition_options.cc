#include "collectors/partition_options.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "base/duration.h"

namespace tierwatch {
namespace {

constexpr std::int64_t kMostTop = 100;
constexpr Millis kLeastInterval{60'000};

constexpr std::array<std::pair<std::string_view, KeyUnit>, 4> kUnits{
    {{"seconds", KeyUnit::kSeconds},
     {"milliseconds", KeyUnit::kMilliseconds},
     {"microseconds", KeyUnit::kMicroseconds},
     {"values", KeyUnit::kValues}}};

std::optional<Millis> ReadExactSizes(YamlMap& entry) {
  const YamlNode* node = entry.Get("exact_sizes");
  if (node == nullptr) return std::nullopt;
  YamlMap sizes(*node, "exact_sizes", entry.diagnostics());
  if (sizes.Require("interval") == nullptr) return std::nullopt;
  const auto interval = sizes.Duration("interval");
  if (interval && *interval < kLeastInterval) {
    entry.diagnostics().Add(sizes.Where("interval"), fmt::format("interval: expected {} or more",
                                                                 FormatDuration(kLeastInterval)));
  }
  return interval;
}

ByTable<Millis> ReadRetention(YamlMap& entry) {
  ByTable<Millis> retention;
  for (const auto& [glob, text] : entry.StringMap("retention")) {
    const Result<Millis> age = ParseDuration(text);
    if (age.ok() && *age > Millis{0}) {
      retention.emplace_back(glob, *age);
    } else {
      entry.diagnostics().Add(
          entry.Where("retention"),
          fmt::format("retention of {}: expected an age such as 90d, not \"{}\"", glob, text));
    }
  }
  return retention;
}

ByTable<KeyUnit> ReadIntegerKeys(YamlMap& entry) {
  ByTable<KeyUnit> keys;
  for (const auto& [glob, text] : entry.StringMap("integer_keys")) {
    const auto* unit =
        std::find_if(kUnits.begin(), kUnits.end(),
                     [&text = text](const auto& known) { return known.first == text; });
    if (unit != kUnits.end()) {
      keys.emplace_back(glob, unit->second);
    } else {
      entry.diagnostics().Add(entry.Where("integer_keys"),
                              fmt::format("integer_keys of {}: expected seconds, milliseconds, "
                                          "microseconds or values, not \"{}\"",
                                          glob, text));
    }
  }
  return keys;
}

}  // namespace

bool MatchesTable(const std::string& glob, const PartitionedTable& table) {
  return ::fnmatch(glob.c_str(), (table.schema + "." + table.name).c_str(), 0) == 0;
}

bool PartitionOptions::Wants(const PartitionedTable& table) const {
  return tables.empty() || std::any_of(tables.begin(), tables.end(), [&](const std::string& glob) {
           return MatchesTable(glob, table);
         });
}

void PartitionOptions::KeepWantedTrees(std::vector<PartitionedTable>& all) const {
  std::unordered_set<Oid> kept;
  for (const PartitionedTable& table : all) {
    if (Wants(table)) kept.insert(table.oid);
  }
  for (std::size_t before = 0; before != kept.size();) {  // a round for each level
    before = kept.size();
    for (const PartitionedTable& table : all) {
      if (kept.contains(table.parent)) kept.insert(table.oid);
    }
  }
  std::erase_if(all, [&kept](const PartitionedTable& table) { return !kept.contains(table.oid); });
}

PartitionOptions ReadPartitionOptions(YamlMap& entry) {
  PartitionOptions options;
  options.tables = entry.Strings("tables");
  options.probe_default = entry.Bool("probe_default").value_or(true);
  options.top = static_cast<std::size_t>(entry.Int("top_partitions", 0, kMostTop).value_or(0));
  options.exact_sizes = ReadExactSizes(entry);
  options.retention = ReadRetention(entry);
  options.integer_keys = ReadIntegerKeys(entry);
  return options;
}

}  // namespace tierwatch
