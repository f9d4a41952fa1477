// Which leaves are read when, and what their sums are, by hand.
#include "collectors/partition_leaves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace tierwatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Oid kTop = 1, kMiddle = 2;  // kMiddle is a partition of kTop

/// A server that has kTop with kMiddle below it; a leaf's number of inserts is all that is told.
class PartitionLeavesTest : public ::testing::Test {
 protected:
  void Partition(Oid table, Oid leaf, double inserts = 0) {
    partitions_[table].insert(leaf);
    inserts_[leaf] = inserts;
  }

  void Begin(const std::vector<Oid>& outdated) {
    tables_ = std::vector<PartitionedTable>(2);
    tables_[0].oid = kTop;
    tables_[1].oid = kMiddle;
    tables_[1].parent = kTop;
    leaves_.Begin(tables_, outdated);
  }

  void Place(const std::vector<Oid>& tables) {
    Rows rows{{"parent", "oid", "kind"}, {}};
    for (const Oid table : tables) {
      for (const Oid leaf : partitions_[table]) {
        rows.rows.push_back({std::to_string(table), std::to_string(leaf), "r"});
      }
    }
    leaves_.Place(tables, rows);
  }

  /// One query of statistics: the leaves that it asked for.
  std::vector<Oid> Read() {
    const std::vector<Oid> asked = leaves_.Next();
    Rows rows{{"oid", "rows", "bytes", "dead_rows", "unanalyzed", "inserts"}, {}};
    for (const Oid leaf : asked) {
      const auto found = inserts_.find(leaf);
      if (found == inserts_.end()) continue;
      const std::string inserts = std::to_string(found->second);
      rows.rows.push_back({std::to_string(leaf), inserts, "8192", "0", "f", inserts});
    }
    leaves_.Learn(asked, rows);
    return asked;
  }

  /// A whole sampling: how many leaves it asked for.
  std::size_t Sampling(const std::vector<Oid>& outdated = {}) {
    Begin(outdated);
    Place(outdated);
    std::size_t asked = 0;
    for (std::size_t some = 0; (some = Read().size()) > 0;) asked += some;
    leaves_.Sum(tables_);
    return asked;
  }

  double Inserts(Oid table) const { return tables_[table - 1].leaves.value().inserts; }

  PartitionLeaves leaves_;
  std::vector<PartitionedTable> tables_;
  std::map<Oid, std::set<Oid>> partitions_;
  std::map<Oid, double> inserts_;
};

TEST_F(PartitionLeavesTest, SumsGoUpwards) {
  Partition(kTop, 10, 5);
  Partition(kMiddle, 20, 7);
  Partition(kMiddle, 21, 30);
  EXPECT_EQ(Sampling({kTop, kMiddle}), 3);
  EXPECT_EQ(Inserts(kMiddle), 37);
  EXPECT_EQ(Inserts(kTop), 42);
  EXPECT_EQ(tables_[0].leaves->leaves, 3);
  EXPECT_EQ(tables_[0].leaves->largest_rows, 30);
  EXPECT_EQ(tables_[0].leaves->bytes, 3 * 8192);
}

TEST_F(PartitionLeavesTest, NothingIsSaidOfATableUntilAllItsLeavesAreKnown) {
  Partition(kMiddle, 20, 7);
  Begin({kTop, kMiddle});
  Place({kTop});
  leaves_.Sum(tables_);
  EXPECT_FALSE(tables_[0].leaves);
  EXPECT_FALSE(tables_[1].leaves);
  Place({kMiddle});
  leaves_.Sum(tables_);
  EXPECT_FALSE(tables_[1].leaves);
  EXPECT_FALSE(tables_[0].leaves);
  EXPECT_THAT(leaves_.Top(3).value(), IsEmpty());
  Read();
  leaves_.Sum(tables_);
  EXPECT_EQ(Inserts(kTop), 7);
}

