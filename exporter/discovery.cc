#include "exporter/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "base/diagnostic.h"
#include "base/instruments.h"
#include "base/text_file.h"
#include "base/yaml.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMostTargets = 10'000;  // of an entry

constexpr MetricInfo kFailures{
    "tierwatch_discovery_failures_total",
    prometheus::MetricType::Counter,
    "Times that files or names of targets could not be read; the targets stayed as they were.",
    {"mechanism"}};
constexpr MetricInfo kMetrics[] = {kFailures};

// An address that something named, with the labels that came along.
struct Found {
  std::string address;
  Labels labels;
  auto operator<=>(const Found&) const = default;
};

std::string WithScheme(const std::string& address, const std::string& url) {
  const std::size_t hole = url.find("{}");
  if (address.find("://") != std::string::npos || hole == std::string::npos) return address;
  return std::string(url).replace(hole, 2, address);
}

TargetGroup ReadGroup(const YamlNode& node, Diagnostics& diagnostics) {
  YamlMap map(node, "group of targets", diagnostics);
  map.Require("targets");
  TargetGroup group{map.Strings("targets"), {}};
  for (const auto& [name, value] : map.StringMap("labels")) {
    if (name.starts_with("__")) continue;
    if (!IsLegacyLabelName(name)) {
      diagnostics.Add(map.Where("labels"), fmt::format("{} is not a label name", Quote(name)));
    } else {
      group.labels.Set(name, ToUtf8(value));
    }
  }
  return group;
}

}  // namespace

std::span<const MetricInfo> DiscoveryMetrics() { return kMetrics; }

Result<std::vector<TargetGroup>> ReadTargetFile(std::string_view text, const std::string& file) {
  Diagnostics diagnostics;
  const std::optional<YamlNode> root = YamlNode::Parse(text, file, diagnostics);
  std::vector<TargetGroup> groups;
  if (root && !root->IsSequence()) {
    diagnostics.Add(root->where(),
                    fmt::format("found {}, expected a list of targets", root->Describe()));
  } else if (root) {
    for (const YamlNode& node : root->items()) groups.push_back(ReadGroup(node, diagnostics));
  }
  if (!diagnostics.empty()) return Error{diagnostics.ToString(), Reason::kParse};
  return groups;
}

struct Discovery::Entry {
  explicit Entry(DiscoveredEntry entry) : config(std::move(entry)), names(config.names.size()) {}

  struct Name {
    SteadyTime due = SteadyTime::min();
    std::vector<std::string> addresses;
    std::string told;  // the last failure, which is told in the log but once
  };

  const DiscoveredEntry config;
  std::string texts;  // of the files, as they were read last
  std::vector<Found> in_files;
  std::vector<Name> names;
  std::set<std::string> members;  // addresses
  std::string told, told_of_targets;
};

Discovery::Discovery(std::vector<DiscoveredEntry> entries, Ask ask, Watch watch, const Clock& clock,
                     Logger& logger, prometheus::Registry& registry, Millis look)
    : ask_(std::move(ask)),
      watch_(std::move(watch)),
      clock_(clock),
      look_(look),
      logger_(logger),
      failures_(CounterFamily(kFailures, registry)) {
  replacement_ = std::move(entries);
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

Discovery::~Discovery() = default;

void Discovery::Take(const WatchedTarget& by, const std::optional<Members>& members) {
  if (by.entry.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto [at, fresh] =
      named_.try_emplace({by.entry, std::string(by.labels.Get("target"))}, Named{});
  const Named told{members.has_value(), members.value_or(at->second.members)};
  if (std::exchange(at->second, told) == told && !fresh) return;
  changed_ = true;
  wake_.notify_one();
}

void Discovery::Replace(std::vector<DiscoveredEntry> entries) {
  const std::lock_guard lock(mutex_);
  replacement_ = std::move(entries);
  changed_ = true;
  wake_.notify_one();
}

void Discovery::TakeReplacement() {
  std::optional<std::vector<DiscoveredEntry>> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh = std::exchange(replacement_, std::nullopt);
  }
  if (!fresh) return;
  std::vector<std::unique_ptr<Entry>> former = std::exchange(entries_, {});
  for (DiscoveredEntry& entry : *fresh) {
    const auto same = std::ranges::find_if(former, [&](const auto& one) {
      return one && one->config.target.settings == entry.target.settings;
    });
    entries_.push_back(same == former.end() ? std::make_unique<Entry>(std::move(entry))
                                            : std::move(*same));
  }
}

void Discovery::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    TakeReplacement();
    if (Look()) watch_(Targets());
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, look_, [this] { return changed_; });
  }
}

