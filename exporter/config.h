// The configuration file: read strictly, whole, with every finding at once. tierwatch.yml's one
// reader.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notify/config.h"
#include "alerts/rules/rule_file.h"
#include "base/diagnostic.h"
#include "base/text_file.h"
#include "base/yaml.h"
#include "collectors/collector.h"
#include "exporter/discovery.h"
#include "exporter/http_server.h"
#include "exporter/runner.h"

namespace tierwatch {

/// What a process needs to know; the demo makes one in memory. Not copyable: targets own their
/// collectors.
struct Config {
  std::string file;              // whence it was read; "" where it was made
  CollectorResources resources;  // that its collectors share

  Millis evaluation_interval{15'000};  // default of every rule group
  Labels external_labels;              // told with every alert
  std::string external_url;            // where people find this tierwatch
  bool outage_counts = true;           // EvaluatorOptions::outage_counts
  Labels self_labels;  // what Prometheus will add when it scrapes us; local store only

  std::string storage_path;  // the folder of what outlives the process; "" = nothing does
  Millis retention{2 * 3'600'000};
  std::size_t max_bytes = 0;  // of samples in memory; 0 = no limit

  std::vector<WatchedTarget> targets;       // listed
  std::vector<DiscoveredEntry> discovered;  // entries whose targets come and go
  std::vector<RuleGroup>
      rules;             // of rule_files, whose globs are relative to the configuration file
  Diagnostics left_out;  // what is wrong with rule files that are left out
  NotifyConfig alerting;

  HttpServerOptions web;
  std::optional<Millis> charts{24 * 3'600'000};  // how long a link to a chart is good; none: off
  bool remote_write = false;                     // POST /api/v1/write is answered
};

/// Reads a configuration; `file` names it in findings and anchors relative paths. Nothing where
/// anything was found. A key that is known but whose effect is not built is a finding, never
/// ignored.
std::optional<Config> ReadConfig(std::string_view text, const std::string& file,
                                 CollectorResources& resources, Diagnostics& diagnostics);

/// Reads the file at `path`; one that can't be read is a finding.
std::optional<Config> ReadConfigFile(const std::string& path, CollectorResources& resources,
                                     Diagnostics& diagnostics);

/// Reads rule files with the signals of `signal_files`; what can't be read is a finding. With
/// `left_out` a rule file with findings gives no rules, and its findings go there.
std::vector<RuleGroup> ReadRuleFiles(const std::vector<std::string>& rule_files,
                                     const std::vector<std::string>& signal_files,
                                     const RuleDefaults& defaults, Diagnostics& diagnostics,
                                     Diagnostics* left_out = nullptr);

/// The files that a pattern of `rule_files` names, relative to `folder`, sorted.
std::vector<std::string> MatchingFiles(const std::filesystem::path& folder,
                                       const std::string& pattern);

/// The files `signals.yml` beside the rule files, each once.
std::vector<std::string> NeighbouringSignals(const std::vector<std::string>& rule_files);

}  // namespace tierwatch
