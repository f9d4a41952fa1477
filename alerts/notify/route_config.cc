#include "alerts/notify/route_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "alerts/notify/matcher_config.h"
#include "base/duration.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMaxRouteDepth = 50;
constexpr Millis kLongestTimer = std::chrono::hours(24 * 365 * 10);  // steady time counts 292 years

class RouteReader {
 public:
  RouteReader(const std::vector<std::string_view>& receivers, const TimeIntervals& intervals,
              Diagnostics& diagnostics)
      : names_(receivers), intervals_(intervals), diagnostics_(diagnostics) {}

  Route Read(const YamlNode& node, const Route* parent, std::size_t depth) {
    YamlMap map(node, "route", diagnostics_);
    Route route;
    if (parent != nullptr) route = Inherit(*parent);
    ReadReceiverName(map, route, parent == nullptr);
    ReadGroupBy(map, route);
    ReadTimers(map, route);
    ReadFallback(map, route);
    route.matchers = ReadMatchers(map, {"match", "match_re", "matchers"});
    ReadIntervals(map, "mute_time_intervals", route.mute_time_intervals);
    ReadIntervals(map, "active_time_intervals", route.active_time_intervals);
    route.continue_matching = map.Bool("continue").value_or(false);
    if (parent == nullptr) CheckRoot(map, route);
    route.key = (parent == nullptr ? "" : parent->key + "/") + route.matchers.ToString();
    if (const YamlNode* list = map.Get("routes")) ReadChildren(*list, route, depth);
    return route;
  }

 private:
  static Route Inherit(const Route& parent) {
    Route route;
    route.receiver = parent.receiver;
    route.fallback = parent.fallback;
    route.fallback_after = parent.fallback_after;
    route.group_by = parent.group_by;
    route.group_by_all = parent.group_by_all;
    route.group_wait = parent.group_wait;
    route.group_interval = parent.group_interval;
    route.repeat_interval = parent.repeat_interval;
    return route;
  }

  void ReadReceiverName(YamlMap& map, Route& route, bool is_root) {
    if (is_root) map.Require("receiver");
    const std::string name = map.String("receiver").value_or("");
    if (name.empty()) return;
    route.receiver = name;
    CheckReceiver(map, "receiver", name);
  }

  // tierwatch's own: who is told too while the receiver can't be.
  void ReadFallback(YamlMap& map, Route& route) {
    ReadTimer(map, "fallback_after", Millis{1}, route.fallback_after);
    const std::optional<std::string> name = map.String("fallback");
    if (!name) return;
    route.fallback = *name;
    CheckReceiver(map, "fallback", *name);
    if (*name == route.receiver)
      diagnostics_.Add(map.Where("fallback"),
                       "fallback: expected another receiver than the route's");
  }

  void CheckReceiver(YamlMap& map, std::string_view key, const std::string& name) {
    if (std::find(names_.begin(), names_.end(), name) != names_.end()) return;
    const std::string_view nearest = Nearest(name, names_);
    diagnostics_.Add(
        map.Where(key),
        fmt::format("receiver \"{}\" is not defined in receivers{}", name,
                    nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)));
  }

  void ReadGroupBy(YamlMap& map, Route& route) {
    if (map.Get("group_by") == nullptr) return;
    std::vector<std::string> names = map.Strings("group_by");
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
      diagnostics_.Add(map.Where("group_by"), fmt::format("group_by: \"{}\" occurs twice", *twice));
    }
    if (std::any_of(names.begin(), names.end(),
                    [](const std::string& name) { return name.empty(); })) {
      diagnostics_.Add(map.Where("group_by"), "group_by: a label name is empty");
    }
    const bool all = std::find(names.begin(), names.end(), "...") != names.end();
    if (all && names.size() > 1) {
      diagnostics_.Add(map.Where("group_by"),
                       "group_by: ... stands for every label; no other name may stand beside it");
    }
    route.group_by_all = all;
    route.group_by = all ? std::vector<std::string>{} : std::move(names);
  }

  void ReadTimers(YamlMap& map, Route& route) {
    ReadTimer(map, "group_wait", Millis{0}, route.group_wait);
    ReadTimer(map, "group_interval", Millis{1}, route.group_interval);
    ReadTimer(map, "repeat_interval", Millis{1}, route.repeat_interval);
  }

  void ReadTimer(YamlMap& map, std::string_view key, Millis least, Millis& timer) {
    const std::optional<Millis> value = map.Duration(key);
    if (!value) return;
    if (*value < least) {
      diagnostics_.Add(map.Where(key), fmt::format("{} can't be 0", key));
    } else if (*value > kLongestTimer) {
      diagnostics_.Add(map.Where(key),
                       fmt::format("{}: expected at most {}", key, FormatDuration(kLongestTimer)));
    } else {
      timer = *value;
    }
  }

  // Routes below do not inherit them.
  void ReadIntervals(YamlMap& map, std::string_view key, std::vector<std::string>& names) {
    names = map.Strings(key);
    for (const std::string& name : names) {
      if (!intervals_.contains(name)) {
        diagnostics_.Add(map.Where(key),
                         fmt::format("{}: time interval \"{}\" is not defined", key, name));
      }
    }
  }

  void CheckRoot(YamlMap& map, const Route& route) {
    if (!route.matchers.empty()) {
      diagnostics_.Add(map.node().where(),
                       "the first route gets every alert: it can't have matchers");
    }
    if (route.continue_matching)
      diagnostics_.Add(map.Where("continue"), "the first route can't have continue");
    if (!route.mute_time_intervals.empty() || !route.active_time_intervals.empty()) {
      diagnostics_.Add(map.node().where(),
                       "the first route can't have mute_time_intervals or active_time_intervals");
    }
  }

  void ReadChildren(const YamlNode& list, Route& route, std::size_t depth) {
    if (!list.IsSequence()) {
      diagnostics_.Add(list.where(), "routes: expected a list, not " + list.Describe());
      return;
    }
    if (depth >= kMaxRouteDepth) {
      diagnostics_.Add(list.where(), fmt::format("routes are nested over {} deep", kMaxRouteDepth));
      return;
    }
    for (const YamlNode& child : list.items())
      route.routes.push_back(Read(child, &route, depth + 1));
  }

  const std::vector<std::string_view>& names_;
  const TimeIntervals& intervals_;
  Diagnostics& diagnostics_;
};

}  // namespace

Route ReadRoute(const YamlNode& node, const std::vector<std::string_view>& receivers,
                const TimeIntervals& intervals, Diagnostics& diagnostics) {
  return RouteReader(receivers, intervals, diagnostics).Read(node, nullptr, 1);
}

}  // namespace tierwatch
