// query_range and what else is done with an expression: format_query, parse_query, query_exemplars.
// Messages are those of prometheus/web/api/v1/api.go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "alerts/series/store.h"
#include "exporter/api/query.h"
#include "tests/exporter/api/ask.h"
#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class QueryRangeApi : public testing::Test {
 protected:
  QueryRangeApi() {
    for (const TimestampMs time : {1'000, 2'000, 3'000}) {
      Add({{"__name__", "hits"}, {"tier", "L1"}}, time, static_cast<double>(time) / 1000);
      Add({{"__name__", "hits"}, {"tier", "L2"}}, time, static_cast<double>(time) / 100);
    }
  }
  void Add(Labels labels, TimestampMs time, double value) {
    store_.Append("test", std::vector<series::Sample>{{std::move(labels), time, value}});
  }
  // By GET and by POST, which must give the same.
  HttpReply Ask(const std::string& query, std::string_view path = "query_range") const {
    HttpReply reply = api::Ask(endpoints_, path, query);
    const HttpReply posted = api::Ask(endpoints_, path, "", query.empty() ? "a=" : query);
    EXPECT_EQ(posted.status, reply.status) << query;
    EXPECT_EQ(*posted.body, *reply.body) << query;
    return reply;
  }
  json Answer(const std::string& query, std::string_view path = "query_range") const {
    const HttpReply reply = Ask(query, path);
    EXPECT_EQ(reply.status, 200) << query << *reply.body;
    return json::parse(*reply.body);
  }
  std::string Values(const std::string& query) const {
    const json result = Answer(query)["data"]["result"];
    return result.empty() ? "nothing" : result[0]["values"].dump();
  }

  series::Store store_;
  const promql::Engine engine_;
  FakeClock clock_;
  std::stop_source stop_;
  const std::vector<Endpoint> endpoints_ =
      api::QueryEndpoints({engine_, store_, clock_, stop_.get_token()});
};

TEST_F(QueryRangeApi, GivesAMatrix) {
  EXPECT_EQ(
      *Ask("query=hits&start=1&end=3&step=1").body,
      R"({"status":"success","data":{"resultType":"matrix","result":[)"
      R"({"metric":{"__name__":"hits","tier":"L1"},"values":[[1,"1"],[2,"2"],[3,"3"]]},)"
      R"({"metric":{"__name__":"hits","tier":"L2"},"values":[[1,"10"],[2,"20"],[3,"30"]]}]}})");
  const std::pair<const char*, const char*> cases[] = {
      {"query=sum(hits)&start=1&end=3&step=2s", R"([[1,"11"],[3,"33"]])"},
      {"query=7&start=1&end=2.5&step=500ms", R"([[1,"7"],[1.5,"7"],[2,"7"],[2.5,"7"]])"},
      {"query=time()&start=0.25&end=1&step=0.5", R"([[0.25,"0.25"],[0.75,"0.75"]])"},
      {"query=sum(hits)&start=1970-01-01T00:00:02Z&end=1970-01-01T00:00:02Z&step=1h",
       R"([[2,"22"]])"},
      {"query=sum(hits)&start=-1&end=1&step=1", R"([[1,"11"]])"},
      {"query=none&start=1&end=3&step=1", "nothing"},
      // What is older than lookback_delta isn't seen.
      {"query=sum(hits)&start=3&end=7&step=2", R"([[3,"33"],[5,"33"],[7,"33"]])"},
      {"query=sum(hits)&start=3&end=7&step=2&lookback_delta=3s", R"([[3,"33"],[5,"33"]])"},
      {"query=sum(hits)&start=3&end=7&step=2&lookback_delta=0.5", R"([[3,"33"]])"},
      {"query=sum(hits)&start=3&end=7&step=2&lookback_delta=", R"([[3,"33"],[5,"33"],[7,"33"]])"},
      {"query=sum(hits)&start=3&end=3&step=1&unknown=1", R"([[3,"33"]])"},
  };
  for (const auto& [query, values] : cases) EXPECT_EQ(Values(query), values) << query;
}

TEST_F(QueryRangeApi, CutsToTheLimit) {
  const std::string query = "query=hits&start=1&end=1&step=1&limit=";
  for (const char* enough : {"0", "2", "3", ""}) {
    const json answer = Answer(query + enough);
    EXPECT_EQ(answer["data"]["result"].size(), 2u) << enough;
    EXPECT_FALSE(answer.contains("warnings")) << enough;
  }
  const json cut = Answer(query + "1");
  EXPECT_EQ(cut["data"]["result"].size(), 1u);
  EXPECT_EQ(cut["warnings"], json::array({"results truncated due to limit"}));
}

