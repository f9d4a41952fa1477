// Requests of the HTTP API: the first line names the endpoint, or the label of whose values is
// asked; the rest is its parameters. Whatever they say, JSON in the envelope comes back, the same
// by GET and by POST.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "exporter/api/api.h"

namespace tierwatch {
namespace {

// Goes on by a millisecond whenever it is looked at, so that every query comes to its timeout.
class TickingClock final : public Clock {
 public:
  TimestampMs Now() const override { return 1'700'000'000'000; }
  SteadyTime Steady() const override { return SteadyTime(Millis(++ticks_)); }

 private:
  mutable std::int64_t ticks_ = 0;
};

struct Api {
  Api() {
    for (TimestampMs time = 0; time < 20'000; time += 1'000) {
      const double value = static_cast<double>(time % 7'000);
      for (const char* tier : {"L1", "L2"}) {
        store.Append("fuzz", std::vector<series::Sample>{
                                 {{{"__name__", "hits_total"}, {"tier", tier}}, time, value}});
      }
    }
    GroupStatus group;
    group.file = "rules.yml";
    group.name = "cache";
    group.rules.resize(2);
    group.rules[0].rule.name = "Down";
    group.rules[0].rule.labels = {{"severity", Template::Plain("critical")}};
    group.rules[0].alerts.emplace_back().labels = {{"alertname", "Down"}};
    group.rules[1].rule.kind = Rule::Kind::kRecording;
    groups = {group, group};
    targets.resize(1);
    targets[0].collector = "redis";
    targets[0].labels = {{"service", "l3"}, {"target", "a:6379"}};
  }

  series::Store store;
  const promql::Engine engine{{.max_samples = 100'000, .max_bytes = 1u << 26}};
  const TickingClock clock;
  std::vector<GroupStatus> groups;
  std::vector<TargetStatus> targets;
  const std::vector<Endpoint> endpoints =
      api::ApiEndpoints({.engine = engine,
                         .store = store,
                         .clock = clock,
                         .groups = [this] { return groups; },
                         .targets = [this] { return targets; },
                         .reloads = [] { return ReloadStatus{}; },
                         .setup = {}});
};

std::string Ask(const Endpoint& endpoint, const ServerRequest& request) {
  const HttpReply reply = endpoint.handler(request);
  const nlohmann::json json = nlohmann::json::parse(*reply.body, nullptr, false);
  if (!json.is_object()) std::abort();
  const bool good = reply.status == 200;
  if (json.value("status", "") != (good ? "success" : "error")) std::abort();
  if (json.contains("data") != good || json.contains("errorType") == good) std::abort();
  return *reply.body;
}

void Check(const Api& api, std::string_view head, std::string_view form) {
  const Endpoint* endpoint = nullptr;
  for (const Endpoint& each : api.endpoints) {
    if (each.path == "/api/v1/" + std::string(head)) endpoint = &each;
    if (!endpoint && each.path.find('{') != std::string::npos) endpoint = &each;
  }
  ServerRequest get;
  get.method = "GET";
  get.path_parameter = head;
  get.query = form;
  const std::string got = Ask(*endpoint, get);
  if (endpoint->methods[1] != "POST") return;
  ServerRequest post;
  post.method = "POST";
  post.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  post.body = form;
  const std::string posted = Ask(*endpoint, post);
  const bool timed = got.find("\"stats\"") != std::string::npos;
  if (!timed && got != posted) std::abort();
}

}  // namespace
}  // namespace tierwatch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tierwatch::Api api;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), size);
  tierwatch::Check(api, text.substr(0, line), text.substr(std::min(line + 1, size)));
  return 0;
}
