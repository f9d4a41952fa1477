// status/…, alertmanagers and notifications: what the process is and how it is set up.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/rules/group.h"
#include "alerts/series/store.h"
#include "base/clock.h"
#include "exporter/http_server.h"
#include "exporter/reloader.h"
#include "exporter/runner.h"

namespace tierwatch::api {

/// How the process was set up. Nothing secret.
struct Setup {
  TimestampMs started = 0;
  std::string listen_address;
  std::string external_url;
  Labels external_labels;
  Millis evaluation_interval{0};
  Millis retention{0};  // 0: for ever
};

struct StatusSource {
  const promql::Engine& engine;
  const series::Store& store;
  const Clock& clock;
  Setup setup;
  std::function<std::vector<GroupStatus>()> groups;
  std::function<std::vector<TargetStatus>()> targets;
  std::function<ReloadStatus()> reloads;
};

/// The version that status/buildinfo tells: that of the Prometheus whose language and API these
/// are, since clients decide by it what they may ask. Grafana asks for UTF-8 names from 3.0 on, for
/// labels by matchers from 2.24 on, and takes a server whose buildinfo has `features` for Mimir.
inline constexpr std::string_view kPrometheusVersion = "3.14.0";

/// status/config is made from the setup: it has the names of targets and rule files, and never
/// their credentials. What the source refers to must outlive the endpoints.
std::vector<Endpoint> StatusEndpoints(StatusSource source);

}  // namespace tierwatch::api
