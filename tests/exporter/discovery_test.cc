#include "exporter/discovery.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/support/files.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Nothing final : public Collector {
 public:
  Sample Collect(const SampleContext&) override { return {}; }
};

// The host and port of a URL is a target's name; "bad" in it is a mistake.
Result<Target> MakeTarget(const std::string& address) {
  if (address.find("bad") != std::string::npos) return Error{"what is " + address + "?"};
  return Target{address.substr(address.find("://") + 3), std::make_unique<Nothing>()};
}

class DiscoveryTest : public testing::Test {
 protected:
  DiscoveredEntry Entry() {
    DiscoveredEntry entry;
    entry.target.collector = "redis";
    entry.target.settings = "one";
    entry.target.labels = {{"service", "s"}};
    entry.source.make = MakeTarget;
    entry.url = "redis://{}";
    return entry;
  }
  void Begin(DiscoveredEntry entry) {
    std::vector<DiscoveredEntry> entries;
    entries.push_back(std::move(entry));
    discovery_.emplace(
        std::move(entries),
        [this](const DnsQuestion& question) -> Result<std::vector<std::string>> {
          const std::lock_guard lock(mutex_);
          if (!names_.contains(question.name)) return Error{"there is no name " + question.name};
          return names_[question.name];
        },
        [this](std::vector<WatchedTarget> targets) {
          const std::lock_guard lock(mutex_);
          ++watched_;
          seen_.clear();
          for (const WatchedTarget& target : targets) seen_.insert(target.labels.ToString());
        },
        clock_, *logger_, registry_, Millis(20));
  }
  std::set<std::string> Seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  int Watched() {
    const std::lock_guard lock(mutex_);
    return watched_;
  }
  bool SeenSoon(const std::set<std::string>& labels) {
    return WaitUntil([&] { return Seen() == labels; });
  }
  double Failures() {
    double all = 0;
    for (const auto& family : registry_.Collect())
      for (const auto& metric : family.metric) all += metric.counter.value;
    return all;
  }

  const TempDir dir_;
  SystemClock clock_;
  std::unique_ptr<Logger> logger_ = MakeNullLogger();
  prometheus::Registry registry_;
  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> names_;
  std::set<std::string> seen_;
  int watched_ = 0;
  std::optional<Discovery> discovery_;
};

TEST(TargetFileTest, ReadsPrometheussFormat) {
  const auto groups = ReadTargetFile(
      R"([{"targets": ["a:1", "b:2"], "labels": {"zone": "x", "__meta_x": "y"}}, {"targets": []}])",
      "t.json");
  ASSERT_TRUE(groups.ok()) << groups.error().message;
  ASSERT_EQ(groups->size(), 2u);
  EXPECT_THAT((*groups)[0].targets, ElementsAre("a:1", "b:2"));
  EXPECT_EQ((*groups)[0].labels, (Labels{{"zone", "x"}}));
  EXPECT_TRUE(ReadTargetFile("- targets: ['a:1']\n", "t.yml").ok());
}

TEST(TargetFileTest, SaysWhereAMistakeIs) {
  const auto why = [](std::string_view text) {
    const auto groups = ReadTargetFile(text, "t.yml");
    return groups.ok() ? "" : groups.error().message;
  };
  EXPECT_THAT(why("{targets: [a]}"), HasSubstr("t.yml:1:1: found a map, expected a list"));
  EXPECT_THAT(why("- labels: {a: b}"), HasSubstr("targets"));
  EXPECT_THAT(why("- {targets: [a], lables: {}}"), HasSubstr("did you mean"));
  EXPECT_THAT(why("- {targets: [a], labels: {a-b: c}}"), HasSubstr("\"a-b\" is not a label name"));
  EXPECT_THAT(why("[{\"targets\": ["), HasSubstr("t.yml:1"));
}

TEST_F(DiscoveryTest, FilesNameTargetsAndBadOnesChangeNothing) {
  dir_.Write("a.json", R"([{"targets": ["h:1"], "labels": {"zone": "x"}}])");
  dir_.Write("b.json", R"([{"targets": ["redis://h:2"]}])");
  DiscoveredEntry entry = Entry();
  entry.files = {dir_.path() + "/*.json"};
  Begin(std::move(entry));
  const std::set<std::string> both{R"({service="s", target="h:1", zone="x"})",
                                   R"({service="s", target="h:2"})"};
  ASSERT_TRUE(SeenSoon(both));
  dir_.Write("b.json", "[{");
  ASSERT_TRUE(WaitUntil([&] { return Failures() > 0; }));
  EXPECT_EQ(Seen(), both);
  dir_.Write("b.json", R"([{"targets": ["h:3"]}])");
  EXPECT_TRUE(
      SeenSoon({R"({service="s", target="h:1", zone="x"})", R"({service="s", target="h:3"})"}));
}

TEST_F(DiscoveryTest, NamesAreAskedAgainAndTheLastAnswerStands) {
  names_["n"] = {"h:1", "h:2"};
  DiscoveredEntry entry = Entry();
  entry.names.push_back({{"n", DnsType::kSrv, 0}, Millis(1)});
  Begin(std::move(entry));
  ASSERT_TRUE(SeenSoon({R"({service="s", target="h:1"})", R"({service="s", target="h:2"})"}));
  {
    const std::lock_guard lock(mutex_);
    names_.clear();
  }
  ASSERT_TRUE(WaitUntil([&] { return Failures() > 0; }));
  EXPECT_EQ(Seen().size(), 2u);
}

TEST_F(DiscoveryTest, MembersAreWatchedOnceAllThatAreListedWereAsked) {
  DiscoveredEntry entry = Entry();
  entry.source.addresses = {"redis://seed:1", "redis://seed:2"};
  entry.source.make_member = [](const std::string& address) {
    return MakeTarget("x://" + address);
  };
  Begin(std::move(entry));
  const std::string seeds[] = {R"({service="s", target="seed:1"})",
                               R"({service="s", target="seed:2"})"};
  const std::string third = R"({service="s", target="10.0.0.3:1"})";
  ASSERT_TRUE(SeenSoon({seeds[0], seeds[1]}));
  const auto take = [&](const char* name, const std::optional<Members>& members) {
    WatchedTarget seed;
    seed.labels = {{"service", "s"}, {"target", name}};
    seed.entry = "one";
    const int watched = Watched();
    discovery_->Take(seed, members);
    return WaitUntil([&] { return Watched() > watched; });
  };
  const std::vector<std::string> all{"10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"};
  ASSERT_TRUE(take("seed:1", Members{all, "10.0.0.1:1"}));
  EXPECT_EQ(Seen().size(), 2u) << "10.0.0.2 and 3 may be the other seed";
  ASSERT_TRUE(take("seed:2", Members{all, "10.0.0.2:1"}));
  EXPECT_EQ(Seen(), (std::set<std::string>{seeds[0], seeds[1], third}));
  ASSERT_TRUE(take("seed:1", std::nullopt));
  ASSERT_TRUE(take("seed:2", std::nullopt));
  EXPECT_EQ(Seen().size(), 3u) << "none answers: what was known stands";
  ASSERT_TRUE(take("seed:2", Members{{"10.0.0.2:1", "bad"}, "10.0.0.2:1"}));
  EXPECT_EQ(Seen(), (std::set<std::string>{seeds[0], seeds[1]}));
  EXPECT_EQ(Failures(), 1);
}

}  // namespace
}  // namespace tierwatch
