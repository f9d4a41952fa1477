#include "alerts/notify/outbox.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

SteadyTime At(int second) { return SteadyTime(std::chrono::seconds(second)); }

std::uint64_t last_id = 0;

void Add(Outbox& outbox, const std::string& queue, const std::string& group,
         const std::string& body, int due) {
  OutboxEntry entry;
  entry.id = ++last_id;
  entry.queue = queue;
  entry.group_key = group;
  entry.idempotency_key = body;
  entry.due = At(due);
  outbox.Add(std::move(entry));
}

std::string TakeBody(Outbox& outbox, int second) {
  const auto entry = outbox.Take("q", At(second));
  return entry ? entry->idempotency_key : "";
}

TEST(OutboxTest, AGroupKeepsItsOrderAndHoldsUpNoOther) {
  Outbox outbox;
  Add(outbox, "q", "g", "fired", 1);
  Add(outbox, "q", "g", "resolved", 2);
  Add(outbox, "q", "h", "other", 3);
  EXPECT_EQ(outbox.Pending("q"), 3u);
  const auto fired = outbox.Take("q", At(5));
  ASSERT_TRUE(fired);
  EXPECT_EQ(fired->idempotency_key, "fired");
  const auto other = outbox.Take("q", At(5));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->idempotency_key, "other");
  EXPECT_EQ(TakeBody(outbox, 5), "") << "its older one is on its way";
  outbox.Remove(other->id);
  outbox.Retry(fired->id, At(9));
  EXPECT_EQ(outbox.NextDue("q"), At(9));
  EXPECT_EQ(TakeBody(outbox, 8), "") << "its older one waits";
  const auto again = outbox.Take("q", At(9));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, fired->id);
  EXPECT_EQ(again->attempts, 1);
  outbox.Remove(again->id);
  EXPECT_EQ(TakeBody(outbox, 9), "resolved");
  EXPECT_EQ(outbox.Pending("q"), 1u) << "taken is still owed";
}

TEST(OutboxTest, TheOneThatIsDueForLongestGoesFirst) {
  Outbox outbox;
  Add(outbox, "q", "a", "a", 1);
  const auto a = outbox.Take("q", At(1));
  ASSERT_TRUE(a);
  outbox.Retry(a->id, At(5));
  Add(outbox, "q", "b", "b", 4);
  Add(outbox, "q", "c", "c", 6);
  EXPECT_EQ(TakeBody(outbox, 7), "b");
  EXPECT_EQ(TakeBody(outbox, 7), "a");
  EXPECT_EQ(TakeBody(outbox, 7), "c");
  EXPECT_EQ(outbox.NextDue("q"), SteadyTime::max());
}

TEST(OutboxTest, WhatWaitsToBeTriedAgainCanBeHastened) {
  Outbox outbox;
  Add(outbox, "q", "a", "a", 1);
  Add(outbox, "q", "b", "b", 2);
  outbox.Retry(outbox.Take("q", At(2))->id, At(100));
  outbox.Hasten("q", At(5));
  outbox.Hasten("nobody", At(5));
  EXPECT_EQ(TakeBody(outbox, 5), "b") << "it has been due for longest";
  EXPECT_EQ(TakeBody(outbox, 5), "a");
}

TEST(OutboxTest, QueuesKnowNothingOfEachOther) {
  Outbox outbox;
  EXPECT_FALSE(outbox.Take("q", At(9)));
  EXPECT_EQ(outbox.NextDue("q"), SteadyTime::max());
  Add(outbox, "p", "g", "p", 1);
  EXPECT_EQ(outbox.Pending("q"), 0u);
  EXPECT_FALSE(outbox.Take("q", At(9)));
}

}  // namespace
}  // namespace tierwatch
