#include "alerts/notify/heartbeat.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "alerts/receivers/http_config.h"
#include "base/instruments.h"

namespace tierwatch {
namespace {

constexpr Millis kLongestRequest{10'000};
constexpr MetricInfo kMetrics[] = {
    {"tierwatch_heartbeat_last_success_timestamp_seconds",
     prometheus::MetricType::Gauge,
     "When the heartbeat was last answered; 0 before. Absent without alerting.heartbeat.",
     {}}};

}  // namespace

std::span<const MetricInfo> HeartbeatMetrics() { return kMetrics; }

HeartbeatConfig ReadHeartbeat(const YamlNode& node, const HttpOptions& global_http,
                              Diagnostics& diagnostics) {
  YamlMap map(node, "heartbeat", diagnostics);
  HeartbeatConfig config;
  config.url = ReadSecret(map, "url");
  if (config.url.empty()) {
    diagnostics.Add(node.where(), "heartbeat: url or url_file is missing");
  } else if (!config.url.value.empty() && !IsHttpUrl(config.url.value)) {
    diagnostics.Add(map.Where("url"), "url: expected http://host[:port]/path or https://…");
  }
  config.interval = map.Duration("interval").value_or(config.interval);
  if (config.interval < Millis{1'000} || config.interval > std::chrono::hours(24))
    diagnostics.Add(map.Where("interval"), "interval: expected 1s to 1d");
  config.http = ReadHttpConfigOr(map, global_http);
  return config;
}

Heartbeat::Heartbeat(HeartbeatConfig config, std::function<std::string()> ailment,
                     const Clock& clock, Logger& logger, prometheus::Registry& registry,
                     double last_success)
    : config_(std::move(config)),
      ailment_(std::move(ailment)),
      clock_(clock),
      logger_(logger),
      family_(GaugeFamily(kMetrics[0], registry)),
      last_(family_.Add({}, last_success)),
      client_(config_.http),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

Heartbeat::~Heartbeat() {
  thread_.request_stop();
  thread_.join();
  family_.Remove(&last_);
}

void Heartbeat::Run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  std::string trouble;
  while (!stop.stop_requested()) {
    const std::string now = Beat(stop);
    // Told once, when it changes; who waits for the beat pages by himself.
    if (now != trouble && !now.empty() && !stop.stop_requested())
      logger_.Error("the heartbeat stays away", {{"reason", now}});
    if (now.empty() && !trouble.empty()) logger_.Info("the heartbeat goes on");
    trouble = now;
    wake.wait_for(lock, stop, config_.interval, [] { return false; });
  }
}

// "" where it was answered, else why it stays away.
std::string Heartbeat::Beat(const std::stop_token& stop) {
  if (std::string ailment = ailment_(); !ailment.empty()) return ailment;
  Result<std::string> url = config_.url.Read();
  if (!url.ok()) return url.error().message;
  HttpRequest request;
  request.url = *std::move(url);
  request.timeout = std::min(config_.interval, kLongestRequest);
  request.stop = stop;
  const Result<HttpResponse> response = client_.Send(request);
  if (!response.ok()) return response.error().message;
  if (response->status < 200 || response->status > 299)
    return fmt::format("HTTP {}", response->status);
  last_.Set(static_cast<double>(clock_.Now()) / 1000);
  return "";
}

}  // namespace tierwatch