TEST_F(QueryRangeApi, TellsTimesWhereAskedForStats) {
  for (const char* stats : {"true", "all"}) {
    const json answer = Answer(std::string("query=hits&start=1&end=1&step=1&stats=") + stats);
    EXPECT_EQ(answer["data"]["stats"]["timings"],
              json::parse(R"({"evalTotalTime": 0, "execQueueTime": 0, "execTotalTime": 0})"))
        << "the clock stands still";
  }
  EXPECT_FALSE(Answer("query=hits&start=1&end=1&step=1&stats=")["data"].contains("stats"));
}

TEST_F(QueryRangeApi, TakesElevenThousandSteps) {
  EXPECT_EQ(Answer("query=1&start=0&end=11000&step=1")["data"]["result"][0]["values"].size(),
            11'001u);
  for (const char* query :
       {"query=1&start=0&end=11001&step=1", "query=1&start=0&end=1000000&step=1ms",
        "query=1&start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z"
        "&step=1h"}) {
    const HttpReply reply = Ask(query);
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(*reply.body,
              R"({"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of )"
              R"(11,000 points per timeseries. Try decreasing the query resolution (?step=XX))"
              R"("})");
  }
}

TEST_F(QueryRangeApi, RefusesWhatItCannotRead) {
  const std::string time = R"( to a valid timestamp)", span = R"( to a valid duration)";
  const std::string positive =
      R"(invalid parameter \"step\": zero or negative query resolution step widths are not )"
      R"(accepted. Try a positive integer)";
  const std::pair<const char*, std::string> cases[] = {
      {"", R"(invalid parameter \"start\": cannot parse \"\")" + time},
      {"query=1&start=x&end=1&step=1", R"(invalid parameter \"start\": cannot parse \"x\")" + time},
      {"query=1&start=1&step=1", R"(invalid parameter \"end\": cannot parse \"\")" + time},
      {"query=1&start=1&end=soon&step=1",
       R"(invalid parameter \"end\": cannot parse \"soon\")" + time},
      {"query=1&start=2&end=1&step=1",
       R"(invalid parameter \"end\": end timestamp must not be before start time)"},
      {"query=1&start=1&end=2", R"(invalid parameter \"step\": cannot parse \"\")" + span},
      {"query=1&start=1&end=2&step=x", R"(invalid parameter \"step\": cannot parse \"x\")" + span},
      {"query=1&start=1&end=2&step=0", positive},
      {"query=1&start=1&end=2&step=-1", positive},
      {"query=1&start=1&end=2&step=1e10",
       R"(invalid parameter \"step\": cannot parse \"1e10\")" + span + ". It overflows int64"},
      {"query=1&start=1&end=2&step=1&limit=-1",
       R"(invalid parameter \"limit\": limit must be non-negative)"},
      {"query=1&start=1&end=2&step=1&timeout=x",
       R"(invalid parameter \"timeout\": cannot parse \"x\")" + span},
      {"query=1&start=1&end=2&step=1&lookback_delta=x",
       R"(error parsing lookback delta duration: cannot parse \"x\")" + span},
      {"query=hits[5m]&start=1&end=2&step=1",
       R"(invalid parameter \"query\": invalid expression type \"range vector\" for range query, )"
       R"(must be Scalar or instant Vector)"},
      {"query=%22a%22&start=1&end=2&step=1",
       R"(invalid parameter \"query\": invalid expression type \"string\" for range query, )"
       R"(must be Scalar or instant Vector)"},
      {"start=1&end=2&step=1",
       R"(invalid parameter \"query\": 1:1: parse error: no expression found in input)"},
  };
  for (const auto& [query, error] : cases) {
    const HttpReply reply = Ask(query);
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_EQ(*reply.body, R"({"status":"error","errorType":"bad_data","error":")" + error + "\"}")
        << query;
  }
}

TEST_F(QueryRangeApi, SaysHowAnEvaluationFailed) {
  const HttpReply failed = Ask("query=hits%2Bon()hits&start=1&end=2&step=1");
  EXPECT_EQ(failed.status, 422);
  EXPECT_THAT(*failed.body, HasSubstr(R"("errorType":"execution")"));
  const HttpReply late = Ask("query=hits&start=1&end=2&step=1&timeout=0");
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(*late.body, R"({"status":"error","errorType":"timeout","error":)"
                        R"("query timed out in expression evaluation"})");
  stop_.request_stop();
  const HttpReply canceled = Ask("query=hits&start=1&end=2&step=1");
  EXPECT_EQ(canceled.status, 503);
  EXPECT_EQ(*canceled.body, R"({"status":"error","errorType":"canceled","error":)"
                            R"("query was canceled in expression evaluation"})");
}

