// The program as people call it: exit statuses and what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "exporter/metric_table.h"
#include "tests/support/files.h"
#include "tests/support/http_sink.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;

ProcessResult Tierwatch(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), TIERWATCH_BINARY);
  return RunProcess(std::move(arguments));
}

TEST(CommandLine, WrongUsageIsTwo) {
  EXPECT_EQ(Tierwatch({}).status, 2);
  EXPECT_EQ(Tierwatch({"nonsense"}).status, 2);
  EXPECT_EQ(Tierwatch({"run"}).status, 2);
  EXPECT_EQ(Tierwatch({"--log.level", "loud", "metrics"}).status, 2);
  EXPECT_EQ(Tierwatch({"--help"}).status, 0);
  EXPECT_THAT(Tierwatch({"--version"}).output, HasSubstr("tierwatch 0."));
}

TEST(CommandLine, AWrongConfigurationIsOneAndSaysWhere) {
  const TempDir dir;
  const std::string bad =
      dir.Write("bad.yml", "global: {}\nwebb: {}\nstorage: {retention: soon}\n");
  for (const auto& arguments : {std::vector<std::string>{"check", "config", bad},
                                std::vector<std::string>{"run", "--config", bad}}) {
    const ProcessResult result = Tierwatch(arguments);
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.output, HasSubstr("bad.yml:2:1: unknown key"));
    EXPECT_THAT(result.output, HasSubstr("bad.yml:3:"));
  }
  EXPECT_EQ(Tierwatch({"check", "config", dir.path() + "/absent.yml"}).status, 1);
  EXPECT_EQ(Tierwatch({"check", "config", dir.Write("good.yml", "global: {}\n")}).status, 0);
}

