#include "exporter/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <set>

#include "base/http_client.h"

namespace tierwatch {
namespace {

struct Defaults {
  Millis interval{15'000};
  Millis timeout{10'000};
  bool isolate_rule_files = false;  // a rule file with mistakes is left out, the others are taken
};

void RefuseUnbuilt(YamlMap& map, std::string_view key, std::string_view instead) {
  if (map.Get(key) != nullptr) {
    map.diagnostics().Add(map.Where(key), fmt::format("{} is not supported yet; {}", key, instead));
  }
}

// A duration that must be positive, like every interval and timeout.
Millis PositiveDuration(YamlMap& map, std::string_view key, Millis fallback) {
  const Millis value = map.Duration(key).value_or(fallback);
  if (value.count() > 0) return value;
  map.diagnostics().Add(map.Where(key), fmt::format("{} must be longer than 0", key));
  return fallback;
}

// `taken` names labels that are somebody else's to set.
Labels ReadLabels(YamlMap& map, std::string_view key,
                  std::initializer_list<std::string_view> taken) {
  Labels labels;
  for (const auto& [name, value] : map.StringMap(key)) {
    if (!IsLegacyLabelName(name) || name.starts_with("__")) {
      map.diagnostics().Add(map.Where(key),
                            fmt::format("{} is not a label name: letters, digits and _, "
                                        "not starting with a digit or __",
                                        Quote(name)));
    } else if (std::find(taken.begin(), taken.end(), name) != taken.end()) {
      map.diagnostics().Add(map.Where(key), fmt::format("the label {} can't be set here", name));
    } else if (!IsUtf8(value)) {
      map.diagnostics().Add(map.Where(key), fmt::format("the value of {} is not UTF-8", name));
    } else {
      labels.Set(name, value);
    }
  }
  return labels;
}

void ReadGlobal(const YamlNode& node, Config& config, Defaults& defaults,
                Diagnostics& diagnostics) {
  YamlMap map(node, "global", diagnostics);
  defaults.interval = PositiveDuration(map, "sample_interval", defaults.interval);
  defaults.timeout = PositiveDuration(map, "sample_timeout", defaults.timeout);
  config.evaluation_interval =
      PositiveDuration(map, "evaluation_interval", config.evaluation_interval);
  config.external_labels = ReadLabels(map, "external_labels", {});
  config.self_labels = ReadLabels(map, "self_labels", {"service", "target", "collector"});
  config.external_url = map.String("external_url").value_or("");
  const std::string isolation = map.String("rule_isolation").value_or("all");
  if (isolation != "all" && isolation != "file") {
    diagnostics.Add(map.Where("rule_isolation"),
                    fmt::format("found {}, expected all or file", Quote(isolation)));
  }
  defaults.isolate_rule_files = isolation == "file";
  config.outage_counts = map.Bool("outage_counts").value_or(config.outage_counts);
  const Result<Url> url = ParseUrl(config.external_url);
  if (!config.external_url.empty() && !(url.ok() && url->scheme.starts_with("http"))) {
    diagnostics.Add(map.Where("external_url"), "external_url must be an http:// or https:// URL");
  }
}

void ReadStorage(const YamlNode& node, Config& config, Diagnostics& diagnostics) {
  YamlMap map(node, "storage", diagnostics);
  config.retention = PositiveDuration(map, "retention", config.retention);
  config.max_bytes = static_cast<std::size_t>(map.Size("max_bytes").value_or(0));
  const std::string path = map.String("path").value_or(":memory:");
  if (path.empty()) {
    diagnostics.Add(map.Where("path"), "path must name a folder, or be \":memory:\"");
  } else if (path != ":memory:") {
    config.storage_path = path;
  }
}

void ReadWeb(const YamlNode& node, Config& config, Diagnostics& diagnostics) {
  YamlMap map(node, "web", diagnostics);
  config.web.listen_address = map.String("listen_address").value_or(config.web.listen_address);
  const std::string problem = CheckListenAddress(config.web.listen_address);
  if (!problem.empty()) diagnostics.Add(map.Where("listen_address"), problem);
  const std::int64_t connections = map.Int("max_connections").value_or(config.web.max_connections);
  if (connections < 2 || connections > 4096) {
    diagnostics.Add(map.Where("max_connections"), "max_connections must be 2 to 4096");
  } else {
    config.web.max_connections = static_cast<int>(connections);
  }
  if (const YamlNode* remote_write = map.Get("remote_write")) {
    YamlMap keys(*remote_write, "remote_write", diagnostics);
    config.remote_write = keys.Bool("enabled").value_or(false);
  }
  if (const YamlNode* charts = map.Get("charts")) {
    YamlMap keys(*charts, "charts", diagnostics);
    config.charts = PositiveDuration(keys, "expires", *config.charts);
    if (!keys.Bool("enabled").value_or(true)) config.charts.reset();
  }
  RefuseUnbuilt(map, "config_file", "put a proxy with TLS in front of tierwatch");
  if (const YamlNode* probe = map.Get("probe")) {
    YamlMap keys(*probe, "probe", diagnostics);
    if (keys.Bool("enabled").value_or(false)) {
      diagnostics.Add(keys.Where("enabled"), "/probe is not supported yet; leave it disabled");
    }
  }
}

// As Prometheus has it: this machine's name and the port. "" where the port isn't known yet.
std::string DefaultUrl(std::string_view listen_address) {
  std::array<char, 256> host{};
  const std::string_view port = listen_address.substr(listen_address.rfind(':') + 1);
  if (port == "0" || ::gethostname(host.data(), host.size() - 1) != 0) return "";
  return fmt::format("http://{}:{}", host.data(), port);
}

// Reads `collectors:` into config.targets and config.discovered.
class TargetReader {
 public:
  TargetReader(Config& config, const Defaults& defaults, CollectorResources& resources,
               Diagnostics& diagnostics)
      : config_(config),
        defaults_(defaults),
        resources_(resources),
        diagnostics_(diagnostics),
        folder_(std::filesystem::path(config.file).parent_path()) {}

  void Read(const YamlNode& node) {
    YamlMap map(node, "collectors", diagnostics_);
    for (const CollectorKind& kind : CollectorKinds()) {
      const YamlNode* entries = map.Get(kind.stem);
      if (entries == nullptr) continue;
      if (!entries->IsSequence()) {
        diagnostics_.Add(entries->where(), fmt::format("found {}, expected a list of entries of {}",
                                                       entries->Describe(), kind.stem));
      }
      for (const YamlNode& entry : entries->items()) ReadEntry(kind, entry);
    }
  }

 private:
  void ReadEntry(const CollectorKind& kind, const YamlNode& node) {
    YamlMap map(node, fmt::format("entry of {}", kind.stem), diagnostics_);
    map.Require("service");
    const std::string service = map.String("service").value_or("");
    if (map.Get("service") != nullptr && service.empty()) {
      diagnostics_.Add(map.Where("service"), "service must not be empty");
    }
    Labels labels = ReadLabels(
        map, "labels", {"service", "target", "collector", "job", "instance", "le", "quantile"});
    labels.Set("service", service);
    const Millis interval = PositiveDuration(map, "sample_interval", defaults_.interval);
    const Millis timeout =
        PositiveDuration(map, "sample_timeout", std::min(defaults_.timeout, interval));
    if (timeout > interval) {
      diagnostics_.Add(map.Where("sample_timeout"),
                       "sample_timeout must not be longer than sample_interval");
    }
    DiscoveredEntry entry{.target = {.collector = std::string(kind.stem),
                                     .labels = std::move(labels),
                                     .interval = interval,
                                     .timeout = timeout,
                                     .settings = fmt::format("{} {} {}", interval.count(),
                                                             timeout.count(), OriginOf(node))},
                          .source = {},
                          .url = "",
                          .files = {},
                          .names = {}};
    ReadMaxSeries(map, entry.target);
    ReadDiscovery(map, entry);
    entry.source = kind.read(map, service, resources_);
    map.Finish();
    std::vector<WatchedTarget> listed = ReadListed(entry, map.Where("targets"));
    if (!entry.files.empty() || !entry.names.empty() || entry.source.make_member) {
      // These are looked for by the entry as a whole.
      for (const std::string& address : entry.source.addresses)
        entry.target.settings += " " + address;
      config_.discovered.push_back(std::move(entry));
    } else {
      std::ranges::move(listed, std::back_inserter(config_.targets));
    }
  }

  // All of the entry but its targets, so that one of them may come or go beside the others.
  static std::string OriginOf(const YamlNode& entry) {
    std::string text;
    for (const YamlNode::Entry& key : entry.entries()) {
      if (key.key != "targets") text += Quote(key.key) + ": " + key.value.Canonical() + ", ";
    }
    return text;
  }

  void ReadMaxSeries(YamlMap& map, WatchedTarget& target) {
    const std::int64_t most =
        map.Int("max_series").value_or(static_cast<std::int64_t>(target.max_series));
    if (most < 100 || most > 10'000'000) {
      diagnostics_.Add(map.Where("max_series"), "max_series must be 100 to 10000000");
    } else {
      target.max_series = static_cast<std::size_t>(most);
    }
  }

  // Targets that the entry lists, made to find what is wrong with them.
  std::vector<WatchedTarget> ReadListed(const DiscoveredEntry& entry, const Location& where) {
    std::vector<WatchedTarget> listed;
    for (const std::string& address : entry.source.addresses) {
      Result<Target> made = entry.source.make(address);
      if (!made.ok()) {
        diagnostics_.Add(where, made.error().message);
        continue;
      }
      WatchedTarget target = entry.target.Copy();
      const std::array<std::string, 3> identity{
          target.collector, std::string(target.labels.Get("service")), made->name};
      if (!seen_.insert(identity).second) {
        diagnostics_.Add(where, fmt::format("{} watches {} of service {} twice", target.collector,
                                            made->name, identity[1]));
        continue;
      }
      target.labels.Set("target", made->name);
      target.settings += "\n" + address;
      target.source = std::move(made->collector);
      listed.push_back(std::move(target));
    }
    return listed;
  }

  void ReadDiscovery(YamlMap& map, DiscoveredEntry& entry) {
    for (const std::string& pattern : map.Strings("file_sd"))
      entry.files.push_back((folder_ / pattern).string());
    if (const YamlNode* names = map.Get("dns_sd")) {
      if (!names->IsSequence()) {
        diagnostics_.Add(names->where(),
                         fmt::format("found {}, expected a list of names", names->Describe()));
      }
      for (const YamlNode& node : names->items()) entry.names.push_back(ReadName(node));
    }
    entry.url = map.String("url").value_or(UrlOf(entry.target.collector));
    const bool discovers = !entry.files.empty() || !entry.names.empty();
    if (discovers && entry.target.collector == "replicas") {
      diagnostics_.Add(map.node().where(),
                       "replicas are not discovered; name the primary and its replicas");
    }
    if (map.Get("url") == nullptr) return;
    if (!discovers || entry.url.find("{}") == std::string::npos) {
      diagnostics_.Add(map.Where("url"),
                       "url is what an address of file_sd or dns_sd is put into, where its {} is: "
                       "postgresql://tierwatch@{}/orgs");
    }
  }

  static std::string UrlOf(std::string_view collector) {
    if (collector == "redis") return "redis://{}";
    if (collector == "cache_health" || collector == "database_health") return "http://{}";
    return "postgresql://{}";
  }

  DnsDiscovery ReadName(const YamlNode& node) {
    YamlMap map(node, "dns_sd", diagnostics_);
    map.Require("name");
    DnsDiscovery dns;
    dns.question.name = map.String("name").value_or("");
    const std::string type = map.String("type").value_or("SRV");
    dns.refresh = PositiveDuration(map, "refresh_interval", dns.refresh);
    if (type == "A" || type == "AAAA") {
      dns.question.type = type == "A" ? DnsType::kA : DnsType::kAaaa;
      map.Require("port");
    } else if (type != "SRV") {
      diagnostics_.Add(map.Where("type"),
                       fmt::format("found {}, expected SRV, A or AAAA", Quote(type)));
    }
    const std::int64_t port = map.Int("port").value_or(0);
    if (map.Get("port") != nullptr && (port < 1 || port > 65'535))
      diagnostics_.Add(map.Where("port"), "port must be 1 to 65535");
    dns.question.port = static_cast<std::uint16_t>(port);
    return dns;
  }

  Config& config_;
  const Defaults& defaults_;
  CollectorResources& resources_;
  Diagnostics& diagnostics_;
  const std::filesystem::path folder_;  // what relative paths are relative to
  std::set<std::array<std::string, 3>> seen_;
};

// The files that globs name, relative to `folder`, sorted, each once. A name without wildcards must
// exist.
std::vector<std::string> ExpandGlobs(YamlMap& map, std::string_view key,
                                     const std::filesystem::path& folder) {
  std::set<std::string> files;
  for (const std::string& pattern : map.Strings(key)) {
    const std::vector<std::string> found = MatchingFiles(folder, pattern);
    files.insert(found.begin(), found.end());
    if (found.empty() && pattern.find_first_of("*?[") == std::string::npos) {
      map.diagnostics().Add(map.Where(key),
                            fmt::format("there is no file {}", (folder / pattern).string()));
    }
  }
  return {files.begin(), files.end()};
}

// Reads each file and hands it on; what can't be read is a finding.
template <class Read>
void ForEachFile(const std::vector<std::string>& files, Diagnostics& diagnostics, Read read) {
  for (const std::string& file : files) {
    const Result<std::string> text = ReadTextFile(file);
    if (text.ok()) {
      read(*text, file);
    } else {
      diagnostics.Add({file, 0, 0}, text.error().message);
    }
  }
}

}  // namespace

std::vector<std::string> MatchingFiles(const std::filesystem::path& folder,
                                       const std::string& pattern) {
  return ExpandGlob((folder / pattern).string());
}

std::vector<std::string> NeighbouringSignals(const std::vector<std::string>& rule_files) {
  std::set<std::string> signals;
  for (const std::string& file : rule_files) {
    const std::filesystem::path path = std::filesystem::path(file).parent_path() / "signals.yml";
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) signals.insert(path.string());
  }
  return {signals.begin(), signals.end()};
}

std::vector<RuleGroup> ReadRuleFiles(const std::vector<std::string>& rule_files,
                                     const std::vector<std::string>& signal_files,
                                     const RuleDefaults& defaults, Diagnostics& diagnostics,
                                     Diagnostics* left_out) {
  SignalTable signals;
  ForEachFile(signal_files, diagnostics, [&](const std::string& text, const std::string& file) {
    ReadSignals(text, file, signals, diagnostics);
  });
  std::vector<RuleGroup> groups;
  ForEachFile(rule_files, diagnostics, [&](const std::string& text, const std::string& file) {
    Diagnostics findings;
    std::vector<RuleGroup> read = ReadRules(text, file, signals, defaults, findings);
    for (const Diagnostic& finding : findings.list())
      (left_out ? *left_out : diagnostics).Add(finding.where, finding.message);
    if (findings.empty() || !left_out) std::ranges::move(read, std::back_inserter(groups));
  });
  return groups;
}

std::optional<Config> ReadConfig(std::string_view text, const std::string& file,
                                 CollectorResources& resources, Diagnostics& diagnostics) {
  const std::optional<YamlNode> root = YamlNode::Parse(text, file, diagnostics);
  if (!root) return std::nullopt;
  Config config;
  config.file = file;
  Defaults defaults;
  {
    YamlMap map(*root, "configuration", diagnostics);
    if (const YamlNode* node = map.Get("global")) ReadGlobal(*node, config, defaults, diagnostics);
    if (const YamlNode* node = map.Get("storage")) ReadStorage(*node, config, diagnostics);
    if (const YamlNode* node = map.Get("web")) ReadWeb(*node, config, diagnostics);
    if (const YamlNode* node = map.Get("collectors")) {
      TargetReader(config, defaults, resources, diagnostics).Read(*node);
    }
    if (const YamlNode* node = map.Get("alerting"))
      config.alerting = ReadNotifyConfig(*node, diagnostics);
    const std::filesystem::path folder = std::filesystem::path(file).parent_path();
    config.rules = ReadRuleFiles(ExpandGlobs(map, "rule_files", folder),
                                 ExpandGlobs(map, "signal_files", folder),
                                 {.interval = config.evaluation_interval}, diagnostics,
                                 defaults.isolate_rule_files ? &config.left_out : nullptr);
  }
  if (!diagnostics.empty()) return std::nullopt;
  if (config.external_url.empty()) config.external_url = DefaultUrl(config.web.listen_address);
  config.resources = resources;
  return config;
}

std::optional<Config> ReadConfigFile(const std::string& path, CollectorResources& resources,
                                     Diagnostics& diagnostics) {
  const Result<std::string> text = ReadTextFile(path);
  if (text.ok()) return ReadConfig(*text, path, resources, diagnostics);
  diagnostics.Add({path, 0, 0}, text.error().message);
  return std::nullopt;
}

}  // namespace tierwatch
