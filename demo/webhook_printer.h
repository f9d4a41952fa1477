// The phone of whoever is on call: receives tierwatch's webhooks and puts each page into a line or
// two.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "demo/http_listener.h"

namespace tierwatch::demo {

/// One alert of a notification.
struct Page {
  bool firing = false;
  std::string name;
  std::string severity;
  std::string summary;      // the annotation, "" where absent
  std::string description;  // likewise
  TimestampMs starts_at = 0;
  TimestampMs ends_at = 0;  // of a resolved one
};

/// Reads Alertmanager's webhook payload, version 4.
Result<std::vector<Page>> ParsePages(std::string_view body);

/// "FIRING    CacheBackendDown  critical  since 20:15:04" and, where there is one, the summary on a
/// second line; times of day are UTC. Control characters of the payload never reach the terminal.
std::string FormatPage(const Page& page, bool colours);

/// Listens on a free loopback port. Each page is handed to `receive` on a thread of its own, in
/// order of arrival.
class WebhookReceiver {
 public:
  using Receive = std::function<void(const Page&)>;

  static Result<std::unique_ptr<WebhookReceiver>> Start(Receive receive);

  /// Where to send webhooks.
  std::string url() const { return listener_->url() + "/page"; }

 private:
  explicit WebhookReceiver(Receive receive) : receive_(std::move(receive)) {}
  Reply Accept(const Request& request);
  void Run(std::stop_token stop);

  const Receive receive_;
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<Page> pages_;
  std::jthread reader_;
  std::unique_ptr<HttpListener> listener_;  // last: it stops before what it fills goes
};

}  // namespace tierwatch::demo
