#include "exporter/scheduler.h"

#include <algorithm>
#include <cassert>
#include <system_error>
#include <utility>

namespace tierwatch {
namespace {

constexpr Millis kFirstRunsWithin{1'000};
constexpr Millis kGrowEvery{2};

SteadyTime SteadyNow() { return std::chrono::steady_clock::now(); }

}  // namespace

Rhythm::Rhythm(Millis interval, std::uint64_t hash)
    : interval_(interval), offset_(hash % static_cast<std::uint64_t>(interval.count())) {
  assert(interval.count() > 0);
}

SteadyTime Rhythm::After(SteadyTime time) const {
  const auto since = std::chrono::floor<Millis>(time.time_since_epoch()) - offset_;
  const auto rest = since % interval_;
  return SteadyTime(offset_ + since - rest + (rest.count() < 0 ? Millis(0) : interval_));
}

SteadyTime Rhythm::First(SteadyTime start) const {
  return start + offset_ * std::min(kFirstRunsWithin, interval_).count() / interval_.count();
}

Scheduler::Scheduler(std::size_t max_threads, Millis idle_time)
    : max_threads_(max_threads), idle_time_(idle_time) {}

JobId Scheduler::Add(Job job) {
  const std::lock_guard lock(mutex_);
  const JobId id = next_id_++;
  const SteadyTime first = job.rhythm.First(SteadyNow());
  entries_.emplace(id, Entry{std::move(job), first});
  wake_.notify_all();
  return id;
}

void Scheduler::Remove(JobId id) {
  std::unique_lock lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  entry.removed = true;
  entry.due = entry.wanted = SteadyTime::max();
  std::stop_source stop = entry.stop;
  lock.unlock();
  stop.request_stop();  // whoever waits for it is called, and may take its time
  lock.lock();
  if (std::erase(queue_, &entry) > 0) entry.busy = false;
  left_.wait(lock, [&] { return !entry.busy; });
  entries_.erase(id);
}

void Scheduler::RunAt(JobId id, SteadyTime time) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end() || at->second.removed) return;
  at->second.wanted = std::min(at->second.wanted, time);
  wake_.notify_all();
}

void Scheduler::Start() {
  const SteadyTime now = SteadyNow();
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, entry] : entries_) entry.due = entry.job.rhythm.First(now);
  }
  dispatcher_ = std::thread([this] { Dispatch(); });
}

void Scheduler::Stop() {
  stop_.request_stop();
  std::unique_lock lock(mutex_);
  std::vector<std::stop_source> jobs;
  for (auto& [id, entry] : entries_) jobs.push_back(entry.stop);
  lock.unlock();
  for (std::stop_source& job : jobs) job.request_stop();
  lock.lock();
  work_.notify_all();
  wake_.notify_all();
  std::thread dispatcher = std::move(dispatcher_);
  lock.unlock();
  if (dispatcher.joinable()) dispatcher.join();
  lock.lock();
  left_.wait(lock, [this] { return workers_ == 0; });
}

std::size_t Scheduler::threads() const {
  const std::lock_guard lock(mutex_);
  return workers_;
}

void Scheduler::Dispatch() {
  std::unique_lock lock(mutex_);
  while (!stop_.stop_requested()) {
    const SteadyTime now = SteadyNow();
    SteadyTime wake = EnqueueDue(now);
    work_.notify_all();
    if (idle_ < queue_.size() && workers_ < max_threads_) {
      AddWorker();
      wake = std::min(wake, now + kGrowEvery);
    }
    wake_.wait_until(lock, wake);
  }
}

// One at a time: a burst of quick jobs is done by few before the next one is added.
void Scheduler::AddWorker() {
  try {
    std::thread([this] { Work(); }).detach();  // Stop waits for workers_ to be 0
    ++workers_;
    ++idle_;
  } catch (const std::system_error&) {
    // The machine has no thread to give: those there are do the work, and we ask again.
  }
}

// Queues what is due; gives the time of the next slot.
SteadyTime Scheduler::EnqueueDue(SteadyTime now) {
  SteadyTime next = now + std::chrono::hours(1);
  for (auto& [id, entry] : entries_) {
    if (entry.due <= now) {
      if (entry.busy) entry.job.skipped();
      Enqueue(entry);
      entry.due = entry.job.rhythm.After(now);
    }
    if (entry.wanted <= now) {
      Enqueue(entry);
      entry.wanted = SteadyTime::max();
    }
    next = std::min({next, entry.due, entry.wanted});
  }
  return next;
}

void Scheduler::Enqueue(Entry& entry) {
  if (std::exchange(entry.busy, true)) return;
  queue_.push_back(&entry);
}

// A worker counts as idle while it waits, and from its birth on.
void Scheduler::Work() {
  std::unique_lock lock(mutex_);
  const auto wanted = [this] { return !queue_.empty() || stop_.stop_requested(); };
  while (work_.wait_for(lock, idle_time_, wanted) && !stop_.stop_requested()) {
    Entry& entry = *queue_.front();
    queue_.pop_front();
    --idle_;
    lock.unlock();
    entry.job.run(entry.stop.get_token());
    lock.lock();
    ++idle_;
    entry.busy = false;
    if (entry.removed) left_.notify_all();
  }
  --idle_;
  --workers_;
  // Under the lock: once it is released, Stop may return and take the scheduler away.
  left_.notify_all();
}

}  // namespace tierwatch
