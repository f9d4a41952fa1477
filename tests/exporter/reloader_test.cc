#include "exporter/reloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/files.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;

class ReloaderTest : public testing::Test {
 protected:
  ReloaderTest() { dir_.Write("a.yml", Rule("A")); }

  static std::string Rule(const std::string& name) {
    return "groups: [{name: g" + name + ", rules: [{alert: " + name + ", expr: up}]}]\n";
  }
  void Start(const std::string& global = "{}") {
    const std::string file =
        dir_.Write("tierwatch.yml", "global: " + global + "\nrule_files: ['*.rules', a.yml]\n");
    CollectorResources resources;
    Diagnostics diagnostics;
    config_ = ReadConfigFile(file, resources, diagnostics);
    ASSERT_TRUE(config_) << diagnostics.ToString();
    reloader_ = std::make_unique<Reloader>(
        *config_,
        [this](Config fresh) {
          running_.clear();
          for (const RuleGroup& group : fresh.rules) running_ += group.name + " ";
          for (const WatchedTarget& target : fresh.targets)
            running_ += std::string(target.labels.Get("target")) + " ";
        },
        clock_, *logger_, registry_);
  }
  double Metric(const std::string& name) const {
    for (const auto& family : registry_.Collect()) {
      if (family.name == name) return family.metric.at(0).gauge.value;
    }
    return -1;
  }

  const TempDir dir_;
  FakeClock clock_;
  const std::unique_ptr<Logger> logger_ = MakeNullLogger();
  prometheus::Registry registry_;
  std::string running_ = "as started";
  std::optional<Config> config_;
  std::unique_ptr<Reloader> reloader_;
};

TEST_F(ReloaderTest, TakesChangedFilesOrNone) {
  Start();
  dir_.Write("b.rules", Rule("B"));
  EXPECT_TRUE(reloader_->Reload().ok());
  EXPECT_EQ(running_, "gA gB ");
  EXPECT_EQ(Metric("tierwatch_config_last_reload_successful"), 1);

  running_ = "as before";
  dir_.Write("a.yml", "groups:\n- name: g\n  rules: [{alert: A, expr: up >}]\n");
  const Result<void> refused = reloader_->Reload();
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr(dir_.path() + "/a.yml:3:"));
  EXPECT_EQ(running_, "as before");
  EXPECT_EQ(Metric("tierwatch_config_last_reload_successful"), 0);

  dir_.Write("a.yml", Rule("A2"));
  EXPECT_TRUE(reloader_->Reload().ok());
  EXPECT_EQ(running_, "gA2 gB ");
  EXPECT_EQ(Metric("tierwatch_config_last_reload_successful"), 1);
}

TEST_F(ReloaderTest, TakesTargetsToo) {
  Start();
  dir_.Write("tierwatch.yml",
             "rule_files: [a.yml]\n"
             "collectors: {cache_health: [{service: s, targets: ['http://h:1', 'http://h:2']}]}\n");
  EXPECT_TRUE(reloader_->Reload().ok());
  EXPECT_EQ(running_, "gA h:1 h:2 ");
}

TEST_F(ReloaderTest, WhatCanNotChangeIsRefusedByName) {
  Start();
  dir_.Write("tierwatch.yml",
             "rule_files: [a.yml]\nglobal: {external_labels: {cluster: x}}\n"
             "storage: {retention: 3h}\nweb: {listen_address: ':1'}\n");
  const Result<void> refused = reloader_->Reload();
  ASSERT_FALSE(refused.ok());
  const std::string file = dir_.path() + "/tierwatch.yml: ";
  EXPECT_EQ(refused.error().message,
            file + "global.external_labels has changed: restart to apply it\n" + file +
                "global.external_url has changed: restart to apply it\n" + file +  // with the port
                "storage.retention has changed: restart to apply it\n" + file +
                "web.listen_address has changed: restart to apply it\n");
  EXPECT_EQ(running_, "as started");
}

TEST_F(ReloaderTest, AFileWithMistakesIsLeftOutAlone) {
  dir_.Write("bad.rules", "groups: [{name: b, rules: [{alert: B}]}]\n");
  Start("{rule_isolation: file}");
  EXPECT_EQ(Metric("tierwatch_rule_files_left_out"), 1);
  EXPECT_TRUE(reloader_->Reload().ok());
  EXPECT_EQ(running_, "gA ");
  dir_.Write("bad.rules", Rule("B"));
  EXPECT_TRUE(reloader_->Reload().ok());
  EXPECT_EQ(running_, "gA gB ");
  EXPECT_EQ(Metric("tierwatch_rule_files_left_out"), 0);
}

}  // namespace
}  // namespace tierwatch
