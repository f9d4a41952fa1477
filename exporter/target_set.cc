#include "exporter/target_set.h"

#include <algorithm>

namespace tierwatch {

TargetSet::~TargetSet() {
  // Nothing is forgotten: what was seen last outlives the process.
  for (const auto& [key, one] : watched_) parts_.scheduler.Remove(one->job);
}

std::unique_ptr<TargetSet::Watched> TargetSet::Begin(Origin origin, WatchedTarget target) {
  const Rhythm rhythm(target.interval, target.Hash());
  auto watched = std::make_unique<Watched>(
      origin,
      std::make_unique<TargetRunner>(std::move(target), parts_.clock, parts_.sinks, parts_.logger));
  TargetRunner* const runner = watched->runner.get();
  runner->TellMembers(
      [this, runner](const auto& members) { parts_.members(runner->target(), members); });
  runner->WatchConnections(parts_.connections, [this, one = watched.get()](SteadyTime time) {
    parts_.scheduler.RunAt(one->job, time);
  });
  watched->job = parts_.scheduler.Add(
      {rhythm, [runner](std::stop_token stop) { runner->Sample(std::move(stop)); },
       [runner] { runner->CountSkipped(); }});
  return watched;
}

void TargetSet::Watch(Origin origin, std::vector<WatchedTarget> targets) {
  const std::lock_guard change(changing_);
  std::map<Key, WatchedTarget> wanted;
  for (WatchedTarget& target : targets) {
    Key key{target.collector, target.labels};
    wanted.try_emplace(std::move(key), std::move(target));
  }
  std::vector<std::unique_ptr<Watched>> gone;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = watched_.begin(); at != watched_.end();) {
      const auto same = wanted.find(at->first);
      const bool stays =
          at->second->origin != origin ||
          (same != wanted.end() && same->second.settings == at->second->runner->target().settings);
      if (stays) {
        if (same != wanted.end()) wanted.erase(same);
        ++at;
      } else {
        gone.push_back(std::move(at->second));
        at = watched_.erase(at);
      }
    }
  }
  // One whose settings changed has ended before it begins anew.
  for (const std::unique_ptr<Watched>& one : gone) {
    parts_.scheduler.Remove(one->job);
    parts_.forget(one->runner->target());
  }
  gone.clear();
  for (auto& [key, target] : wanted) {
    std::unique_ptr<Watched> begun = Begin(origin, std::move(target));
    const std::lock_guard lock(mutex_);
    watched_.emplace(key, std::move(begun));
  }
}

std::vector<TargetStatus> TargetSet::statuses() const {
  const std::lock_guard lock(mutex_);
  std::vector<TargetStatus> all;
  all.reserve(watched_.size());
  for (const auto& [key, one] : watched_) all.push_back(one->runner->status());
  return all;
}

std::size_t TargetSet::size() const {
  const std::lock_guard lock(mutex_);
  return watched_.size();
}

bool TargetSet::AllSampled() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(watched_,
                             [](const auto& one) { return one.second->runner->status().sampled; });
}

}  // namespace tierwatch
