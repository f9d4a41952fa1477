// What is posted to Alertmanager's API, and its filters: whatever the bytes, it is taken or
// refused.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "exporter/api/alertmanager.h"
#include "tests/support/fake_clock.h"

namespace {

using namespace tierwatch;

// A notifier that tells nobody.
struct World {
  FakeClock clock;
  std::unique_ptr<Logger> logger = MakeNullLogger();
  prometheus::Registry registry;
  Notifier notifier{{}, "http://tw", clock, *logger, registry};
  std::vector<Endpoint> endpoints = api::AlertmanagerEndpoints(notifier, clock);
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<World> world;
  static int inputs = 0;
  if (inputs++ % 1'000 == 0) world = std::make_unique<World>();  // what was taken takes room
  const std::string text(data, data + size);
  for (const Endpoint& endpoint : world->endpoints) {
    for (const char* const method : {"POST", "GET"}) {
      if (std::ranges::find(endpoint.methods, method) == endpoint.methods.end()) continue;
      const bool posts = method[0] == 'P';
      ServerRequest request;
      request.method = method;
      request.path = endpoint.path;
      (posts ? request.body : request.query) = posts ? text : "filter=" + text;
      const HttpReply reply = endpoint.handler(request);
      if (reply.status < 200 || (reply.status >= 500 && reply.status != 501)) std::abort();
    }
  }
  return 0;
}
