// Alerts that another process posts: the body of POST /api/v2/alerts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alerts/rules/alert.h"

namespace tierwatch::api {

struct PostedAlerts {
  std::vector<Alert> alerts;  // those that are valid
  std::string error;          // what is wrong with the others, "" where nothing is
};

/// Reads a JSON list of `{labels, annotations, startsAt, endsAt, generatorURL}`. An alert without
/// an end is taken to end after `resolve_timeout`; one without a start began now, or where it
/// ended. A generatorURL that is no http or https URL is left out: people click on it. Source:
/// Alertmanager's postAlertsHandler and Alert.Validate.
PostedAlerts ReadPostedAlerts(std::string_view body, TimestampMs now, Millis resolve_timeout);

}  // namespace tierwatch::api