TEST(CommandLine, CheckConfigSaysWhatCannotBeRead) {
  const TempDir dir;
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int n = 0; n < 10; ++n) bomb += last + ", ";
    bomb += last + "]\n";
  }
  const struct {
    std::string path;
    int status;
    const char* says;
  } cases[] = {
      {dir.path(), 1, ": is a directory"},
      {"/proc/self/mem", 1, "/proc/self/mem: can't be read"},
      {"/dev/zero", 1, "/dev/zero: larger than 16 MiB"},
      {dir.Write("empty.yml", ""), 0, "ok: 0 targets, 0 rules in 0 groups"},
      {dir.path() + "/empty.yml/below", 1, "below: Not a directory"},
      {dir.Write("bomb.yml", bomb), 1, "more than 1000000 nodes"},
      {dir.Write("deep.yml", "global: " + std::string(100'000, '[')), 1, "more than 100 levels"},
      {dir.Write("binary.yml", std::string("\x7f"
                                           "ELF\x02\x01\0\0",
                                           8)),
       1, "binary.yml:1:"},
  };
  for (const auto& [path, status, says] : cases) {
    const ProcessResult result = Tierwatch({"check", "config", path});
    EXPECT_EQ(result.status, status) << path << result.output;
    EXPECT_THAT(result.output, HasSubstr(says)) << path;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
  }
}

TEST(CommandLine, CheckRulesSaysWhere) {
  const TempDir dir;
  const std::string good = dir.Write("good.yml", R"(groups:
- name: g
  rules:
  - {alert: A, expr: up == 0}
)");
  const struct {
    const char* content;
    const char* says;
  } cases[] = {
      {"groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up ==\n",
       "bad.yml:5:16: could not parse expression: parse error: unexpected end of input"},
      {"groups:\n- name: g\n  rules:\n  - record: a\n    expr: up\n    for: 5m\n",
       "bad.yml:6:5: invalid field 'for' in recording rule"},
      {"alerts:\n  - name: A\n    severity: critical\n    condition: nosuch > 1%\n",
       "bad.yml:4:16: no signal is called \"nosuch\""},
      {"groups: [\n", "bad.yml:2:1: "},
  };
  for (const auto& [content, says] : cases) {
    const ProcessResult result = Tierwatch({"check", "rules", good, dir.Write("bad.yml", content)});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.output, HasSubstr(says));
  }
  const ProcessResult result = Tierwatch({"check", "rules", good, SourcePath("rules/cache.yml")});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(result.output, "ok: 5 rules in 2 groups\n");
  EXPECT_EQ(Tierwatch({"check", "rules"}).status, 2);
  EXPECT_EQ(Tierwatch({"check", "rules", dir.path() + "/absent.yml"}).status, 1);
}

TEST(CommandLine, PrometheusReadsExportedRules) {
  if (RunProcess({"sh", "-c", "command -v promtool"}).status != 0) GTEST_SKIP() << "no promtool";
  const TempDir dir;
  for (const char* file : {"rules/cache.yml", "rules/database.yml", "rules/redis.yml"}) {
    const ProcessResult exported = Tierwatch({"rules", "export", SourcePath(file)});
    ASSERT_EQ(exported.status, 0) << exported.output;
    const ProcessResult check =
        RunProcess({"promtool", "check", "rules", dir.Write("rules.yml", exported.output)});
    EXPECT_EQ(check.status, 0) << check.output << exported.output;
    EXPECT_THAT(check.output, HasSubstr("SUCCESS"));
  }
  EXPECT_EQ(Tierwatch({"rules", "export", dir.Write("bad.yml", "groups: 1\n")}).status, 1);
}

TEST(CommandLine, TestPromqlCountsWhatPassed) {
  const TempDir dir;
  const std::string script = "load 1m\n  x 1 2 3\n\neval instant at 1m x\n  x 2\n";
  const std::string good = dir.Write("good.test", script);
  const std::string bad = dir.Write("bad.test", script + "\neval instant at 2m x\n  x 4\n");
  const ProcessResult passed = Tierwatch({"test", "promql", good});
  EXPECT_EQ(passed.status, 0);
  EXPECT_EQ(passed.output, "good.test: passed 1 of 1\ntotal: passed 1 of 1\n");
  const ProcessResult failed = Tierwatch({"test", "promql", good, bad});
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(failed.output,
            "good.test: passed 1 of 1\nbad.test: passed 1 of 2\ntotal: passed 2 of 3\n");
  EXPECT_THAT(Tierwatch({"test", "promql", "--verbose", bad}).output,
              HasSubstr("bad.test:7: x at 120000 ms: expected 4"));
  EXPECT_EQ(Tierwatch({"test", "promql", dir.path() + "/absent.test"}).status, 1);
  EXPECT_EQ(Tierwatch({"test", "promql"}).status, 2);
}

TEST(CommandLine, QueryPrintsWhatAServerAnswers) {
  const struct {
    SinkReply reply;
    int status;
    const char* says;
  } cases[] = {
      {{.body = R"({"status":"success","data":{"resultType":"vector","result":)"
                R"([{"metric":{"__name__":"up","a":"b"},"value":[4,"1"]}]},"infos":["note"]})"},
       0,
       "up{a=\"b\"} => 1 @4\n# note\n"},
      {{.status = 400, .body = R"({"status":"error","errorType":"bad_data","error":"what?"})"},
       1,
       "HTTP 400: bad_data: what?\n"},
      {{.body = "<html>welcome</html>"}, 1, "HTTP 200: the answer is not that of Prometheus"},
      {{.body = R"({"hello":"world"})"}, 1, "HTTP 200: the answer is not that of Prometheus"},
      {{.status = 404, .body = "not found"}, 1, "HTTP 404: the answer is not that of Prometheus"},
      {{.close = true}, 1, "tierwatch: http://127.0.0.1:"},
  };
  for (const auto& [reply, status, says] : cases) {
    HttpSink sink;
    sink.Always("/base/api/v1/query", reply);
    const ProcessResult result = Tierwatch({"query", "up == 1", "--url", sink.Url("/base/")});
    EXPECT_EQ(result.status, status) << result.output;
    EXPECT_THAT(result.output, HasSubstr(says));
    ASSERT_FALSE(sink.Requests().empty());
    EXPECT_EQ(sink.Requests()[0].body, "query=up%20%3D%3D%201");
  }
  EXPECT_EQ(Tierwatch({"query", "1", "--url", "nonsense"}).status, 1);
  EXPECT_EQ(Tierwatch({"query"}).status, 2);
}

TEST(CommandLine, QueriesARange) {
  HttpSink sink;
  sink.Always("/api/v1/query_range",
              {.body = R"({"status":"success","data":{"resultType":"matrix","result":[)"
                       R"({"metric":{"tier":"L1"},"values":[[1,"1"],[16,"2"]]},)"
                       R"({"metric":{"tier":"L2"},"values":[[16,"0.5"]]}]}})"});
  const struct {
    std::vector<std::string> options;
    const char* form;
  } cases[] = {
      {{"--start", "1", "--end", "31", "--step", "15s"}, "start=1.000&end=31.000&step=15.000"},
      {{"--start", "1970-01-01T00:00:01.5Z", "--end", "31"}, "start=1.500&end=31.000&step=1.000"},
      {{"--end", "7200"}, "start=6900.000&end=7200.000&step=1.000"},
      {{"--start", "0", "--end", "7200"}, "start=0.000&end=7200.000&step=28.000"},
  };
  for (const auto& [options, form] : cases) {
    std::vector<std::string> arguments{"query", "up", "--url", sink.Url("/")};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProcessResult result = Tierwatch(arguments);
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_EQ(result.output, "{tier=\"L1\"} =>\n1 @1\n2 @16\n{tier=\"L2\"} =>\n0.5 @16\n");
    EXPECT_EQ(sink.Requests().back().body, std::string("query=up&") + form);
  }
  const struct {
    std::vector<std::string> options;
    const char* says;
  } wrong[] = {
      {{"--step", "often"}, "--step: found \"often\", expected a duration such as 15s"},
      {{"--step", "0s"}, "--step: found \"0s\""},
      {{"--start", "soon"}, "--start: found \"soon\", expected a time"},
      {{"--start", "2", "--end", "1"}, "is before --start"},
  };
  const std::size_t asked = sink.Requests().size();
  for (const auto& [options, says] : wrong) {
    std::vector<std::string> arguments{"query", "up", "--url", sink.Url("/")};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProcessResult result = Tierwatch(arguments);
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.output, HasSubstr(says));
  }
  EXPECT_EQ(sink.Requests().size(), asked);
}

TEST(CommandLine, RunServesUntilSigtermAndAPortInUseIsTold) {
  const TempDir dir;
  const int port = FreePort();
  const std::string config =
      dir.Write("tw.yml", "web: {listen_address: \"127.0.0.1:" + std::to_string(port) + "\"}\n");
  Process first({TIERWATCH_BINARY, "run", "--config", config});
  ASSERT_TRUE(WaitForPort(port)) << first.Output();
  const ProcessResult answer =
      Tierwatch({"query", "vector(1)", "--url", "http://127.0.0.1:" + std::to_string(port)});
  EXPECT_EQ(answer.status, 0);
  EXPECT_THAT(answer.output, testing::StartsWith("{} => 1 @1"));
  const ProcessResult second = Tierwatch({"run", "--config", config});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.output, HasSubstr("ddress already in use"));
  first.Signal(SIGTERM);
  EXPECT_EQ(first.Wait(Millis(10'000)), 0) << first.Output();
}

TEST(CommandLine, MetricsPrintsTheWholeTable) {
  const std::string output = Tierwatch({"metrics"}).output;
  for (const MetricRow& row : AllMetrics()) EXPECT_THAT(output, HasSubstr(row.info.name));
  EXPECT_EQ(Tierwatch({"metrics", "--markdown"}).output, MetricTableMarkdown());
}

TEST(MetricTable, NamesFollowTheRules) {
  std::set<std::string_view> seen;
  for (const MetricRow& row : AllMetrics()) {
    EXPECT_TRUE(row.info.name.starts_with("tierwatch_")) << row.info.name;
    EXPECT_TRUE(seen.insert(row.info.name).second) << row.info.name << " is declared twice";
    EXPECT_FALSE(row.info.help.empty()) << row.info.name;
    EXPECT_EQ(row.info.name.ends_with("_total"), row.info.type == prometheus::MetricType::Counter)
        << row.info.name;
    for (const std::string_view label : row.info.labels) {
      EXPECT_TRUE(label != "job" && label != "instance") << row.info.name;
    }
  }
}

}  // namespace
}  // namespace tierwatch
