// A reload of `alerting` while alerts fire and requests are under way: each alert is told once, and
// nothing of what was owed is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "tests/live/program.h"
#include "tests/support/http_sink.h"

namespace tierwatch {
namespace {

constexpr int kAlerts = 200;

// The value of n → the keys under which it was taken as firing; one that fired twice has two.
using Heard = std::map<std::string, std::set<std::string>>;
void Listen(const HttpSink& sink, Heard& heard) {
  for (const SinkRequest& request : sink.Requests()) {
    if (request.answer != 200) continue;
    const auto body = nlohmann::json::parse(request.body);
    for (const auto& alert : body["alerts"]) {
      if (alert["status"] == "firing")
        heard[alert["labels"].value("n", "")].insert(request.headers.at("idempotency-key"));
    }
  }
}

class ReloadLiveTest : public testing::Test {
 protected:
  ReloadLiveTest() {
    std::string rules = "groups:\n- name: g\n  interval: 1s\n  rules:\n";
    for (int i = 0; i < kAlerts; ++i)
      rules += fmt::format("  - {{alert: A, labels: {{n: n{}}}, expr: vector(1)}}\n", i);
    program_.emplace(rules, first_.Url());
  }
  Heard All() const {
    Heard heard;
    Listen(first_, heard);
    Listen(second_, heard);
    return heard;
  }

  HttpSink first_, second_;
  std::optional<Program> program_;
};

TEST_F(ReloadLiveTest, AnotherAddressTakesOverWhatIsOwed) {
  first_.Always("/", {.delay = Millis{30}});
  program_->Start();
  ASSERT_TRUE(first_.WaitForRequests(20));
  program_->Change(first_.Url(), second_.Url());
  ASSERT_EQ(program_->Reload(), 200);
  const std::size_t told = first_.Requests().size();
  ASSERT_TRUE(WaitUntil([&] { return All().size() == kAlerts; }, Millis{60'000}));
  EXPECT_EQ(first_.Requests().size(), told) << "nothing begins to go there after the reload";
  for (const auto& [n, keys] : All()) EXPECT_EQ(keys.size(), 1u) << n;
  EXPECT_LT(told, static_cast<std::size_t>(kAlerts)) << "the reload came too late to tell anything";
}

TEST_F(ReloadLiveTest, ByASignalToo) {
  first_.Always("/", {.status = 503});
  program_->Start();
  ASSERT_TRUE(first_.WaitForRequests(20));
  program_->Change(first_.Url(), second_.Url());
  ASSERT_EQ(::kill(program_->pid(), SIGHUP), 0);
  ASSERT_TRUE(WaitUntil([&] { return All().size() == kAlerts; }, Millis{60'000}));
  for (const auto& [n, keys] : All()) EXPECT_EQ(keys.size(), 1u) << n;
}

TEST_F(ReloadLiveTest, AMistakeChangesNothing) {
  first_.Always("/", {.delay = Millis{30}});
  program_->Start();
  ASSERT_TRUE(first_.WaitForRequests(20));
  program_->Change("receiver: r,", "receiver: nobody,");
  EXPECT_EQ(program_->Reload(), 500);
  ASSERT_TRUE(WaitUntil([&] { return All().size() == kAlerts; }, Millis{60'000}));
}

TEST_F(ReloadLiveTest, WhatIsOwedToAReceiverThatIsGoneIsShownAsFailed) {
  first_.Always("/", {.status = 503});
  program_->Start();
  ASSERT_TRUE(first_.WaitForRequests(20));
  program_->Change("receiver: r,", "receiver: s,");
  program_->Change("name: r,", "name: s,");
  program_->Change(first_.Url(), second_.Url());
  ASSERT_EQ(program_->Reload(), 200);
  ASSERT_TRUE(WaitUntil([&] { return All().size() == kAlerts; }, Millis{60'000}));
  const ProcessResult shown =
      RunProcess({TIERWATCH_BINARY, "notifications", "--url", program_->url()});
  const std::regex failed("failed +r/webhook\\[0\\] .*the receiver is no longer configured");
  EXPECT_EQ(std::distance(std::sregex_iterator(shown.output.begin(), shown.output.end(), failed),
                          std::sregex_iterator()),
            kAlerts)
      << shown.output.substr(0, 2'000);
}

}  // namespace
}  // namespace tierwatch
