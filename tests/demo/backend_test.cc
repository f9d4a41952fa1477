// The running backend: each fault moves its own figure and no other, over HTTP as well.
#include "demo/backend.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/http_client.h"
#include "demo/backend_server.h"

namespace tierwatch::demo {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

/// A backend with its users, watched for a moment at a time.
class RunningBackend {
 public:
  explicit RunningBackend(std::vector<Fault> faults = {}) {
    BackendOptions options;
    options.faults = std::move(faults);
    backend_ = *Backend::Start(std::move(options), clock_);
  }
  Backend& get() { return *backend_; }

  /// The counts of the requests of the next `time`.
  CacheCounts Watch(Millis time) {
    const CacheCounts before = backend_->Cache().total;
    std::this_thread::sleep_for(time);
    CacheCounts after = backend_->Cache().total;
    after.hits -= before.hits;
    after.misses -= before.misses;
    after.errors -= before.errors;
    return after;
  }

 private:
  SystemClock clock_;
  std::unique_ptr<Backend> backend_;
};

/// From the start on, for an hour.
Fault Always(FaultKind kind, std::string tier = "") {
  Fault fault;
  fault.duration = 1h;
  fault.kind = kind;
  fault.tier = std::move(tier);
  return fault;
}

double HitRate(const CacheCounts& counts) {
  return static_cast<double>(counts.hits) / static_cast<double>(counts.hits + counts.misses);
}
double ErrorRate(const CacheCounts& counts) {
  return static_cast<double>(counts.errors) / static_cast<double>(counts.hits + counts.misses);
}

TEST(Backend, AHealthyStartFiresNothing) {
  RunningBackend backend;
  const CacheCounts counts = backend.Watch(2s);
  EXPECT_GT(counts.hits + counts.misses, 200);
  EXPECT_GT(HitRate(counts), 0.70);
  EXPECT_EQ(counts.errors, 0);
  ASSERT_TRUE(counts.latency.has_value());
  EXPECT_LT(counts.latency->p95, 100);
  for (const TierStats& tier : backend.get().Cache().tiers) {
    EXPECT_TRUE(tier.available) << tier.name;
  }
}

TEST(Backend, ATierThatIsDownIsUnavailableAndTheRestServes) {
  RunningBackend backend({Always(FaultKind::kDown, "L3-Redis")});
  backend.Watch(500ms);
  const CacheCounts counts = backend.Watch(1s);
  EXPECT_GT(HitRate(counts), 0.60);
  EXPECT_EQ(counts.errors, 0);
  const CacheStats stats = backend.get().Cache();
  EXPECT_TRUE(stats.tiers[0].available);
  EXPECT_TRUE(stats.tiers[1].available);
  EXPECT_FALSE(stats.tiers[2].available);
}

TEST(Backend, ErrorsRaiseTheErrorRateAlone) {
  Fault fault = Always(FaultKind::kErrors, "L2-Encore");
  fault.error_ratio = 0.25;
  RunningBackend backend({fault});
  backend.Watch(500ms);
  const CacheCounts counts = backend.Watch(2s);
  EXPECT_GT(ErrorRate(counts), 0.02);
  EXPECT_GT(HitRate(counts), 0.60);
  EXPECT_LT(counts.latency->p95, 100);
}

TEST(Backend, ASlowTierRaisesTheLatencyAlone) {
  Fault fault = Always(FaultKind::kSlow, "L2-Encore");
  fault.extra_latency = 180ms;
  RunningBackend backend({fault});
  backend.Watch(500ms);
  const CacheCounts counts = backend.Watch(3s);
  EXPECT_GT(counts.latency->p95, 100);
  EXPECT_GT(HitRate(counts), 0.60);
  EXPECT_EQ(counts.errors, 0);
}

TEST(Backend, AColdCacheLowersTheHitRateAndWarmsUpAgain) {
  Fault fault = Always(FaultKind::kCold);
  fault.duration = 3s;
  RunningBackend backend({fault});
  backend.Watch(500ms);
  const CacheCounts cold = backend.Watch(2s);
  EXPECT_LT(HitRate(cold), 0.50);
  EXPECT_EQ(cold.errors, 0);
  backend.Watch(8s);
  EXPECT_GT(HitRate(backend.Watch(2s)), 0.60);
}

TEST(Backend, ServesItsEndpoints) {
  RunningBackend backend;
  Result<std::unique_ptr<HttpListener>> server = ServeBackend("127.0.0.1:0", backend.get());
  ASSERT_TRUE(server.ok()) << server.error().message;
  HttpClient client{HttpOptions{}};
  const auto send = [&](const char* method, const std::string& path) {
    HttpRequest request;
    request.method = method;
    request.url = (*server)->url() + path;
    Result<HttpResponse> response = client.Send(request);
    EXPECT_TRUE(response.ok()) << path << ": " << response.error().message;
    return response.ok() ? *std::move(response) : HttpResponse{};
  };
  backend.Watch(500ms);
  for (const char* path :
       {"/cache/health", "/database/replicas/status", "/database/replicas/health",
        "/database/replicas/lag", "/database/connection-pool/stats", "/monitoring/dashboard"}) {
    const HttpResponse response = send("GET", path);
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_TRUE(Json::parse(response.body).contains("timestamp")) << path;
  }
  const Json health = Json::parse(send("GET", "/cache/health").body);
  EXPECT_EQ(health["dependencies"][0]["stats"]["metadata"]["tiers"].size(), 3u);
  EXPECT_TRUE(health["tierMetrics"].contains("latencyP95"));
  EXPECT_EQ(send("GET", "/nowhere").status, 404);
  EXPECT_EQ(send("POST", "/cache/health").status, 405);

  const std::string address = (*server)->url().substr(sizeof("http://") - 1);
  const auto second = ServeBackend(address, backend.get());
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find(address), std::string::npos) << second.error().message;
}

TEST(Backend, RefusesARedisUrlThatItCannotRead) {
  SystemClock clock;
  for (const char* url : {"http://127.0.0.1:6379", "redis://127.0.0.1:6379/zero", "127.0.0.1"}) {
    BackendOptions options;
    options.redis_url = url;
    EXPECT_FALSE(Backend::Start(std::move(options), clock).ok()) << url;
  }
}

}  // namespace
}  // namespace tierwatch::demo
