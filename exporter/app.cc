#include "exporter/app.h"

#include <prometheus/registry.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <optional>
#include <stop_token>
#include <utility>

#include "exporter/chart/link.h"
#include "exporter/chart/pages.h"
#include "exporter/discovery.h"
#include "exporter/exposition.h"
#include "exporter/judge.h"
#include "exporter/overview/overview.h"
#include "exporter/reloader.h"
#include "exporter/remote_write/remote_write.h"
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

std::shared_ptr<const ChartLinks> MakeChartLinks(const Config& config) {
  return std::make_shared<const ChartLinks>(config.external_url, ChartKey(config.storage_path),
                                            config.charts.value_or(Millis(0)));
}

}  // namespace

// In the order of the data's way; destroyed against it: first nobody asks, then nobody samples.
struct App::Parts {
  Parts(Config c, const Clock& machine, Logger& l)
      : config(std::move(c)), chart_links(MakeChartLinks(config)), clock(machine), logger(l) {
    LinkCharts(config);
  }
  ~Parts();

  void LinkCharts(Config& configured) const;
  void Apply(Config fresh);
  Result<void> Reload();
  void StartHeartbeat(std::optional<HeartbeatConfig> wanted);
  void AddTargets();
  void AddSelf();
  void Discover();
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
  std::atomic<bool> sampling = false;  // all that is listed is watched
  Judge judge{config, clock, logger, *registry, [this] { return sampling && Ready(); }};
  Reloader reloader{config, [this](Config fresh) { Apply(std::move(fresh)); }, clock, logger,
                    *registry};
  std::atomic<TimestampMs> last_batch = clock.Now();
  std::vector<BatchSink> sinks{[this](const BatchPtr&) { last_batch = clock.Now(); },
                               [this](const BatchPtr& batch) { exposition.Publish(*batch); },
                               [this](const BatchPtr& batch) { judge.Append(batch); }};
  // At worst a thread for each target: however many hang, they hold up no other.
  Scheduler scheduler{
      {.max_threads = std::clamp<std::size_t>(config.targets.size() + 1, 64, 1024)}};
  std::optional<TargetSet> targets;
  std::optional<Discovery> discovery;
  std::stop_source stopping;                  // ends what is asked of us
  std::unique_ptr<RemoteWrite> remote_write;  // null where it is off
  std::unique_ptr<HttpServer> server;
  std::optional<Heartbeat> heartbeat;
  std::atomic<bool> begun = false;  // all of the above is there
};

App::Parts::~Parts() {
  stopping.request_stop();
  server.reset();     // from here on nobody asks for a reload
  heartbeat.reset();  // it asks all others
  scheduler.Stop();   // its threads tell discovery what targets name
  judge.Stop();       // it asks whether all targets were sampled
  discovery.reset();
  targets.reset();  // their connections ask the scheduler
}

// Has every notification link to charts.
void App::Parts::LinkCharts(Config& configured) const {
  if (!configured.charts) return;
  configured.alerting.chart_url = [links = chart_links](const Alert& alert, TimestampMs now) {
    return links->For(alert, now);
  };
}

Result<void> App::Parts::Reload() {
  if (!begun) return Error{"tierwatch is still starting"};
  return reloader.Reload();
}

// Whoever is to be told first, so that new rules find them.
void App::Parts::Apply(Config fresh) {
  LinkCharts(fresh);
  std::optional<HeartbeatConfig> beat = std::exchange(fresh.alerting.heartbeat, std::nullopt);
  if (judge.notifier().Reconfigure(std::move(fresh.alerting))) StartHeartbeat(std::move(beat));
  targets->Watch(Origin::kListed, std::move(fresh.targets));
  discovery->Replace(std::move(fresh.discovered));
  judge.ReplaceRules(std::move(fresh.rules));
}

void App::Parts::StartHeartbeat(std::optional<HeartbeatConfig> wanted) {
  const double last_success = heartbeat ? heartbeat->last_success() : 0;
  heartbeat.reset();
  if (wanted)
    heartbeat.emplace(
        *std::move(wanted), [this] { return Ailment(); }, clock, logger, *registry, last_success);
}

void App::Parts::AddTargets() {
  for (const WatchedTarget& target : config.targets)
    longest_timeout = std::max(longest_timeout, target.timeout);
  targets.emplace(TargetSetParts{
      .clock = clock,
      .logger = logger,
      .scheduler = scheduler,
      .connections = connections,
      .sinks = sinks,
      .forget =
          [this](const WatchedTarget& target) {
            exposition.Remove(target.collector, target.labels);
            judge.Forget(target.collector, target.labels);
          },
      .members = [this](const WatchedTarget& by,
                        const std::optional<Members>& members) { discovery->Take(by, members); }});
  targets->Watch(Origin::kListed, std::exchange(config.targets, {}));
}

// It finds targets at once, and is there before the first of them is sampled.
void App::Parts::Discover() {
  discovery.emplace(
      std::exchange(config.discovered, {}),
      [](const DnsQuestion& question) { return AskDns(question); },
      [this](std::vector<WatchedTarget> found) {
        targets->Watch(Origin::kDiscovered, std::move(found));
      },
      clock, logger, *registry);
}

void App::Parts::AddSelf() {
  registries.push_back(std::make_shared<SelfSource>([this] {
    return SelfNumbers{targets->size(), scheduler.threads(), exposition.Current()->dropped(),
                       judge.store().Stats()};
  }));
  scheduler.Add({Rhythm(kSelfInterval, 0), [this](const std::stop_token&) {
                   const BatchPtr batch = SampleSelf(registries, clock);
                   for (const BatchSink& sink : sinks) sink(batch);
                 }});
}

bool App::Parts::Ready() const {
  if (clock.Steady() - started > longest_timeout + kReadyMargin) return true;
  return targets->AllSampled();
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
          [this] { return Reload(); },
          [this] { return RenderOverview(MakeOverviewSource()); },
          {.engine = judge.engine(),
           .store = judge.store(),
           .clock = clock,
           .groups = [this] { return judge.Groups(); },
           .targets = [this] { return targets->statuses(); },
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
  std::vector<TargetStatus> statuses = targets->statuses();
  source.targets = statuses.size();
  for (TargetStatus& status : statuses) {
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
  auto parts = std::make_unique<Parts>(std::move(config), clock, logger);
  parts->AddTargets();
  parts->AddSelf();
  parts->Discover();
  auto server = HttpServer::Start(parts->config.web, parts->Endpoints(), logger);
  if (!server.ok()) return std::move(server).error();
  parts->server = *std::move(server);
  parts->scheduler.Start();
  parts->sampling = true;
  parts->StartHeartbeat(std::exchange(parts->heartbeat_config, std::nullopt));
  parts->begun = true;
  logger.Info("listening", {{"address", parts->config.web.listen_address},
                            {"port", parts->server->port()},
                            {"targets", parts->targets->size()}});
  return std::unique_ptr<App>(new App(std::move(parts)));
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
App::~App() = default;
int App::port() const { return parts_->server->port(); }
Result<void> App::Reload() { return parts_->Reload(); }
bool App::ready() const { return parts_->Ready(); }

}  // namespace tierwatch