TEST_F(QueryRangeApi, FormatsQueries) {
  EXPECT_EQ(Answer("query=sum(hits)by(tier)/2", "format_query")["data"],
            "sum by (tier) (hits) / 2");
  // Longer than 100 bytes: broken into lines.
  EXPECT_THAT(Answer("query=sum(rate(a_very_long_metric_name_of_requests_total{tier=\"L1\"}[5m]))"
                     "/sum(rate(another_long_metric_name_of_requests_total[5m]))",
                     "format_query")["data"],
              HasSubstr("\n/\n"));
  for (const char* path : {"format_query", "parse_query"}) {
    const HttpReply reply = Ask("query=1%2B", path);
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(*reply.body, R"({"status":"error","errorType":"bad_data","error":)"
                           R"("invalid parameter \"query\": 1:3: parse error: )"
                           R"(unexpected end of input"})");
  }
}

// Shapes: prometheus/web/api/v1/translate_ast.go.
TEST_F(QueryRangeApi, ParsesQueriesIntoTrees) {
  const std::string up =
      R"({"type": "vectorSelector", "name": "up", "offset": 0, "timestamp": null,
          "startOrEnd": null, "matchers": [{"name": "__name__", "type": "=", "value": "up"}],
          "anchored": false, "smoothed": false})";
  const std::pair<const char*, std::string> cases[] = {
      {"1.5", R"({"type": "numberLiteral", "val": "1.5"})"},
      {"%22a%22", R"({"type": "stringLiteral", "val": "a"})"},
      {"up", up},
      {"-up", R"({"type": "unaryExpr", "op": "-", "expr": )" + up + "}"},
      {"(up)", R"({"type": "parenExpr", "expr": )" + up + "}"},
      {"sum by (tier) (up)", R"({"type": "aggregation", "op": "sum", "grouping": ["tier"],
                                 "without": false, "param": null, "expr": )" +
                                 up + "}"},
      {"topk(1,up)", R"({"type": "aggregation", "op": "topk", "grouping": [], "without": false,
                         "param": {"type": "numberLiteral", "val": "1"}, "expr": )" +
                         up + "}"},
      {"up[5m:1m]", R"({"type": "subquery", "range": 300000, "offset": 0, "step": 60000,
                        "timestamp": null, "startOrEnd": null, "expr": )" +
                        up + "}"},
      {"up{tier=~\"L.\"}[5m] offset 1m",
       R"({"type": "matrixSelector", "name": "up", "range": 300000, "offset": 60000,
           "timestamp": null, "startOrEnd": null, "anchored": false, "smoothed": false,
           "matchers": [{"name": "tier", "type": "=~", "value": "L."},
                        {"name": "__name__", "type": "=", "value": "up"}]})"},
      {"up > bool on (tier) group_left () up",
       R"({"type": "binaryExpr", "op": ">", "bool": true, "lhs": )" + up + R"(, "rhs": )" + up +
           R"(, "matching": {"card": "many-to-one", "labels": ["tier"], "on": true, "include": [],
              "fillValues": {"lhs": null, "rhs": null}}})"},
      {"time()", R"({"type": "call", "args": [], "func": {"name": "time", "argTypes": [],
                     "variadic": 0, "returnType": "scalar"}})"},
  };
  for (const auto& [query, tree] : cases) {
    const json data = Answer(std::string("query=") + query, "parse_query")["data"];
    EXPECT_EQ(data, json::parse(tree)) << query << data.dump(1);
  }
}

TEST_F(QueryRangeApi, KeepsNoExemplars) {
  EXPECT_EQ(Answer("query=up&start=1&end=2", "query_exemplars")["data"], json::array());
  for (const auto& [query, error] :
       {std::pair{"query=up&start=2&end=1", "end timestamp must not be before start timestamp"},
        {"query=up&start=x", R"(Invalid time value for 'start')"},
        {"query=up%2B", "parse error"}}) {
    const HttpReply reply = Ask(query, "query_exemplars");
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_THAT(*reply.body, HasSubstr(error));
  }
}

}  // namespace
}  // namespace tierwatch
