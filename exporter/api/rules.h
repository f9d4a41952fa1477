// rules and alerts: the rule groups at work and what they found.
#pragma once

#include <functional>
#include <vector>

#include "alerts/rules/group.h"
#include "exporter/http_server.h"

namespace tierwatch::api {

/// Source: prometheus/web/api/v1/api.go. `groups` is called from many threads.
std::vector<Endpoint> RuleEndpoints(std::function<std::vector<GroupStatus>()> groups);

/// Names a group for the next page: SHA-256 of `file;group` in hexadecimal.
std::string GroupToken(const GroupStatus& group);

}  // namespace tierwatch::api
