#include "exporter/commands/demo_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "demo/backend.h"
#include "demo/backend_server.h"
#include "demo/short_rules.h"
#include "demo/webhook_printer.h"
#include "exporter/app.h"
#include "exporter/commands/demo_story.h"
#include "exporter/config.h"
#include "exporter/process_signals.h"

namespace tierwatch {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kFactor = 60;                    // a minute of the rules takes a second
constexpr std::chrono::seconds kPatience{30};  // after the script, for the last alert to resolve

constexpr char kCacheRules[] =
#include "rules_cache.yml.inc"
    ;
constexpr char kSignals[] =
#include "rules_signals.yml.inc"
    ;

/// The rules with their durations shortened, as files of a folder that goes with this object.
class RuleFolder {
 public:
  static Result<std::unique_ptr<RuleFolder>> Make() {
    std::unique_ptr<RuleFolder> folder(new RuleFolder);
    std::string path = (std::filesystem::temp_directory_path() / "tierwatch-demo-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) return Error{"can't make a folder " + path};
    folder->path_ = path;
    for (const auto& [file, text] :
         {std::pair(folder->rules(), kCacheRules), {folder->signals(), kSignals}}) {
      std::ofstream out(file);
      out << demo::ShortenRules(text, kFactor, folder->shortened_);
      if (!out.flush()) return Error{"can't write " + file};
    }
    return folder;
  }
  ~RuleFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  RuleFolder(const RuleFolder&) = delete;
  RuleFolder& operator=(const RuleFolder&) = delete;

  std::string rules() const { return path_ + "/cache.yml"; }
  std::string signals() const { return path_ + "/signals.yml"; }
  const std::vector<demo::Shortened>& shortened() const { return shortened_; }
  std::vector<std::string> alerts() const {
    std::vector<std::string> names;
    for (const demo::Shortened& one : shortened_) {
      if (!one.alert.empty()) names.push_back(one.alert);
    }
    return names;
  }

 private:
  RuleFolder() = default;
  std::string path_;
  std::vector<demo::Shortened> shortened_;
};

std::string Quoted(std::string text) {
  for (std::size_t at = text.find('\''); at != std::string::npos; at = text.find('\'', at + 2)) {
    text.insert(at, 1, '\'');
  }
  return "'" + text + "'";
}

/// What a user would write to watch the demo's backend.
std::string ConfigText(const DemoOptions& options, const RuleFolder& rules,
                       const std::string& backend, const std::string& webhook) {
  std::string text = fmt::format(
      R"(
global:
  sample_interval: 1s
  sample_timeout: 1s
  evaluation_interval: 1s
collectors:
  cache_health:
    - service: demo
      targets: [{backend}]
      expected_tiering: L1L2L3
  database_health:
    - service: demo
      targets: [{backend}]
      expected_replicas: 1
rule_files: [{rules}]
signal_files: [{signals}]
alerting:
  route:
    receiver: on-call
    group_by: [alertname, service]
    group_wait: 0s
    group_interval: 1s
  receivers:
    - name: on-call
      webhook_configs: [{{url: {webhook}, send_resolved: true}}]
web:
  listen_address: {listen}
)",
      fmt::arg("backend", Quoted(backend)), fmt::arg("webhook", Quoted(webhook)),
      fmt::arg("rules", Quoted(rules.rules())), fmt::arg("signals", Quoted(rules.signals())),
      fmt::arg("listen", Quoted(options.listen)));
  return text;
}

Result<std::unique_ptr<App>> StartApp(const std::string& config_text, const Clock& clock,
                                      Logger& logger) {
  CollectorResources resources;
  Diagnostics diagnostics;
  std::optional<Config> config = ReadConfig(config_text, "demo", resources, diagnostics);
  if (!config) return Error{diagnostics.ToString()};
  Result<std::unique_ptr<App>> app = App::Start(*std::move(config), clock, logger);
  if (!app.ok()) return Error{app.error().message + "; choose another address with --listen"};
  return app;
}

Result<std::vector<demo::Fault>> ReadFaults(const std::string& which) {
  if (which == "none") return std::vector<demo::Fault>();
  Result<std::string> text =
      which == "default" ? std::string(demo::DefaultFaults()) : ReadTextFile(which);
  if (!text.ok()) return std::move(text).error().In("--faults");
  Diagnostics diagnostics;
  std::optional<std::vector<demo::Fault>> faults = demo::ParseFaults(*text, which, diagnostics);
  if (!faults) return Error{diagnostics.ToString()};
  return *std::move(faults);
}

int Fail(const Error& error) {
  fmt::print(stderr, "tierwatch demo: {}\n", error.message);
  return kFailed;
}

void TellDurations(DemoStory& story, const RuleFolder& rules) {
  story.Say(
      "Its rules are rules/cache.yml with every minute made a second, so that you need not wait:");
  std::vector<std::string> told;
  for (const demo::Shortened& one : rules.shortened()) {
    std::string line =
        fmt::format("  {:<16}  {} → {}", one.alert.empty() ? "rates over" : one.alert,
                    FormatDuration(one.from), FormatDuration(one.to));
    if (std::find(told.begin(), told.end(), line) != told.end()) continue;
    story.Say(line);
    told.push_back(std::move(line));
  }
}

void TellOpening(DemoStory& story, const std::string& tierwatch, const std::string& backend,
                 const RuleFolder& rules, const DemoOptions& options) {
  story.Say("tierwatch demo: a tiered cache, tierwatch watching it, and the phone that it pages\n");
  story.Say(fmt::format("  overview   {}/", tierwatch));
  story.Say(fmt::format("  metrics    {}/metrics", tierwatch));
  story.Say(fmt::format("  the cache  {}/cache/health, L3 is {}\n", backend,
                        options.redis_url.empty() ? "embedded" : "your Redis"));
  TellDurations(story, rules);
  story.Say(options.faults == "none"
                ? "\nNothing is going to break (--faults none). Ctrl-C ends it.\n"
                : "\nThe cache is healthy. Soon it will not be. Ctrl-C ends it.\n");
}

/// The address that a browser on this machine asks.
std::string BrowserUrl(const std::string& listen, int port) {
  const std::string host = listen.substr(0, listen.rfind(':'));
  const bool local = host.empty() || host == "127.0.0.1" || host == "0.0.0.0";
  return fmt::format("http://{}:{}", local ? "localhost" : host, port);
}

/// Waits for the end of the script and of its alerts, or a signal. Gives the exit status, nothing
/// where to go on.
std::optional<int> FollowScript(const ProcessSignals& signals, const demo::Backend& backend,
                                DemoStory& story, const Clock& clock) {
  std::optional<SteadyTime> ended;
  for (;;) {
    if (signals.StopCame(Millis(200))) return kOk;
    if (!backend.ScriptDone()) continue;
    if (!ended) ended = clock.Steady();
    if (story.Done() == story.expected()) {
      story.Say(fmt::format("\n{} alerts fired and resolved.", story.Done()));
      return std::nullopt;
    }
    if (clock.Steady() - *ended > kPatience) {
      story.Say(fmt::format("\n{} alerts fired and resolved; not so: {}.", story.Done(),
                            story.Missing()));
      return std::nullopt;
    }
  }
}

}  // namespace

