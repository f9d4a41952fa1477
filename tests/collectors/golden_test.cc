// Recorded replies → the whole page, byte for byte: every folder below tests/fixtures/<stem> is one
// case. `want.prom` is what /metrics shows, `want.problems` what went wrong, a line each,
// `want.members` the servers that it names.
// TIERWATCH_WRITE_GOLDEN=1 writes both anew, to be read by a person before they are committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "collectors/cache_health.h"
#include "collectors/client/redis_reply.h"
#include "collectors/database_health.h"
#include "collectors/redis_keys.h"
#include "collectors/redis_sample.h"
#include "exporter/text_format.h"
#include "tests/collectors/postgres_cases.h"
#include "tests/support/files.h"

namespace tierwatch {
namespace {

namespace fs = std::filesystem;

std::string ReadIfThere(const std::string& path) { return fs::exists(path) ? ReadFile(path) : ""; }

// entry.yml: what the configuration says. 1.json, 2.json, …: answers of one target, one after the
// other; the page is the last one's.
Sample CacheHealthCase(const std::string& folder) {
  Diagnostics diagnostics;
  const std::optional<YamlNode> node =
      YamlNode::Parse(ReadIfThere(folder + "/entry.yml"), "entry.yml", diagnostics);
  YamlMap entry(*node, "entry", diagnostics);
  const CacheShape shape = ReadCacheShape(entry);
  entry.Finish();
  EXPECT_EQ(diagnostics.ToString(), "");
  InstanceWatch watch;
  Sample sample;
  for (int i = 1; fs::exists(folder + "/" + std::to_string(i) + ".json"); ++i) {
    sample = CacheHealthSample(ReadFile(folder + "/" + std::to_string(i) + ".json"), shape, watch);
  }
  return sample;
}

// An endpoint without a file is one that answered 404.
Sample DatabaseHealthCase(const std::string& folder) {
  const auto body = [&folder](const std::string& name) -> Result<std::string> {
    const std::string path = folder + "/" + name + ".json";
    if (!fs::exists(path)) return Error{"HTTP 404"};
    return ReadFile(path);
  };
  return DatabaseHealthSample(
      {body("lag"), body("status"), body("health"), body("pools"), body("dashboard")}, 1);
}

// What the pipeline's socket gave; the folder's name begins with what the server is.
Sample RedisCase(const std::string& folder) {
  RedisReplyReader reader(16u << 20);
  EXPECT_TRUE(reader.Feed(ReadFile(folder + "/replies.resp")).ok());
  const std::string name = fs::path(folder).filename();
  const RedisKind kind = name.starts_with("sentinel")  ? RedisKind::kSentinel
                         : name.starts_with("cluster") ? RedisKind::kClusterNode
                                                       : RedisKind::kServer;
  RedisReplies replies;
  for (const RedisQuery& query : RedisQueries(kind, "orgs-cache")) {
    Result<std::optional<RedisReply>> next = reader.Next();
    EXPECT_TRUE(next.ok() && *next) << folder;
    if (next.ok() && *next) replies.*query.reply = std::move(**next);
  }
  RedisProcess process;
  return RedisSample(replies, {1'700'000'000'000, SteadyTime{}}, process);
}

CaseFiles FilesOf(const std::string& folder) {
  CaseFiles files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder)] = ReadFile(entry.path());
  }
  return files;
}

using CasesByStem = std::map<std::string, std::function<Sample(const std::string& folder)>>;
const CasesByStem& Cases() {
  static const CasesByStem kCases = [] {
    CasesByStem cases{{"cache_health", &CacheHealthCase},
                      {"database_health", &DatabaseHealthCase},
                      {"redis", &RedisCase}};
    for (const auto& [stem, collect] : kPostgresCases) {
      cases[stem] = [collect = collect](const std::string& folder) {
        return collect(FilesOf(folder));
      };
    }
    return cases;
  }();
  return kCases;
}

std::string Problems(const Sample& sample) {
  std::string text = sample.up ? "" : "not up\n";
  for (const Error& error : sample.errors)
    text += std::string(ReasonName(error.reason)) + ": " + error.message + "\n";
  return text;
}

std::string MembersText(const Sample& sample) {
  std::string text;
  if (!sample.members) return text;
  for (const std::string& address : sample.members->addresses)
    text += address + (address == sample.members->self ? " itself\n" : "\n");
  return text;
}

void ExpectGolden(const std::string& path, const std::string& got) {
  if (std::getenv("TIERWATCH_WRITE_GOLDEN") != nullptr) {
    if (got.empty()) fs::remove(path);
    if (!got.empty()) std::ofstream(path, std::ios::binary) << got;
  }
  EXPECT_EQ(ReadIfThere(path), got) << path;
}

TEST(Golden, EveryFixtureGivesItsPage) {
  for (const auto& [stem, collect] : Cases()) {
    int cases = 0;
    for (const fs::directory_entry& folder :
         fs::directory_iterator(SourcePath("tests/fixtures/" + stem))) {
      const Sample sample = collect(folder.path());
      const Labels target{{"service", "orgs"}, {"target", "10.0.0.1:4000"}};
      ExpectGolden(folder.path() / "want.prom", RenderText(sample.families, target));
      ExpectGolden(folder.path() / "want.problems", Problems(sample));
      ExpectGolden(folder.path() / "want.members", MembersText(sample));
      ++cases;
    }
    EXPECT_GT(cases, 0) << stem;
  }
}

// What a collector gives is what it declares, and every metric that it declares is in one of its
// golden pages.
TEST(Golden, PagesAndDeclarationsAreOne) {
  for (const CollectorKind& kind : CollectorKinds()) {
    if (!Cases().contains(std::string(kind.stem))) continue;
    std::set<std::string> declared;
    for (const MetricInfo& metric : kind.metrics) {
      EXPECT_TRUE(declared.emplace(metric.name).second) << metric.name;
    }
    std::set<std::string> shown;
    for (const fs::directory_entry& folder :
         fs::directory_iterator(SourcePath("tests/fixtures/" + std::string(kind.stem)))) {
      for (const prometheus::MetricFamily& family :
           Cases().at(std::string(kind.stem))(folder.path()).families) {
        shown.insert(family.name);
      }
    }
    // Redis's own figures need a live server: tests/live/redis_*_test.cc.
    if (kind.stem == "redis") {
      shown.merge(std::set<std::string>{"tierwatch_redis_up", "tierwatch_redis_tier_info",
                                        "tierwatch_redis_probe_duration_seconds"});
      for (const MetricInfo& metric : RedisKeyMetrics()) shown.emplace(metric.name);
    }
    EXPECT_EQ(shown, declared);
  }
}

}  // namespace
}  // namespace tierwatch
