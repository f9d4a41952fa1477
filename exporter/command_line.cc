#include "exporter/command_line.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "base/log.h"
#include "build_info.inc"
#include "exporter/commands.h"

namespace tierwatch {
namespace {

constexpr int kUsage = 2;

struct Options {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
  std::string config_file;
  bool markdown = false;
  std::function<int()> command;
};

void AddLogOptions(CLI::App& app, Options& options) {
  const std::map<std::string, LogLevel> levels{{"debug", LogLevel::kDebug},
                                               {"info", LogLevel::kInfo},
                                               {"warn", LogLevel::kWarn},
                                               {"error", LogLevel::kError}};
  const std::map<std::string, LogFormat> formats{{"logfmt", LogFormat::kLogfmt},
                                                 {"json", LogFormat::kJson}};
  app.add_option("--log.level", options.level, "debug, info, warn or error")
      ->transform(CLI::CheckedTransformer(levels))
      ->type_name("LEVEL");
  app.add_option("--log.format", options.format, "logfmt or json")
      ->transform(CLI::CheckedTransformer(formats))
      ->type_name("FORMAT");
}

void AddRun(CLI::App& app, Options& options) {
  CLI::App* run = app.add_subcommand("run", "watch, serve, judge and tell, until SIGTERM");
  run->add_option("--config", options.config_file, "configuration file")->required();
  run->callback([&options] {
    options.command = [&options] {
      const std::unique_ptr<Logger> logger = MakeStderrLogger(options.level, options.format);
      return RunCommand(options.config_file, *logger);
    };
  });
}

void AddCheck(CLI::App& app, Options& options) {
  CLI::App* check =
      app.add_subcommand("check", "say what is wrong with a file")->require_subcommand(1);
  CLI::App* config = check->add_subcommand("config", "a configuration file");
  config->add_option("FILE", options.config_file, "configuration file")->required();
  config->callback([&options] {
    options.command = [&options] { return CheckConfigCommand(options.config_file); };
  });
}

void AddMetrics(CLI::App& app, Options& options) {
  CLI::App* metrics = app.add_subcommand("metrics", "list every metric that tierwatch can expose");
  metrics->add_flag("--markdown", options.markdown, "as tables for the README");
  metrics->callback(
      [&options] { options.command = [&options] { return MetricsCommand(options.markdown); }; });
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv) {
  Options options;
  CLI::App app("tierwatch: watches tiered caches and the PostgreSQL behind them", "tierwatch");
  app.set_version_flag("--version", "tierwatch " TIERWATCH_VERSION " (" TIERWATCH_REVISION ")");
  app.require_subcommand(1);
  app.fallthrough();  // --log.level is understood behind a command too
  AddLogOptions(app, options);
  AddRun(app, options);
  AddCheck(app, options);
  AddMetrics(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return options.command();
}

}  // namespace tierwatch
