#include "exporter/app.h"

#include <fmt/format.h>
#include <prometheus/registry.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <optional>
#include <stop_token>
#include <utility>

#include "exporter/chart/link.h"
#include "exporter/chart/pages.h"
#include "exporter/exposition.h"
#include "exporter/judge.h"
#include "exporter/overview.h"
#include "exporter/reloader.h"
#include "exporter/remote_write.h"
#include "exporter/runner.h"
#include "exporter/scheduler.h"
#include "exporter/self_metrics.h"
#include "exporter/target_set.h"
#include "exporter/timeline.h"
#include "exporter/web.h"

namespace tierwatch {
namespace {

constexpr Millis kSelfInterval{15'000};
constexpr Millis kShortestTrend{60'000}, kLongestTrend{15 * 60'000};
constexpr Millis kReadyMargin{2'000};  // for the first samplings to begin, on top of their timeout

// As Prometheus has it: this machine's name and the port. "" where the port isn't known yet.
std::string DefaultUrl(std::string_view listen_address) {
  std::array<char, 256> host{};
  const std::string_view port = listen_address.substr(listen_address.rfind(':') + 1);
  if (port == "0" || ::gethostname(host.data(), host.size() - 1) != 0) return "";
  return fmt::format("http://{}:{}", host.data(), port);
}

// Has every notification link to charts.
std::shared_ptr<const ChartLinks> LinkCharts(Config& config) {
  auto links = std::make_shared<const ChartLinks>(
      config.external_url, ChartKey(config.storage_path), config.charts.value_or(Millis(0)));
  if (config.charts) {
    config.alerting.chart_url = [links](const Alert& alert, TimestampMs now) {
      return links->For(alert, now);
    };
  }
  return links;
}

}  // namespace

// In the order of the data's way; destroyed against it: first nobody asks, then nobody samples.
struct App::Parts {
  Parts(Config c, const Clock& machine, Logger& l)
      : config(std::move(c)), chart_links(LinkCharts(config)), clock(machine), logger(l) {}
  ~Parts();

  void AddTargets();
  void AddSelf();
  std::vector<Endpoint> Endpoints();
  WebSource MakeWebSource();
  OverviewSource MakeOverviewSource() const;
  bool Ready() const;
  std::string Ailment() const;

  Config config;
  const std::shared_ptr<const ChartLinks> chart_links;
  Timeline clock;
  Logger& logger;
  SteadyTime started = clock.Steady();
  TimestampMs started_at = clock.Now();
  Millis longest_timeout{0};
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::vector<std::shared_ptr<const prometheus::Collectable>> registries{registry};
  Exposition exposition;
  std::optional<HeartbeatConfig> heartbeat_config =
      std::exchange(config.alerting.heartbeat, std::nullopt);
  ConnectionWatch connections;
  // At worst a thread for each target: however many hang, they hold up no other.
  Scheduler scheduler{1024};
  TargetSet targets{{clock, sinks, logger, connections, scheduler,
                     [this](const std::string& collector, const Labels& labels) {
                       exposition.Remove(collector, labels);
                       judge.Forget(collector, labels);
                     }}};
  std::atomic<bool> sampling = false;  // targets are complete
  Judge judge{config, clock, logger, *registry, [this] { return sampling && Ready(); }};
  Reloader reloader{config,
                    [this](std::vector<RuleGroup> rules) { judge.ReplaceRules(std::move(rules)); },
                    clock, logger, *registry};
  std::atomic<TimestampMs> last_batch = clock.Now();
  std::vector<BatchSink> sinks{[this](const BatchPtr&) { last_batch = clock.Now(); },
                               [this](const BatchPtr& batch) { exposition.Publish(*batch); },
                               [this](const BatchPtr& batch) { judge.Append(batch); }};
  std::stop_source stopping;                  // ends what is asked of us
  std::unique_ptr<RemoteWrite> remote_write;  // null where it is off
  std::unique_ptr<HttpServer> server;
  std::optional<Heartbeat> heartbeat;  // ends first: it asks all others
};

App::Parts::~Parts() {
  stopping.request_stop();
  heartbeat.reset();
  server.reset();
  scheduler.Stop();
}

void App::Parts::AddTargets() {
  for (WatchedTarget& target : config.targets) {
    longest_timeout = std::max(longest_timeout, target.timeout);
    targets.Add(std::move(target));
  }
  config.targets.clear();
}

void App::Parts::AddSelf() {
  registries.push_back(std::make_shared<SelfSource>([this] {
    return SelfNumbers{targets.size(), scheduler.threads(), exposition.Current()->dropped(),
                       judge.store().Stats()};
  }));
  scheduler.Add({Rhythm(kSelfInterval, 0), [this](const std::stop_token&) {
                   const BatchPtr batch = SampleSelf(registries, clock);
                   for (const BatchSink& sink : sinks) sink(batch);
                 }});
}

bool App::Parts::Ready() const {
  if (clock.Steady() - started > longest_timeout + kReadyMargin) return true;
  const std::vector<TargetStatus> all = targets.Status();
  return std::ranges::all_of(all, [](const TargetStatus& status) { return status.sampled; });
}

// Our own registries are sampled by the same scheduler: their batch comes where nothing else does.
std::string App::Parts::Ailment() const {
  if (clock.Now() - last_batch > 4 * kSelfInterval.count()) return "sampling stands still";
  return judge.Ailment();
}

std::vector<Endpoint> App::Parts::Endpoints() {
  std::vector<Endpoint> endpoints = MakeEndpoints(MakeWebSource());
  std::ranges::move(
      ChartEndpoints({judge.engine(), judge.store(), clock, stopping.get_token()}, *chart_links),
      std::back_inserter(endpoints));
  if (!config.remote_write) return endpoints;
  remote_write = std::make_unique<RemoteWrite>(judge.store(), config.retention, clock, *registry);
  endpoints.push_back(
      {.path = "/api/v1/write",
       .handler = [this](const ServerRequest& request) { return remote_write->Answer(request); },
       .methods = {"POST"},
       .max_body_bytes = RemoteWrite::kMaxBodyBytes,
       .body_refused = [this](int status) { remote_write->CountAnswer(status); }});
  return endpoints;
}

WebSource App::Parts::MakeWebSource() {
  return {[this] { return exposition.Current(); },
          [this] { return Ready(); },
          [this] { return reloader.Reload(); },
          [this] { return RenderOverview(MakeOverviewSource()); },
          {.engine = judge.engine(),
           .store = judge.store(),
           .clock = clock,
           .groups = [this] { return judge.Groups(); },
           .targets = [this] { return targets.Status(); },
           .reloads = [this] { return reloader.status(); },
           .setup = {.started = started_at,
                     .listen_address = config.web.listen_address,
                     .external_url = config.external_url,
                     .external_labels = config.external_labels,
                     .evaluation_interval = config.evaluation_interval,
                     .retention = config.retention},
           .stop = stopping.get_token()},
          judge.notifier()};
}

OverviewSource App::Parts::MakeOverviewSource() const {
  OverviewSource source;
  const auto age = std::chrono::duration_cast<Millis>(clock.Steady() - started);
  source.trend = std::clamp(age, kShortestTrend, kLongestTrend);
  source.now = clock.Now();
  source.alerts = judge.Alerts();
  source.targets = targets.size();
  for (TargetStatus& status : targets.Status()) {
    if (!status.sampled || status.up) continue;
    const Error error = status.errors.empty() ? Error{} : status.errors.front();
    source.down.push_back({std::move(status.collector), std::move(status.labels),
                           std::string(ReasonName(error.reason)), error.message,
                           status.last_success});
  }
  source.instant = [this, now = source.now](std::string_view expr) {
    return judge.Instant(expr, now);
  };
  source.range = [this, now = source.now](std::string_view expr, Millis window) {
    return judge.Range(expr, now - window.count(), now, std::max(Millis(1), window / 60));
  };
  return source;
}

namespace {

// Makes the folder where there is none.
Result<void> PrepareStorage(const std::string& path) {
  if (path.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && ::access(path.c_str(), W_OK | X_OK) != 0)
    error = std::error_code(errno, std::generic_category());
  if (error) return Error{"storage.path " + path + ": " + error.message()};
  return {};
}

}  // namespace

Result<std::unique_ptr<App>> App::Start(Config config, const Clock& clock, Logger& logger) {
  if (const Result<void> storage = PrepareStorage(config.storage_path); !storage.ok())
    return storage.error();
  if (config.external_url.empty()) config.external_url = DefaultUrl(config.web.listen_address);
  auto parts = std::make_unique<Parts>(std::move(config), clock, logger);
  parts->AddTargets();
  parts->AddSelf();
  auto server = HttpServer::Start(parts->config.web, parts->Endpoints(), logger);
  if (!server.ok()) return std::move(server).error();
  parts->server = *std::move(server);
  parts->scheduler.Start();
  parts->sampling = true;
  if (parts->heartbeat_config) {
    parts->heartbeat.emplace(
        *std::move(parts->heartbeat_config), [&judged = *parts] { return judged.Ailment(); },
        parts->clock, logger, *parts->registry);
  }
  logger.Info("listening", {{"address", parts->config.web.listen_address},
                            {"port", parts->server->port()},
                            {"targets", parts->targets.size()}});
  return std::unique_ptr<App>(new App(std::move(parts)));
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
App::~App() = default;
int App::port() const { return parts_->server->port(); }
Result<void> App::Reload() { return parts_->reloader.Reload(); }
bool App::ready() const { return parts_->Ready(); }

}  // namespace tierwatch
