#include "base/log.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

constexpr std::string_view kTime = "2026-11-22T19:30:00.000Z";

std::string Logfmt(std::string_view message, std::initializer_list<LogField> fields) {
  return FormatLogLine(LogFormat::kLogfmt, kTime, LogLevel::kWarn, message, fields);
}

std::string Json(std::string_view message, std::initializer_list<LogField> fields) {
  return FormatLogLine(LogFormat::kJson, kTime, LogLevel::kError, message, fields);
}

TEST(LogTest, LogfmtQuotesWhatNeedsQuotes) {
  const std::string head = "ts=2026-11-22T19:30:00.000Z level=warn msg=";
  EXPECT_EQ(Logfmt("started", {}), head + "started");
  EXPECT_EQ(Logfmt("target is down",
                   {{"target", "10.0.0.7:6379"}, {"tries", 3}, {"ratio", 0.5}, {"up", false}}),
            head + R"("target is down" target=10.0.0.7:6379 tries=3 ratio=0.5 up=false)");
  EXPECT_EQ(Logfmt("", {{"error", "say \"no\""}, {"path", "a\\b"}, {"eq", "a=b"}}),
            head + R"("" error="say \"no\"" path="a\\b" eq="a=b")");
  EXPECT_EQ(Logfmt("x", {{"text", "a\nb\tc\r\x01\x7f"}}),
            head + R"(x text="a\nb\tc\r\u0001\u007f")");
  EXPECT_EQ(Logfmt("x", {{"a key", "1"}, {"b=\"", "2"}, {"ünï", "ö"}}),
            head + "x a_key=1 b__=2 ünï=ö");
  EXPECT_EQ(Logfmt("x", {{"broken", "\xff"}}), head + "x broken=\xef\xbf\xbd");
}

TEST(LogTest, JsonEscapes) {
  const std::string head = R"({"ts":"2026-11-22T19:30:00.000Z","level":"error","msg":)";
  EXPECT_EQ(Json("started", {}), head + R"("started"})");
  EXPECT_EQ(Json("a \"b\"\n", {{"path", "a\\b"}, {"tries", 3}}),
            head + R"("a \"b\"\n","path":"a\\b","tries":"3"})");
  EXPECT_EQ(Json("x", {{"k\xff", "\xc3\x28"}}),
            head + "\"x\",\"k\xef\xbf\xbd\":\"\xef\xbf\xbd(\"}");
}

TEST(LogTest, StderrLoggerWritesWholeLinesFromItsLevelOn) {
  testing::internal::CaptureStderr();
  const auto logger = MakeStderrLogger(LogLevel::kInfo, LogFormat::kLogfmt);
  logger->Debug("unseen");
  logger->Info("seen {}", {{"percent", "%v %s"}});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("unseen"), std::string::npos);
  ASSERT_GT(text.size(), 27u);
  EXPECT_EQ(text.substr(0, 5), "ts=20");
  EXPECT_EQ(text.substr(22, 1), ".");
  EXPECT_EQ(text.substr(26), "Z level=info msg=\"seen {}\" percent=\"%v %s\"\n");
}

}  // namespace
}  // namespace tierwatch
