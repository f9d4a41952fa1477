#include "exporter/commands.h"

#include <fmt/format.h>
#include <pthread.h>

#include <csignal>
#include <cstdio>

#include "exporter/app.h"
#include "exporter/config.h"
#include "exporter/metric_table.h"

namespace tierwatch {
namespace {

constexpr int kOk = 0, kWrong = 1;

std::optional<Config> ReadOrTell(const std::string& file) {
  CollectorResources resources;
  Diagnostics diagnostics;
  std::optional<Config> config = ReadConfigFile(file, resources, diagnostics);
  if (!config) fmt::print(stderr, "{}", diagnostics.ToString());
  return config;
}

}  // namespace

int RunCommand(const std::string& config_file, Logger& logger) {
  // Blocked before any thread is made, so that only sigwait below gets them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  std::optional<Config> config = ReadOrTell(config_file);
  if (!config) return kWrong;
  const SystemClock clock;
  auto app = App::Start(*std::move(config), clock, logger);
  if (!app.ok()) {
    fmt::print(stderr, "tierwatch: {}\n", app.error().message);
    return kWrong;
  }
  int signal = SIGHUP;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) {
    logger.Warn("reloading on SIGHUP is not supported yet; restart to apply a new configuration");
  }
  logger.Info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  return kOk;
}

int CheckConfigCommand(const std::string& config_file) {
  const std::optional<Config> config = ReadOrTell(config_file);
  if (!config) return kWrong;
  fmt::print("{}: ok: {} targets, {} rule files\n", config_file, config->targets.size(),
             config->rule_files.size());
  return kOk;
}

int MetricsCommand(bool markdown) {
  fmt::print("{}", markdown ? MetricTableMarkdown() : MetricTableText());
  return kOk;
}

}  // namespace tierwatch