int DemoCommand(const DemoOptions& options, Logger& logger) {
  const ProcessSignals signals;
  const SystemClock clock;
  Result<std::vector<demo::Fault>> faults = ReadFaults(options.faults);
  if (!faults.ok()) return Fail(faults.error());
  const bool quiet = faults->empty();
  Result<std::unique_ptr<RuleFolder>> rules = RuleFolder::Make();
  if (!rules.ok()) return Fail(rules.error());

  DemoStory story((*rules)->alerts(), stdout, clock);
  auto phone =
      demo::WebhookReceiver::Start([&story](const demo::Page& page) { story.TellPage(page); });
  if (!phone.ok()) return Fail(phone.error());
  demo::BackendOptions backend_options;
  backend_options.redis_url = options.redis_url;
  backend_options.faults = *std::move(faults);
  backend_options.tell = [&story](const demo::Fault& fault, bool began) {
    story.TellFault(fault, began);
  };
  auto backend = demo::Backend::Start(std::move(backend_options), clock);
  if (!backend.ok()) return Fail(backend.error());
  auto server = demo::ServeBackend("127.0.0.1:0", **backend);
  if (!server.ok()) return Fail(server.error());
  auto app =
      StartApp(ConfigText(options, **rules, (*server)->url(), (*phone)->url()), clock, logger);
  if (!app.ok()) return Fail(app.error());
  TellOpening(story, BrowserUrl(options.listen, (*app)->port()), (*server)->url(), **rules,
              options);

  if (!quiet || options.exit_after_script) {
    if (const std::optional<int> status = FollowScript(signals, **backend, story, clock))
      return *status;
    if (options.exit_after_script) return story.Done() == story.expected() ? kOk : kFailed;
    story.Say("It goes on quietly: look around. Ctrl-C ends it.");
  }
  while (signals.Wait() == SIGHUP) {
  }
  return kOk;
}

int DemoBackendCommand(const DemoOptions& options) {
  const ProcessSignals signals;
  const SystemClock clock;
  Result<std::vector<demo::Fault>> faults = ReadFaults(options.faults);
  if (!faults.ok()) return Fail(faults.error());
  demo::BackendOptions backend_options;
  backend_options.redis_url = options.redis_url;
  backend_options.faults = *std::move(faults);
  auto backend = demo::Backend::Start(std::move(backend_options), clock);
  if (!backend.ok()) return Fail(backend.error());
  auto server = demo::ServeBackend(options.listen, **backend);
  if (!server.ok()) return Fail(server.error());
  fmt::print("{}/cache/health\n", (*server)->url());
  std::fflush(stdout);
  while (signals.Wait() == SIGHUP) {
  }
  return kOk;
}

}  // namespace tierwatch
