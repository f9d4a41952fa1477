#include "alerts/notify/silences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr TimestampMs kNow = 1'700'000'000'000;
constexpr TimestampMs kHour = 3'600'000;
const Labels kAlert{{"alertname", "A"}, {"service", "s"}};

Silence Make(const std::string& matchers, TimestampMs start = kNow,
             TimestampMs end = kNow + kHour) {
  Silence silence;
  const std::vector<AlertMatcher> parsed = *ParseAlertMatchers(matchers);
  for (const AlertMatcher& matcher : parsed) silence.matchers.Add(matcher);
  silence.starts_at = start;
  silence.ends_at = end;
  silence.created_by = "me";
  silence.comment = "why \xff";
  return silence;
}

class SilencesTest : public testing::Test {
 protected:
  std::string Set(Silence silence, TimestampMs now = kNow) {
    std::string id;
    const auto error = silences_->Set(std::move(silence), now, id);
    return error ? error->message : id;
  }
  void Reopen() { silences_ = std::make_unique<Silences>(dir_.path() + "/state.db", *logger_); }

  TempDir dir_;
  std::unique_ptr<Logger> logger_ = MakeNullLogger();
  std::unique_ptr<Silences> silences_ =
      std::make_unique<Silences>(dir_.path() + "/state.db", *logger_);
};

TEST_F(SilencesTest, HoldWhatTheyMatchFromTheirStartToTheirEnd) {
  const std::string id = Set(Make("alertname=~\"A|B\"", kNow + 10, kNow + 20));
  EXPECT_THAT(silences_->Silencing(kAlert, kNow + 9), IsEmpty());
  EXPECT_THAT(silences_->Silencing(kAlert, kNow + 10), ElementsAre(id));
  EXPECT_THAT(silences_->Silencing(kAlert, kNow + 19), ElementsAre(id));
  EXPECT_THAT(silences_->Silencing(kAlert, kNow + 20), IsEmpty());
  EXPECT_THAT(silences_->Silencing({{"alertname", "C"}}, kNow + 10), IsEmpty());
}

TEST_F(SilencesTest, SurviveARestart) {
  const std::string id = Set(Make("{alertname=\"A\",service!=\"t\"}"));
  Reopen();
  EXPECT_THAT(silences_->Silencing(kAlert, kNow), ElementsAre(id));
  const std::optional<Silence> silence = silences_->Get(id);
  ASSERT_TRUE(silence);
  EXPECT_EQ(silence->comment, "why \xff");
  EXPECT_EQ(silence->matchers.ToString(), "{alertname=\"A\",service!=\"t\"}");
  EXPECT_FALSE(silences_->Expire(id, kNow + 1));
  Reopen();
  EXPECT_THAT(silences_->Silencing(kAlert, kNow + 1), IsEmpty());
}

TEST_F(SilencesTest, RefuseWhatAlertmanagerRefuses) {
  EXPECT_EQ(Set(Silence{}), "invalid silence: at least one matcher required");
  EXPECT_EQ(Set(Make("alertname=~\".*\"")),
            "invalid silence: at least one matcher must not match the empty string");
  EXPECT_EQ(Set(Make("a=b", kNow, kNow)),
            "failed to create silence: start time must be before end time");
  EXPECT_EQ(Set(Make("a=b", kNow - 2, kNow - 1)),
            "failed to create silence: end time can't be in the past");
  Silence unknown = Make("a=b");
  unknown.id = "x";
  EXPECT_EQ(Set(unknown), "silence x not found");
  EXPECT_EQ(silences_->Expire("x", kNow)->kind, SilenceError::kNotFound);
  EXPECT_THAT(silences_->List(kNow), IsEmpty());
}

TEST_F(SilencesTest, WhatHasBegunIsChangedInPlaceOnlyAtItsEnd) {
  const std::string id = Set(Make("a=b", kNow - 5));
  EXPECT_EQ(silences_->Get(id)->starts_at, kNow) << "nobody can have been silenced before";
  Silence longer = *silences_->Get(id);
  longer.ends_at += kHour;
  EXPECT_EQ(Set(longer, kNow + 1), id);
  Silence other = Make("a=c");
  other.id = id;
  const std::string second = Set(other, kNow + 2);
  EXPECT_NE(second, id);
  EXPECT_EQ(silences_->Get(id)->StateAt(kNow + 2), SilenceState::kExpired);
  EXPECT_EQ(silences_->Get(second)->StateAt(kNow + 2), SilenceState::kActive);
  EXPECT_EQ(silences_->Expire(id, kNow + 3)->message, "silence " + id + " already expired");
}

TEST_F(SilencesTest, AreListedInOrderAndForgottenInTheEnd) {
  const std::string late = Set(Make("a=b", kNow, kNow + 3 * kHour));
  const std::string soon = Set(Make("a=b", kNow, kNow + 2 * kHour));
  const std::string pending = Set(Make("a=b", kNow + 2 * kHour, kNow + 9 * kHour));
  const std::string over = Set(Make("a=b", kNow, kNow + kHour));
  std::vector<std::string> ids;
  for (const Silence& silence : silences_->List(kNow + kHour)) ids.push_back(silence.id);
  EXPECT_THAT(ids, ElementsAre(soon, late, pending, over));
  const TimestampMs later = kNow + 122 * kHour;
  Set(Make("a=b", later, later + kHour), later);
  EXPECT_FALSE(silences_->Get(over));
  EXPECT_THAT(silences_->List(later), SizeIs(4));
}

}  // namespace
}  // namespace tierwatch