// True where there may be others to watch than before.
bool Discovery::Look() {
  bool changed = false;
  for (const auto& entry : entries_) {
    changed = LookAtFiles(*entry) || changed;
    changed = LookAtNames(*entry) || changed;
  }
  const std::lock_guard lock(mutex_);
  return std::exchange(changed_, false) || changed;
}

void Discovery::Fail(std::string_view mechanism, const std::string& error, std::string& told) {
  failures_.Add({{"mechanism", std::string(mechanism)}}).Increment();
  if (std::exchange(told, error) == error) return;
  logger_.Error("targets could not be discovered; those known stay",
                {{"mechanism", mechanism}, {"error", error}});
}

bool Discovery::LookAtFiles(Entry& entry) {
  std::string texts;
  std::vector<Found> found;
  for (const std::string& pattern : entry.config.files) {
    for (const std::string& file : ExpandGlob(pattern)) {
      const Result<std::string> text = ReadTextFile(file);
      if (!text.ok()) {
        Fail("file", text.error().message, entry.told);
        return false;
      }
      texts += fmt::format("{}\n{}:{}", file, text->size(), *text);
      const Result<std::vector<TargetGroup>> groups = ReadTargetFile(*text, file);
      if (!groups.ok()) {
        Fail("file", groups.error().message, entry.told);
        return false;
      }
      for (const TargetGroup& group : *groups) {
        for (const std::string& address : group.targets) found.push_back({address, group.labels});
      }
    }
  }
  entry.told.clear();
  if (std::exchange(entry.texts, std::move(texts)) == entry.texts) return false;
  entry.in_files = std::move(found);
  return true;
}

bool Discovery::LookAtNames(Entry& entry) {
  bool changed = false;
  for (std::size_t i = 0; i < entry.names.size(); ++i) {
    Entry::Name& name = entry.names[i];
    const DnsDiscovery& dns = entry.config.names[i];
    if (clock_.Steady() < name.due) continue;
    name.due = clock_.Steady() + dns.refresh;
    Result<std::vector<std::string>> addresses = ask_(dns.question);
    if (!addresses.ok()) {
      Fail("dns", addresses.error().message, name.told);
      continue;
    }
    name.told.clear();
    if (std::exchange(name.addresses, *std::move(addresses)) != name.addresses) changed = true;
  }
  return changed;
}

void Discovery::AddTargets(Entry& entry, std::vector<WatchedTarget>& targets) {
  const auto add = [&](const std::string& address, const Labels& labels, const auto& make) {
    Result<Target> made = make(address);
    if (!made.ok()) {
      Fail("address", made.error().message, entry.told_of_targets);
      return;
    }
    WatchedTarget target = entry.config.target.Copy();
    for (const Label& label : labels)
      if (!target.labels.Has(label.name)) target.labels.Set(label.name, label.value);
    target.labels.Set("target", made->name);
    target.settings += "\n" + address;
    target.entry = entry.config.target.settings;
    target.source = std::move(made->collector);
    targets.push_back(std::move(target));
  };
  // Members name the others, too, but are not asked for them.
  const CollectorEntry& source = entry.config.source;
  const std::string& url = entry.config.url;
  for (const std::string& address : source.addresses) add(address, {}, source.make);
  for (const Found& found : entry.in_files)
    add(WithScheme(found.address, url), found.labels, source.make);
  for (const Entry::Name& name : entry.names)
    for (const std::string& address : name.addresses)
      add(WithScheme(address, url), {}, source.make);
  if (!source.make_member) return;
  FindMembers(entry, targets);
  for (const std::string& address : entry.members) add(address, {}, source.make_member);
}

void Discovery::FindMembers(Entry& entry, const std::vector<WatchedTarget>& sources) {
  std::set<std::string> members, selves;
  bool answered = false;
  const std::lock_guard lock(mutex_);
  for (const WatchedTarget& source : sources) {
    const auto at =
        named_.find({entry.config.target.settings, std::string(source.labels.Get("target"))});
    if (at == named_.end()) return;  // not asked yet
    const auto& [answers, named] = at->second;
    selves.insert(named.self);  // one that is down is a member all the same
    if (!answers) continue;
    answered = true;
    members.insert(named.addresses.begin(), named.addresses.end());
  }
  if (!answered) return;
  for (const std::string& self : selves) members.erase(self);
  entry.members = std::move(members);
}

std::vector<WatchedTarget> Discovery::Targets() {
  std::vector<WatchedTarget> all;
  for (const auto& entry : entries_) {
    std::vector<WatchedTarget> targets;
    AddTargets(*entry, targets);
    if (targets.size() > kMostTargets) {
      Fail("limit",
           fmt::format("{} targets of one entry, at most {} are watched", targets.size(),
                       kMostTargets),
           entry->told_of_targets);
      targets.resize(kMostTargets);
    }
    std::ranges::move(targets, std::back_inserter(all));
  }
  return all;
}

}  // namespace tierwatch
