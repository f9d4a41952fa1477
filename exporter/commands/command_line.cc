#include "exporter/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "build_info.inc"
#include "exporter/commands/backtest_command.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/demo_command.h"
#include "exporter/commands/notify_commands.h"
#include "exporter/commands/rule_test_command.h"
#include "exporter/commands/rules_check_command.h"

namespace tierwatch {
namespace {

constexpr int kUsage = 2;

struct Options {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
  std::string config_file;
  bool markdown = false;
  DemoOptions demo;
  RuleFiles rules;
  RuleTestCommandOptions rule_tests;
  RulesCheckOptions check;
  BacktestCommandOptions backtest;
  std::vector<std::string> scripts;
  bool verbose = false;
  QueryCommandOptions query;
  std::string url = "http://localhost:9917";
  SilenceOptions silence;
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

void AddRuleFiles(CLI::App& command, Options& options) {
  command.add_option("FILE", options.rules.files, "rule files")->required();
  command.add_option("--signals", options.rules.signals,
                     "files of signals (default: signals.yml beside each rule file)");
}

void AddCheck(CLI::App& app, Options& options) {
  CLI::App* check =
      app.add_subcommand("check", "say what is wrong with a file")->require_subcommand(1);
  CLI::App* config = check->add_subcommand("config", "a configuration file");
  config->add_option("FILE", options.config_file, "configuration file")->required();
  config->callback([&options] {
    options.command = [&options] { return CheckConfigCommand(options.config_file); };
  });
  CLI::App* rules = check->add_subcommand("rules", "rule files of either format");
  AddRuleFiles(*rules, options);
  rules->add_flag("--lint-fatal", options.check.lint_fatal, "warnings count as errors");
  rules->add_option(
      "--url", options.check.url,
      "a Prometheus whose metrics the rules are about (default: what tierwatch exports)");
  rules->add_option("--interval", options.check.interval,
                    "of all samples, for ranges that are too short");
  rules->callback([&options] {
    options.command = [&options] { return CheckRulesCommand(options.rules, options.check); };
  });
}

void AddBacktest(CLI::App& rules, Options& options) {
  CLI::App* backtest = rules.add_subcommand(
      "backtest", "replay rules over a Prometheus's history: how often would they have paged?");
  AddRuleFiles(*backtest, options);
  backtest->add_option("--url", options.backtest.url, "the Prometheus")->required();
  backtest
      ->add_option("--from", options.backtest.from, "RFC 3339, Unix seconds, or so long ago: 6h")
      ->required();
  backtest->add_option("--to", options.backtest.to, "likewise, or now")->capture_default_str();
  backtest->add_option("--chunk", options.backtest.chunk, "how much time to ask for at once")
      ->capture_default_str();
  backtest->add_flag("--json", options.backtest.json, "print JSON");
  backtest->callback([&options] {
    options.command = [&options] { return BacktestCommand(options.rules, options.backtest); };
  });
}

void AddRules(CLI::App& app, Options& options) {
  CLI::App* rules = app.add_subcommand("rules", "work with rule files")->require_subcommand(1);
  CLI::App* convert =
      rules->add_subcommand("export", "print rule files as one that Prometheus reads");
  AddRuleFiles(*convert, options);
  convert->callback(
      [&options] { options.command = [&options] { return ExportRulesCommand(options.rules); }; });
  AddBacktest(*rules, options);
}

void AddQuery(CLI::App& app, Options& options) {
  CLI::App* query = app.add_subcommand("query", "ask a running tierwatch or Prometheus");
  query->add_option("EXPR", options.query.expr, "PromQL")->required();
  query->add_option("--start", options.query.start,
                    "over a range, from then: RFC 3339, Unix seconds, or so long ago: 6h");
  query->add_option("--end", options.query.end, "until then (default: now)");
  query->add_option("--step", options.query.step, "in steps of so much (default: 250 steps)");
  query->add_option("--url", options.url, "where it listens")->capture_default_str();
  query->callback([&options] {
    options.command = [&options] { return QueryCommand(options.query, options.url); };
  });
}

void AddRuleTests(CLI::App& test, RuleTestCommandOptions& tests, Options& options) {
  CLI::App* rules = test.add_subcommand("rules", "unit tests of rules, in promtool's format");
  rules->add_option("FILE", tests.files, "test files")->required();
  rules->add_option("--signals", tests.signals,
                    "files of signals (default: signals.yml beside each rule file)");
  rules->add_option("--run", tests.run, "only tests whose name matches; may be repeated")
      ->type_name("REGEX");
  rules->add_flag("--debug", tests.debug, "show all samples that each test ends with");
  rules->add_flag("--diff", tests.diff, "show only what differs");
  rules->add_flag("--ignore-unknown-fields", tests.ignore_unknown_fields,
                  "in rule files, which then may be those of other programs");
  rules->add_option("--junit", tests.junit, "write the results there as JUnit XML");
  rules->callback([&] { options.command = [&tests] { return TestRulesCommand(tests); }; });
}

void AddTest(CLI::App& app, Options& options) {
  CLI::App* test =
      app.add_subcommand("test", "run tests of rules and queries")->require_subcommand(1);
  CLI::App* receivers = test->add_subcommand("receivers", "send a test page to every receiver");
  receivers->add_option("--config", options.config_file, "configuration file")->required();
  receivers->callback([&options] {
    options.command = [&options] { return TestReceiversCommand(options.config_file); };
  });
  AddRuleTests(*test, options.rule_tests, options);
  CLI::App* promql = test->add_subcommand("promql", "scripts of Prometheus's promqltest language");
  promql->add_option("FILE", options.scripts, "scripts")->required();
  promql->add_flag("--verbose", options.verbose, "show every failure");
  promql->callback([&options] {
    options.command = [&options] { return TestPromqlCommand(options.scripts, options.verbose); };
  });
}

void AddUrl(CLI::App& command, Options& options) {
  command.add_option("--url", options.url, "where it listens")->capture_default_str();
}

void AddSilence(CLI::App& app, Options& options) {
  CLI::App* silence =
      app.add_subcommand("silence", "hold back pages for a while")->require_subcommand(1);
  const auto run = [&options](CLI::App* command, int (*what)(const SilenceOptions&)) {
    AddUrl(*command, options);
    command->callback([&options, what] {
      options.command = [&options, what] {
        options.silence.url = options.url;
        return what(options.silence);
      };
    });
  };
  CLI::App* add = silence->add_subcommand("add", "of alerts that all matchers fit");
  add->add_option("MATCHER", options.silence.matchers, "alertname=HighLatency, tier=~\"L1|L2\" …")
      ->required();
  add->add_option("--duration", options.silence.duration, "how long, from now")
      ->capture_default_str();
  add->add_option("--author", options.silence.author, "who")->envname("USER");
  add->add_option("--comment", options.silence.comment, "why")->required();
  run(add, SilenceAddCommand);
  CLI::App* list = silence->add_subcommand("list", "pending and active ones");
  list->add_flag("--expired", options.silence.expired, "those that are over too");
  run(list, SilenceListCommand);
  CLI::App* expire = silence->add_subcommand("expire", "end silences now");
  expire->add_option("ID", options.silence.ids, "their ids")->required();
  run(expire, SilenceExpireCommand);
}

void AddNotifications(CLI::App& app, Options& options) {
  CLI::App* notifications =
      app.add_subcommand("notifications", "what was sent, when, and what was answered");
  AddUrl(*notifications, options);
  notifications->callback(
      [&options] { options.command = [&options] { return NotificationsCommand(options.url); }; });
}

void AddMetrics(CLI::App& app, Options& options) {
  CLI::App* metrics = app.add_subcommand("metrics", "list every metric that tierwatch can expose");
  metrics->add_flag("--markdown", options.markdown, "as tables for the README");
  metrics->callback(
      [&options] { options.command = [&options] { return MetricsCommand(options.markdown); }; });
}

// What the demo and its backend alone have in common.
void AddDemoOptions(CLI::App& app, DemoOptions& options, const std::string& listen) {
  app.add_option("--listen", options.listen, "address to serve at; port 0 takes a free one")
      ->default_str(listen);
  app.add_option("--redis", options.redis_url, "a real Redis as L3: redis://host:port");
  app.add_option("--faults", options.faults,
                 "default, none, or a script: demo/faults.yml says how");
}

void AddDemo(CLI::App& app, Options& options) {
  CLI::App* demo = app.add_subcommand("demo", "a tiered cache, watched, with faults that page");
  AddDemoOptions(*demo, options.demo, "127.0.0.1:9917");
  demo->add_flag("--exit-after-script", options.demo.exit_after_script,
                 "end with the script; 0 only where every alert has fired and resolved");
  CLI::App* backend = demo->add_subcommand("backend", "its tiered cache alone");
  AddDemoOptions(*backend, options.demo, "127.0.0.1:4000");
  demo->callback([&options, backend] {
    if (options.demo.listen.empty()) {
      options.demo.listen = backend->parsed() ? "127.0.0.1:4000" : "127.0.0.1:9917";
    }
    options.command = [&options, backend] {
      if (backend->parsed()) return DemoBackendCommand(options.demo);
      // The story is told on stdout; what goes wrong beside it is logged.
      const std::unique_ptr<Logger> logger =
          MakeStderrLogger(std::max(options.level, LogLevel::kError), options.format);
      return DemoCommand(options.demo, *logger);
    };
  });
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
  AddRules(app, options);
  AddQuery(app, options);
  AddSilence(app, options);
  AddNotifications(app, options);
  AddTest(app, options);
  AddMetrics(app, options);
  AddDemo(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return options.command();
}

}  // namespace tierwatch
