// Rhythms by arithmetic; threads in real time, with wide margins.
#include "exporter/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

namespace tierwatch {
namespace {

using namespace std::chrono_literals;

SteadyTime At(int ms) { return SteadyTime(Millis(ms)); }

template <class Condition>
bool Soon(Condition condition) {
  for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(10ms);
  return condition();
}

TEST(Rhythm, SlotsAreOffsetPlusMultiplesOfTheInterval) {
  const Rhythm rhythm(100ms, 1'030);  // 1030 mod 100 = 30
  EXPECT_EQ(rhythm.After(At(0)), At(30));
  EXPECT_EQ(rhythm.After(At(29)), At(30));
  EXPECT_EQ(rhythm.After(At(30)), At(130));
  EXPECT_EQ(rhythm.After(At(129)), At(130));
  EXPECT_EQ(rhythm.After(At(100'000)), At(100'030));
}

TEST(Rhythm, FirstRunsAreWithinASecondOrTheInterval) {
  EXPECT_EQ(Rhythm(100ms, 30).First(At(7), 1s), At(37));
  EXPECT_EQ(Rhythm(10s, 5'000).First(At(0), 1s), At(500));
}

TEST(Scheduler, RunsJobsInTheirRhythm) {
  std::atomic<int> runs = 0;
  Scheduler scheduler;
  scheduler.Add({Rhythm(20ms, 3), [&](std::stop_token) { ++runs; }});
  scheduler.Start();
  EXPECT_TRUE(Soon([&] { return runs >= 5; }));
}

TEST(Scheduler, ASlowJobIsNeverStackedAndHoldsUpNoOther) {
  std::atomic<int> at_once = 0, most = 0, skipped = 0, quick = 0;
  Scheduler scheduler;
  scheduler.Add({Rhythm(20ms, 0),
                 [&](std::stop_token) {
                   most = std::max(most.load(), ++at_once);
                   std::this_thread::sleep_for(150ms);
                   --at_once;
                 },
                 [&] { ++skipped; }});
  scheduler.Add({Rhythm(20ms, 1), [&](std::stop_token) { ++quick; }});
  scheduler.Start();
  EXPECT_TRUE(Soon([&] { return skipped >= 4 && quick >= 10; }));
  EXPECT_EQ(most, 1);
}

TEST(Scheduler, GrowsWhileJobsBlockUpToItsLimitAndShrinksAgain) {
  std::atomic<bool> release = false;
  std::atomic<int> running = 0;
  Scheduler scheduler({.max_threads = 8, .idle_time = 50ms, .first_runs_within = 0ms});
  for (int i = 0; i < 20; ++i) {
    scheduler.Add({Rhythm(1h, 0), [&](std::stop_token) {
                     ++running;
                     while (!release) std::this_thread::sleep_for(1ms);
                   }});
  }
  scheduler.Start();
  EXPECT_TRUE(Soon([&] { return running == 8; }));
  EXPECT_EQ(scheduler.threads(), 8u);
  release = true;
  EXPECT_TRUE(Soon([&] { return running == 20; }));
  EXPECT_TRUE(Soon([&] { return scheduler.threads() == 0; }));
}

TEST(Scheduler, HundredsOfQuickJobsNeedFewThreads) {
  std::atomic<int> runs = 0;
  std::atomic<std::size_t> most = 0;
  Scheduler scheduler({.max_threads = 300});  // a thread for each, if it came to that
  for (std::uint64_t i = 0; i < 300; ++i) {
    scheduler.Add({Rhythm(200ms, i * 0x9e3779b9), [&](std::stop_token) {
                     ++runs;
                     most = std::max(most.load(), scheduler.threads());
                   }});
  }
  scheduler.Start();
  EXPECT_TRUE(Soon([&] { return runs >= 900; }));
  scheduler.Stop();
  EXPECT_LT(most, 100u);  // a handful; more only where the machine takes threads off its cores
}

TEST(Scheduler, RunsAJobOutOfTurnOnce) {
  std::atomic<int> runs = 0;
  Scheduler scheduler;
  const JobId job = scheduler.Add({Rhythm(1h, 0), [&](std::stop_token) { ++runs; }});
  scheduler.Start();
  ASSERT_TRUE(Soon([&] { return runs == 1; }));  // the first run
  const SteadyTime now = std::chrono::steady_clock::now();
  scheduler.RunAt(job, now + 1h);
  scheduler.RunAt(job, now + 20ms);
  scheduler.RunAt(job, now + 2h);
  EXPECT_TRUE(Soon([&] { return runs == 2; }));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(runs, 2);
}

TEST(Scheduler, WhatIsWantedOfARunningJobIsDoneAfterIt) {
  std::atomic<int> runs = 0;
  std::atomic<bool> release = false;
  Scheduler scheduler({.first_runs_within = 0ms});
  const JobId job = scheduler.Add({Rhythm(1h, 0), [&](std::stop_token) {
                                     ++runs;
                                     while (!release) std::this_thread::sleep_for(1ms);
                                   }});
  scheduler.Start();
  ASSERT_TRUE(Soon([&] { return runs == 1; }));
  scheduler.RunAt(job, std::chrono::steady_clock::now());
  scheduler.RunAt(job, std::chrono::steady_clock::now());
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(runs, 1);
  release = true;
  EXPECT_TRUE(Soon([&] { return runs == 2; }));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(runs, 2);
}

TEST(Scheduler, StopTellsARunningJobAndWaitsForIt) {
  std::atomic<bool> started = false, ended = false;
  Scheduler scheduler;
  scheduler.Add({Rhythm(10ms, 0), [&](std::stop_token stop) {
                   started = true;
                   while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
                   ended = true;
                 }});
  scheduler.Start();
  ASSERT_TRUE(Soon([&] { return started.load(); }));
  scheduler.Stop();
  EXPECT_TRUE(ended);
  scheduler.Stop();  // again: nothing to do
}

}  // namespace
}  // namespace tierwatch
