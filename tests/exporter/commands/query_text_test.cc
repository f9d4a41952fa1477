// Answers of the query API as text for people. The bodies are those of Prometheus 2.42.
#include "exporter/commands/query_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierwatch {
namespace {

using testing::HasSubstr;

TEST(QueryText, AnswersReadAsTextForPeople) {
  const std::pair<std::string, const char*> cases[] = {
      {R"({"resultType":"scalar","result":[4,"1.5"]})", "1.5 @4\n"},
      {R"({"resultType":"string","result":[4,"te"]})", "te @4\n"},
      {R"({"resultType":"vector","result":[{"metric":{"__name__":"hits","tier":"L1"},)"
       R"("value":[4,"0.1"]}]})",
       "hits{tier=\"L1\"} => 0.1 @4\n"},
      {R"({"resultType":"matrix","result":[{"metric":{"__name__":"hits","tier":"L1"},)"
       R"("values":[[1,"1"],[2.5,"0.1"]]}]})",
       "hits{tier=\"L1\"} =>\n1 @1\n0.1 @2.5\n"},
      {R"({"resultType":"vector","result":[{"metric":{"__name__":"e"},"histogram":[4,)"
       R"({"count":"8","sum":"5","buckets":[[1,"-2","-1","3"],[3,"-0.001","0.001","2"],)"
       R"([0,"0.5","1","1"],[0,"2","4","2"]]}]}]})",
       "e => {count:8, sum:5, [-2,-1):3, [-0.001,0.001]:2, (0.5,1]:1, (2,4]:2} @4\n"},
      {R"({"resultType":"matrix","result":[{"metric":{"__name__":"empty"},"histograms":)"
       R"([[2,{"count":"0","sum":"0"}]]}]})",
       "empty =>\n{count:0, sum:0} @2\n"},
      {R"({"resultType":"vector","result":[]},"warnings":["that was odd"])", "# that was odd\n"},
  };
  for (const auto& [data, text] : cases) {
    const Result<std::string> answer =
        FormatQueryAnswer(R"({"status":"success","data":)" + data + "}");
    ASSERT_TRUE(answer.ok()) << data << ": " << answer.error().message;
    EXPECT_EQ(*answer, text) << data;
  }
}

TEST(QueryText, WhatIsNoAnswerIsAnError) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"status":"error","errorType":"bad_data","error":"what?"})", "bad_data: what?"},
      {"", "not that of Prometheus's query API"},
      {"<html>", "not that of Prometheus's query API"},
      {"[]", "not that of Prometheus's query API"},
      {R"({"status":"success"})", "not that of Prometheus's query API"},
      {R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}})",
       "not that of Prometheus's query API"},
      {R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}})",
       "not that of Prometheus's query API"},
  };
  for (const auto& [body, message] : cases) {
    const Result<std::string> answer = FormatQueryAnswer(body);
    ASSERT_FALSE(answer.ok()) << body;
    EXPECT_THAT(answer.error().message, HasSubstr(message)) << body;
  }
}

}  // namespace
}  // namespace tierwatch