TEST_F(PartitionLeavesTest, ANewLeafIsReadAtOnce) {
  for (Oid leaf = 100; leaf < 6'100; ++leaf) Partition(kTop, leaf);
  EXPECT_EQ(Sampling({kTop, kMiddle}), 6'000);  // the first one: nothing is left to take turns
  Partition(kMiddle, 50, 9);
  Begin({kMiddle});
  Place({kMiddle});
  EXPECT_THAT(Read(), ElementsAre(50));
  EXPECT_EQ(Read().size(), 2'000);
  EXPECT_THAT(Read(), IsEmpty());
}

TEST_F(PartitionLeavesTest, UpTo2000AreReadEachTimeMoreInTurnAndWhatChangesEachTime) {
  for (Oid leaf = 100; leaf < 5'100; ++leaf) Partition(kTop, leaf);
  Sampling({kTop, kMiddle});
  std::set<Oid> asked;
  for (int i = 0; i < 3; ++i) {
    Begin({});
    for (const Oid leaf : Read()) asked.insert(leaf);
  }
  EXPECT_EQ(asked.size(), 5'000);  // 3 × 2,000 reach all
  while (inserts_[777] == 0) {     // until its turn comes, nobody sees that it changed
    Begin({});
    inserts_[777] = 1;
    if (std::ranges::count(Read(), 777u) == 0) inserts_[777] = 0;
  }
  for (int i = 0; i < 5; ++i) {
    Begin({});
    ++inserts_[777];
    EXPECT_EQ(std::ranges::count(Read(), 777u), 1);
  }
}

TEST_F(PartitionLeavesTest, InsertsNeverFall) {
  Partition(kTop, 10, 100);
  Partition(kMiddle, 20, 10);
  Sampling({kTop, kMiddle});
  inserts_[10] = 103;
  Sampling();
  EXPECT_EQ(Inserts(kTop), 113);
  inserts_[10] = 2;  // the statistics were reset
  Sampling();
  EXPECT_EQ(Inserts(kTop), 115);
  partitions_[kTop].erase(10);  // dropped
  Sampling({kTop});
  EXPECT_EQ(Inserts(kTop), 115);
  Partition(kTop, 11, 1'000);  // attached with what it had
  Sampling({kTop});
  EXPECT_EQ(Inserts(kTop), 115);
  inserts_[11] = 1'001;
  inserts_[20] = 11;
  Sampling();
  EXPECT_EQ(Inserts(kTop), 117);
  EXPECT_EQ(Inserts(kMiddle), 11);
}

TEST_F(PartitionLeavesTest, ALeafThatMovesOrIsGoneIsCountedOnce) {
  Partition(kTop, 10, 5);
  Partition(kMiddle, 20, 7);
  Sampling({kTop, kMiddle});
  partitions_[kTop].erase(10);
  Partition(kMiddle, 10, 5);
  Begin({kTop, kMiddle});
  Place({kMiddle});
  Place({kTop});
  inserts_.erase(10);  // dropped before its statistics are read
  Read();
  leaves_.Sum(tables_);
  EXPECT_EQ(tables_[1].leaves->leaves, 2);
  EXPECT_EQ(tables_[0].leaves->leaves, 2);
  EXPECT_EQ(tables_[0].leaves->rows, 7);
}

TEST_F(PartitionLeavesTest, MoreThan2000NamesAreRefused) {
  for (Oid leaf = 100; leaf < 2'101; ++leaf) Partition(kTop, leaf, leaf);
  Sampling({kTop, kMiddle});
  const auto two = leaves_.Top(2).value();
  ASSERT_EQ(two.size(), 3);
  EXPECT_EQ(two[0].leaf, 2'100);
  EXPECT_EQ(two[1].leaf, 2'099);
  EXPECT_EQ(two[2].leaf, 0);
  EXPECT_EQ(two[2].bytes, 1'999 * 8192);
  EXPECT_EQ(leaves_.Top(2'001).error().reason, Reason::kLimit);
}

}  // namespace
}  // namespace tierwatch
