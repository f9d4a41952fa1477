#include "exporter/target_set.h"

#include <atomic>
#include <limits>
#include <set>
#include <utility>

namespace tierwatch {

TargetSet::~TargetSet() {
  wiring_.scheduler.Stop();
  targets_.clear();
}

TargetSet::Identity TargetSet::IdentityOf(const WatchedTarget& target) {
  return {target.collector, std::string(target.labels.Get("service")),
          std::string(target.labels.Get("target"))};
}

void TargetSet::Add(WatchedTarget target) {
  const std::lock_guard lock(mutex_);
  Start(std::move(target), nullptr);
}

void TargetSet::Start(WatchedTarget target, const Membership* member_of) {
  const Identity identity = IdentityOf(target);
  const Rhythm rhythm(target.interval, target.Hash());
  const std::shared_ptr<Membership> membership = target.membership;
  auto runner = std::make_shared<TargetRunner>(std::move(target), wiring_.clock, wiring_.sinks,
                                               wiring_.logger);
  // The job may run, and its connection hang up, before its number is known here.
  const auto job = std::make_shared<std::atomic<JobId>>(std::numeric_limits<JobId>::max());
  runner->WatchConnections(
      wiring_.connections,
      [&scheduler = wiring_.scheduler, job](SteadyTime time) { scheduler.RunAt(*job, time); });
  if (membership) {
    runner->TellMembers([this, membership, name = identity[2]](const auto& members) {
      Told(*membership, name, members);
    });
  }
  *job = wiring_.scheduler.Add(
      {rhythm, [raw = runner.get()](std::stop_token stop) { raw->Sample(std::move(stop)); },
       [raw = runner.get()] { raw->CountSkipped(); }});
  targets_[identity] = {std::move(runner), *job, member_of};
}

void TargetSet::Told(Membership& membership, const std::string& source,
                     const std::optional<Members>& members) {
  std::vector<Watched> gone;
  {
    const std::lock_guard lock(mutex_);
    membership.Told(source, members);
    const std::optional<std::vector<std::string>> wanted = membership.Wanted();
    if (wanted) gone = Follow(membership, *wanted);
  }
  for (Watched& watched : gone) Remove(std::move(watched));
}

std::vector<TargetSet::Watched> TargetSet::Follow(const Membership& membership,
                                                  const std::vector<std::string>& addresses) {
  std::set<Identity> wanted;
  for (const std::string& address : addresses) {
    Result<WatchedTarget> target = membership.MakeTarget(address);
    if (!target.ok()) continue;  // an address that nobody could connect to
    const Identity& identity = *wanted.insert(IdentityOf(*target)).first;
    if (targets_.contains(identity)) continue;
    wiring_.logger.Info(
        "a server was found and is watched",
        {{"collector", identity[0]}, {"service", identity[1]}, {"target", identity[2]}});
    Start(*std::move(target), &membership);
  }
  std::vector<Watched> gone;
  for (auto at = targets_.begin(); at != targets_.end();) {
    const bool stays = at->second.member_of != &membership || wanted.contains(at->first);
    if (!stays) gone.push_back(std::move(at->second));
    at = stays ? std::next(at) : targets_.erase(at);
  }
  return gone;
}

void TargetSet::Remove(Watched watched) {
  const WatchedTarget& target = watched.runner->target();
  wiring_.logger.Info("a server is named no more and no longer watched",
                      {{"collector", target.collector},
                       {"service", target.labels.Get("service")},
                       {"target", target.labels.Get("target")}});
  wiring_.scheduler.Remove(watched.job, [this, runner = std::move(watched.runner)]() mutable {
    const std::string collector = runner->target().collector;
    const Labels labels = runner->target().labels;
    runner.reset();
    wiring_.forget(collector, labels);
  });
}

std::vector<TargetStatus> TargetSet::Status() const {
  std::vector<std::shared_ptr<TargetRunner>> runners;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [identity, watched] : targets_) runners.push_back(watched.runner);
  }
  std::vector<TargetStatus> all;
  for (const auto& runner : runners) all.push_back(runner->status());
  return all;
}

std::size_t TargetSet::size() const {
  const std::lock_guard lock(mutex_);
  return targets_.size();
}

}  // namespace tierwatch
