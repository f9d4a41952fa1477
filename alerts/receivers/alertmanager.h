// The receiver `alertmanager_configs`, which is tierwatch's own: every member of a cluster of
// Alertmanagers is told of every alert, as Prometheus does it.
#pragma once

#include <memory>
#include <vector>

#include "alerts/receivers/global_config.h"
#include "alerts/receivers/integration.h"

namespace tierwatch {

/// Reads `{urls: [http://am-1:9093, …], timeout: 10s, http_config}` into one integration for each
/// URL, whose name ends in the URL's host and port. Each posts a notification's alerts to
/// /api/v2/alerts; group and receiver stay unsaid.
std::vector<std::shared_ptr<Integration>> ReadAlertmanagers(const YamlNode& node,
                                                            const Integration::Identity& identity,
                                                            const GlobalConfig& global,
                                                            Diagnostics& diagnostics);

}  // namespace tierwatch
