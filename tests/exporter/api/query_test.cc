// /api/v1/query over a real store and engine. The answers of expressions that need no data and of
// the exponential and the empty histogram are those that Prometheus 2.42 gave.
#include "exporter/api/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/series/float_histogram_text.h"
#include "alerts/series/store.h"
#include "tests/exporter/api/ask.h"
#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;

class QueryApi : public testing::Test {
 protected:
  QueryApi() {
    Add({{"__name__", "hits"}, {"tier", "L1"}}, 1'000, 1);
    Add({{"__name__", "hits"}, {"tier", "L1"}}, 2'500, 0.1);
    Add({{"__name__", "hits"}, {"tier", "L2 \"x\"\n\xff"}}, 1'000, 1e-7);
    AddHistogram("exponential",
                 "{{schema:0 sum:5 count:8 z_bucket:2 z_bucket_w:0.001 buckets:[1 0 2] "
                 "n_buckets:[3] n_offset:1}}");
    AddHistogram("custom", "{{schema:-53 sum:2.5 count:3 custom_values:[0.1 1] buckets:[1 1 1]}}");
    AddHistogram("empty", "{{}}");
  }

  HttpReply Ask(const std::string& query, const std::string& body = "") const {
    return api::Ask(endpoints_, "query", query, body);
  }
  // The answer's `data` and what follows it, at the time 4 s unless the query says another.
  std::string Data(const std::string& query) const {
    const HttpReply reply = Ask("time=4&query=" + query);
    EXPECT_EQ(reply.status, 200) << *reply.body;
    EXPECT_EQ(reply.content_type, "application/json");
    const std::string head = R"({"status":"success","data":)";
    EXPECT_TRUE(reply.body->starts_with(head) && reply.body->ends_with("}")) << *reply.body;
    return reply.body->substr(head.size(), reply.body->size() - head.size() - 1);
  }

  series::Store store_;
  const promql::Engine engine_;
  FakeClock clock_{1'700'000'000'250};
  std::stop_source stop_;
  const std::vector<Endpoint> endpoints_ =
      api::QueryEndpoints({engine_, store_, clock_, stop_.get_token()});

 private:
  void Add(Labels labels, TimestampMs time, double value) {
    store_.Append("test", std::vector<series::Sample>{{std::move(labels), time, value}});
  }
  void AddHistogram(const std::string& name, const std::string& literal) {
    series::Sample sample{{{"__name__", name}}, 2'000};
    sample.histogram =
        std::make_shared<const series::FloatHistogram>(*series::ParseHistogramLiteral(literal));
    store_.Append("test", std::vector<series::Sample>{sample});
  }
};

TEST_F(QueryApi, EndsAQueryAtItsTimeout) {
  EXPECT_EQ(Ask("time=4&timeout=5s&query=hits").status, 200);
  EXPECT_EQ(Ask("time=4&timeout=0.5&query=hits").status, 200);
  const HttpReply late = Ask("time=4&timeout=0&query=hits");
  EXPECT_EQ(late.status, 503);
  EXPECT_THAT(
      *late.body,
      HasSubstr(R"("errorType":"timeout","error":"query timed out in expression evaluation")"));
  EXPECT_EQ(Ask("time=4&timeout=-1&query=hits").status, 503);
  for (const char* wrong : {"abc", "nan"}) {
    EXPECT_EQ(Ask(std::string("time=4&query=hits&timeout=") + wrong).status, 400) << wrong;
  }
}

TEST_F(QueryApi, GivesEveryTypeAsPrometheusDoes) {
  const struct {
    const char* query;
    const char* data;
  } cases[] = {
      {"1", R"({"resultType":"scalar","result":[4,"1"]})"},
      {"1e23", R"({"resultType":"scalar","result":[4,"100000000000000000000000"]})"},
      {"1e-7", R"({"resultType":"scalar","result":[4,"0.0000001"]})"},
      {"-0", R"({"resultType":"scalar","result":[4,"-0"]})"},
      {"%22te%22", R"({"resultType":"string","result":[4,"te"]})"},
      {"absent_metric", R"({"resultType":"vector","result":[]})"},
      {"hits", R"({"resultType":"vector","result":[)"
               R"({"metric":{"__name__":"hits","tier":"L1"},"value":[4,"0.1"]},)"
               "{\"metric\":{\"__name__\":\"hits\",\"tier\":\"L2 \\\"x\\\"\\n\ufffd\"},"
               "\"value\":[4,\"1e-07\"]}]}"},
      {"hits{tier=%22L1%22}[5s]",
       R"({"resultType":"matrix","result":[{"metric":{"__name__":"hits","tier":"L1"},)"
       R"("values":[[1,"1"],[2.5,"0.1"]]}]})"},
  };
  for (const auto& [query, data] : cases) EXPECT_EQ(Data(query), data) << query;
}

TEST_F(QueryApi, PrintsTheValuesOfSeriesAsPrometheusDoes) {
  const std::pair<const char*, const char*> cases[] = {
      {"1e-6", "0.000001"},
      {"1e-7", "1e-07"},
      {"-2.5e-7", "-2.5e-07"},
      {"1e-5", "0.00001"},
      {"1e20", "100000000000000000000"},
      {"123456789012345678901", "123456789012345680000"},
      {"9007199254740993", "9007199254740992"},
      {"1e21", "1e+21"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"0.3-0.1", "0.19999999999999998"},
      {"123456789.5", "123456789.5"},
      {"NaN", "NaN"},
      {"Inf", "+Inf"},
      {"-Inf", "-Inf"},
      {"-0", "-0"},
  };
  for (const auto& [value, text] : cases) {
    EXPECT_EQ(Data(std::string("vector(") + value + ")"),
              std::string(R"({"resultType":"vector","result":[{"metric":{},"value":[4,")") + text +
                  "\"]}]}");
  }
}

TEST_F(QueryApi, GivesANativeHistogramWithItsBuckets) {
  // Which bounds belong to a bucket: 0 the upper, 1 the lower, 3 both.
  const std::string exponential =
      R"({"count":"8","sum":"5","buckets":[[1,"-2","-1","3"],[3,"-0.001","0.001","2"],)"
      R"([0,"0.5","1","1"],[0,"2","4","2"]]})";
  const struct {
    const char* query;
    std::string result;
  } cases[] = {
      {"exponential",
       R"({"metric":{"__name__":"exponential"},"histogram":[4,)" + exponential + "]}"},
      {"exponential[5s]",
       R"({"metric":{"__name__":"exponential"},"histograms":[[2,)" + exponential + "]]}"},
      {"sum(custom)", R"({"metric":{},"histogram":[4,{"count":"3","sum":"2.5","buckets":)"
                      R"([[3,"-Inf","0.1","1"],[0,"0.1","1","1"],[0,"1","+Inf","1"]]}]})"},
      {"empty", R"({"metric":{"__name__":"empty"},"histogram":[4,{"count":"0","sum":"0"}]})"},
  };
  for (const auto& [query, result] : cases) {
    EXPECT_THAT(Data(query), HasSubstr("\"result\":[" + result + "]")) << query;
  }
}

TEST_F(QueryApi, TellsWarningsAndInfosBesideTheData) {
  EXPECT_THAT(Data("quantile(2,hits)"),
              HasSubstr(R"-("value":[4,"+Inf"]}]},"warnings":["PromQL warning: quantile value )-"
                        R"-(should be between 0 and 1, got 2 (1:10)"])-"));
  EXPECT_THAT(Data("rate(hits[5s])"),
              HasSubstr(R"(,"infos":["PromQL info: metric might not be a counter)"));
}

TEST_F(QueryApi, TakesTheTimeInEveryForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "1700000000.25"},
      {"time=", "1700000000.25"},
      {"time=4.25", "4.25"},
      {"time=1e3", "1000"},
      {"time=-1.5", "-1.5"},
      {"time=2025-11-07T20:00:00Z", "1762545600"},
      {"time=2025-11-07T20%3A00%3A00.5%2B01%3A00", "1762542000.5"},
  };
  for (const auto& [time, seconds] : cases) {
    const std::string result = std::string("\"result\":[") + seconds + ",\"te\"]";
    EXPECT_THAT(*Ask(std::string("query=%22te%22&") + time).body, HasSubstr(result)) << time;
    EXPECT_THAT(*Ask("", std::string("query=%22te%22&") + time).body, HasSubstr(result)) << time;
    EXPECT_THAT(*Ask(time, "query=%22te%22").body, HasSubstr(result)) << "a form and a query";
  }
}

TEST_F(QueryApi, ErrorsComeInTheEnvelope) {
  const struct {
    const char* query;
    int status;
    const char* body;
  } cases[] = {
      {"query=1%2B", 400,
       R"({"status":"error","errorType":"bad_data","error":)"
       R"("invalid parameter \"query\": 1:3: parse error: unexpected end of input"})"},
      {"", 400,
       R"({"status":"error","errorType":"bad_data","error":)"
       R"("invalid parameter \"query\": 1:1: parse error: no expression found in input"})"},
      {"query=1&time=soon", 400, R"("errorType":"bad_data","error":"invalid parameter \"time\": )"},
      {"query=1&time=NaN", 400, R"("errorType":"bad_data")"},
      {"query=1&time=1e300", 400, R"("errorType":"bad_data")"},
      {"query=label_replace(vector(1),%22a%22,%22b%22,%22c%22,%22(%22)", 422,
       R"({"status":"error","errorType":"execution","error":"invalid regular expression)"},
      {"query=hits%2Bon()hits&time=4", 422, "many-to-many matching not allowed"},
  };
  for (const auto& [query, status, body] : cases) {
    const HttpReply reply = Ask(query);
    EXPECT_EQ(reply.status, status) << query;
    EXPECT_EQ(reply.content_type, "application/json");
    EXPECT_THAT(*reply.body, HasSubstr(body)) << query;
  }
}

}  // namespace
}  // namespace tierwatch
