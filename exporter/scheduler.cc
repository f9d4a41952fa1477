#include "exporter/scheduler.h"

#include <algorithm>
#include <cassert>
#include <system_error>
#include <utility>

namespace tierwatch {
namespace {

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

SteadyTime Rhythm::First(SteadyTime start, Millis within) const {
  return start + offset_ * std::min(within, interval_).count() / interval_.count();
}

Scheduler::Scheduler(SchedulerOptions options) : options_(options) {}

JobId Scheduler::Add(Job job) {
  const std::lock_guard lock(mutex_);
  const JobId id = next_id_++;
  const SteadyTime first = job.rhythm.First(SteadyNow(), options_.first_runs_within);
  Entry& entry = entries_.emplace(id, Entry{std::move(job), first}).first->second;
  List(entry);
  wake_.notify_all();
  return id;
}

void Scheduler::Remove(JobId id) {
  std::unique_lock lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  entry.removed = true;
  List(entry);
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
  if (at == entries_.end()) return;
  at->second.wanted = std::min(at->second.wanted, time);
  List(at->second);
  wake_.notify_all();
}

void Scheduler::Start() {
  const SteadyTime now = SteadyNow();
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, entry] : entries_) {
      entry.due = entry.job.rhythm.First(now, options_.first_runs_within);
      List(entry);
    }
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
  for (Worker* worker : idle_) worker->wake.notify_one();
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

// Puts an entry where the timeline is to find it. What is wanted of a job that runs waits for its
// end; what is removed is done with.
void Scheduler::List(Entry& entry) {
  const SteadyTime next = entry.removed ? SteadyTime::max()
                          : entry.busy  ? entry.due
                                        : std::min(entry.due, entry.wanted);
  if (next == entry.listed) return;
  timeline_.erase({entry.listed, &entry});
  entry.listed = next;
  if (next != SteadyTime::max()) timeline_.emplace(next, &entry);
}

void Scheduler::Dispatch() {
  std::unique_lock lock(mutex_);
  while (!stop_.stop_requested()) {
    const SteadyTime now = SteadyNow();
    SteadyTime wake = EnqueueDue(now);
    if (coming_ < queue_.size() && workers_ < options_.max_threads) {
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
    ++coming_;
  } catch (const std::system_error&) {
    // The machine has no thread to give: those there are do the work, and we ask again.
  }
}

// Queues what is due; gives the time of the next slot.
SteadyTime Scheduler::EnqueueDue(SteadyTime now) {
  while (!timeline_.empty() && timeline_.begin()->first <= now) {
    Entry& entry = *timeline_.begin()->second;
    if (entry.due <= now) {
      if (entry.busy) entry.job.skipped();
      entry.due = entry.job.rhythm.After(now);
    }
    Enqueue(entry);
    List(entry);
  }
  return timeline_.empty() ? now + std::chrono::hours(1) : timeline_.begin()->first;
}

void Scheduler::Enqueue(Entry& entry) {
  if (std::exchange(entry.busy, true)) return;
  queue_.push_back(&entry);
  if (idle_.empty()) return;
  idle_.back()->called = true;
  idle_.back()->wake.notify_one();
  idle_.pop_back();
  ++coming_;
}

void Scheduler::Work() {
  std::unique_lock lock(mutex_);
  Worker self;
  do {
    --coming_;
    while (!queue_.empty() && !stop_.stop_requested()) RunFirst(lock);
  } while (AwaitWork(lock, self));
  --workers_;
  // Under the lock: once it is released, Stop may return and take the scheduler away.
  left_.notify_all();
}

// False where the worker is not needed any more.
bool Scheduler::AwaitWork(std::unique_lock<std::mutex>& lock, Worker& self) {
  self.called = false;
  idle_.push_back(&self);
  self.wake.wait_for(lock, options_.idle_time,
                     [&] { return self.called || stop_.stop_requested(); });
  if (!self.called) std::erase(idle_, &self);
  return self.called;
}

void Scheduler::RunFirst(std::unique_lock<std::mutex>& lock) {
  Entry& entry = *queue_.front();
  queue_.pop_front();
  if (entry.wanted <= SteadyNow()) entry.wanted = SteadyTime::max();  // this run is the one
  lock.unlock();
  entry.job.run(entry.stop.get_token());
  lock.lock();
  entry.busy = false;
  List(entry);
  if (entry.listed == entry.wanted) wake_.notify_all();
  if (entry.removed) left_.notify_all();
}

}  // namespace tierwatch
