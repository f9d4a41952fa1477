// The `alerting:` section: Alertmanager's configuration, its own keys and meanings.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "alerts/notify/route.h"
#include "base/http_client.h"
#include "base/yaml.h"

namespace tierwatch {

struct WebhookConfig {
  Secret url;  // inline or from a file
  bool send_resolved = true;
  std::uint64_t max_alerts = 0;  // 0 = all
  Millis timeout{30'000};        // of one request
  HttpOptions http;
};

/// Without integrations, a receiver swallows what it gets: Alertmanager's way to mute a route.
struct Receiver {
  std::string name;
  std::vector<WebhookConfig> webhooks;
};

/// Immutable. Without a route nobody is told anything.
struct NotifyConfig {
  std::shared_ptr<const Route> route;
  std::vector<Receiver> receivers;
};

/// Reads the section; every finding is added with its place. What Alertmanager knows and tierwatch
/// does not do yet is refused by name. `global.resolve_timeout` is accepted and has no effect: the
/// rules say themselves when an alert ends.
NotifyConfig ReadNotifyConfig(const YamlNode& node, Diagnostics& diagnostics);

}  // namespace tierwatch
