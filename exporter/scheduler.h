// When jobs run and on which threads: many periodic jobs, each on its own rhythm, on as few threads
// as are blocked.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace tierwatch {

/// The rhythm of one job: slots at offset, offset + interval, … in steady time. The offset comes
/// from a hash, so that jobs of one interval are spread over it.
class Rhythm {
 public:
  /// `interval` must be positive.
  Rhythm(Millis interval, std::uint64_t hash);
  /// The first slot after `time`.
  SteadyTime After(SteadyTime time) const;
  /// When to run for the first time: soon, and not all jobs at once.
  SteadyTime First(SteadyTime start, Millis within) const;

 private:
  Millis interval_;
  Millis offset_;
};

/// `run` is never called twice at once. A slot that comes while it runs is not made up for:
/// `skipped` is called.
struct Job {
  Rhythm rhythm;
  std::function<void(std::stop_token)> run;
  std::function<void()> skipped = [] {};  // must be quick
};

using JobId = std::size_t;
inline constexpr JobId kNoJob = static_cast<JobId>(-1);

struct SchedulerOptions {
  std::size_t max_threads = 64;
  Millis idle_time{10'000};         // a thread that has had nothing to do for so long leaves
  Millis first_runs_within{1'000};  // of Start, or of Add
};

/// Runs jobs from Start to Stop. A thread is added when a job is due and all threads are busy, up
/// to the limit.
class Scheduler {
 public:
  explicit Scheduler(SchedulerOptions options = {});
  ~Scheduler() { Stop(); }
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Thread-safe.
  JobId Add(Job job);
  /// Starts the job no more, asks it to stop where it runs, and waits for that. Thread-safe; not
  /// for the job itself.
  void Remove(JobId id);
  void Start();
  /// Starts nothing any more, asks running jobs to stop and waits for them, as long as they take.
  /// Thread-safe.
  void Stop();
  /// Runs a job once at `time`, outside its slots, which stay as they are; where it runs then, once
  /// more after that. Several such wishes are one, the earliest. Thread-safe.
  void RunAt(JobId id, SteadyTime time);
  /// The worker threads of now, for metrics and tests. Thread-safe.
  std::size_t threads() const;

 private:
  struct Entry {
    Job job;
    SteadyTime due;
    SteadyTime wanted = SteadyTime::max();  // out of turn
    SteadyTime listed = SteadyTime::max();  // where timeline_ has it
    bool busy = false;                      // queued or running
    bool removed = false;
    std::stop_source stop{};
  };
  struct Worker {
    std::condition_variable wake{};
    bool called = false;
  };

  void List(Entry& entry);
  void Dispatch();
  SteadyTime EnqueueDue(SteadyTime now);
  void Enqueue(Entry& entry);
  void AddWorker();
  void Work();
  bool AwaitWork(std::unique_lock<std::mutex>& lock, Worker& self);
  void RunFirst(std::unique_lock<std::mutex>& lock);

  const SchedulerOptions options_;
  std::stop_source stop_;

  mutable std::mutex mutex_;      // guards all below
  std::condition_variable wake_;  // the dispatcher: something is due earlier, or the end
  std::condition_variable left_;  // Stop and Remove: a worker left, or a job was done
  std::map<JobId, Entry> entries_;
  JobId next_id_ = 0;
  std::set<std::pair<SteadyTime, Entry*>> timeline_;  // when each entry is to be looked at next
  std::deque<Entry*> queue_;
  std::size_t workers_ = 0;
  std::size_t coming_ = 0;     // workers on their way to the queue
  std::vector<Worker*> idle_;  // the last one is called first, so that those not needed leave
  std::thread dispatcher_;
};

}  // namespace tierwatch
