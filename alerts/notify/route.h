// The routing tree: which receivers an alert goes to, and how its notifications are grouped and
// paced.
#pragma once

#include <string>
#include <vector>

#include "alerts/notify/matcher.h"
#include "base/clock.h"
#include "base/labels.h"

namespace tierwatch {

/// A node with everything that it inherits filled in. Immutable once read.
struct Route {
  std::string receiver;
  std::vector<std::string> group_by;
  bool group_by_all = false;  // `...`: every label
  Millis group_wait{30'000};
  Millis group_interval{300'000};
  Millis repeat_interval{14'400'000};
  std::string fallback;  // a receiver that is told too while `receiver` can't be; "" = none
  Millis fallback_after{300'000};  // for how long not
  AlertMatchers matchers;
  bool continue_matching = false;
  std::vector<std::string> mute_time_intervals;    // tells nobody within any of them
  std::vector<std::string> active_time_intervals;  // where there are some: tells only within one
  std::string key;  // `{}/{severity="critical"}`: the matchers from the root down
  std::vector<Route> routes;

  /// The deepest routes that match, depth first, left to right; a match ends the search among its
  /// siblings unless it says `continue`. Pointers are into this tree.
  std::vector<const Route*> Match(const Labels& labels) const;
  /// Those labels of an alert that name its group.
  Labels GroupLabels(const Labels& labels) const;
};

}  // namespace tierwatch
