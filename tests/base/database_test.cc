#include "base/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/files.h"

namespace tierwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Names(Database& database) {
  std::vector<std::string> names;
  auto select = database.Prepare("SELECT name FROM t ORDER BY id");
  EXPECT_TRUE(select.ok());
  EXPECT_TRUE(select->ForEach([&](const DatabaseRow& row) { names.push_back(row.Text(0)); }).ok());
  return names;
}

Result<Database> WithTable(const std::string& path) {
  auto database = Database::Open(path);
  EXPECT_TRUE(database.ok()) << database.error().message;
  EXPECT_TRUE(database->Execute("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, name)").ok());
  return database;
}

TEST(Database, KeepsValuesOfAnyKind) {
  auto database = WithTable(":memory:");
  auto insert = database->Prepare("INSERT INTO t VALUES(?1, ?2)");
  const std::string bytes("a\0\xff", 3);
  EXPECT_TRUE(insert->Run(1, bytes).ok());
  EXPECT_TRUE(insert->Run(2, std::string_view()).ok());
  EXPECT_TRUE(insert->Run(3, std::nullopt).ok());
  EXPECT_TRUE(insert->Run(4, 0.1).ok());
  EXPECT_TRUE(insert->Run(5, std::int64_t{-9'007'199'254'740'993}).ok());
  EXPECT_THAT(Names(*database), ElementsAre(bytes, "", "", "0.1", "-9007199254740993"));
  int nulls = 0;
  auto select = database->Prepare("SELECT name FROM t");
  EXPECT_TRUE(select->ForEach([&](const DatabaseRow& row) { nulls += row.IsNull(0); }).ok());
  EXPECT_EQ(nulls, 1);
}

TEST(Database, ATransactionLastsWholeOrNotAtAll) {
  const TempDir folder;
  const std::string path = folder.path() + "/state.db";
  {
    auto database = WithTable(path);
    auto insert = database->Prepare("INSERT INTO t VALUES(?1, ?2)");
    EXPECT_TRUE(database->Transact([&] { return insert->Run(1, "kept"); }).ok());
    const Result<void> failed = database->Transact([&]() -> Result<void> {
      if (Result<void> done = insert->Run(2, "lost"); !done.ok()) return done;
      return insert->Run(1, "the same key");
    });
    ASSERT_FALSE(failed.ok());
    EXPECT_THAT(failed.error().message, HasSubstr(path));
    EXPECT_THAT(failed.error().message, HasSubstr("UNIQUE"));
    EXPECT_TRUE(database->Transact([&] { return insert->Run(3, "also kept"); }).ok());
  }
  auto again = WithTable(path);
  EXPECT_THAT(Names(*again), ElementsAre("kept", "also kept"));
}

TEST(Database, ADamagedFileIsSetAside) {
  const TempDir folder;
  const std::string path = folder.path() + "/state.db";
  std::ofstream(path) << "this is no database, but it is long enough to be taken for one"
                      << std::string(4096, 'x');
  std::string set_aside;
  auto database = OpenOrSetAside(path, 1234, set_aside);
  ASSERT_TRUE(database.ok()) << database.error().message;
  EXPECT_THAT(set_aside, HasSubstr("not a database"));
  EXPECT_TRUE(std::filesystem::exists(path + ".damaged-1234"));
  EXPECT_TRUE(database->Execute("CREATE TABLE t(id)").ok());
}

TEST(Database, ADamagedPageIsFound) {
  const TempDir folder;
  const std::string path = folder.path() + "/state.db";
  {
    auto database = WithTable(path);
    auto insert = database->Prepare("INSERT INTO t VALUES(?1, ?2)");
    EXPECT_TRUE(database
                    ->Transact([&]() -> Result<void> {
                      for (int i = 0; i < 1000; ++i) {
                        if (auto done = insert->Run(i, std::string(100, 'n')); !done.ok())
                          return done;
                      }
                      return {};
                    })
                    .ok());
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3 * 4096);
    file << std::string(4096, '\x7f');
  }
  std::string set_aside;
  auto database = OpenOrSetAside(path, 5, set_aside);
  ASSERT_TRUE(database.ok()) << database.error().message;
  EXPECT_THAT(set_aside, HasSubstr("set aside as"));
  EXPECT_FALSE(database->Prepare("SELECT * FROM t").ok());
}

TEST(Database, WhereNoFileCanBeIsAnError) {
  std::string set_aside;
  const auto database = OpenOrSetAside("/nonexistent/folder/state.db", 1, set_aside);
  ASSERT_FALSE(database.ok());
  EXPECT_THAT(database.error().message, HasSubstr("/nonexistent/folder/state.db"));
  EXPECT_EQ(set_aside, "");
}

}  // namespace
}  // namespace tierwatch
