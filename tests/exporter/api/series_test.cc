// labels, label/<name>/values and series over a real store.
#include "exporter/api/series.h"

#include <gtest/gtest.h>

#include "tests/exporter/api/ask.h"
#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

class SeriesApi : public testing::Test {
 protected:
  SeriesApi() {
    Add({{"__name__", "hits"}, {"tier", "L1"}}, 1'000);
    Add({{"__name__", "hits"}, {"tier", "L2"}}, 2'000);
    Add({{"__name__", "load"}, {"host.name", "a"}}, 3'000);
    Add({{"__name__", "load"}, {"z\xc3\xa4hler", "x\"y"}}, 4'000);
  }
  void Add(Labels labels, TimestampMs time) {
    store_.Append("test", std::vector<series::Sample>{{std::move(labels), time, 1}});
  }

  struct Case {
    const char* query;
    const char* data;
  };
  // Each as the query of a GET and, where the endpoint has one, as the form of a POST.
  void ExpectData(std::string_view path, std::string_view name, std::span<const Case> cases) {
    for (const auto& [query, data] : cases) {
      for (const bool form : {false, true}) {
        if (form && (!name.empty() || *query == '\0')) continue;
        const HttpReply reply =
            api::Ask(endpoints_, path, form ? "" : query, form ? query : "", name);
        EXPECT_EQ(reply.status, 200);
        EXPECT_EQ(*reply.body, std::string(R"({"status":"success","data":)") + data + "}")
            << path << " " << query;
      }
    }
  }

  series::Store store_;
  FakeClock clock_;
  std::stop_source stop_;
  const std::vector<Endpoint> endpoints_ =
      api::SeriesEndpoints({store_, clock_, stop_.get_token()});
};

TEST_F(SeriesApi, TellsLabelNames) {
  const Case cases[] = {
      {"", R"(["__name__","host.name","tier","zähler"])"},
      {"match[]=hits", R"(["__name__","tier"])"},
      {"match[]={tier=\"L1\"}&match[]={\"host.name\"=\"a\"}", R"(["__name__","host.name","tier"])"},
      {"match[]=nothing", "[]"},
      {"start=3&end=3.5", R"(["__name__","host.name"])"},
      {"start=1970-01-01T00:00:04Z", R"(["__name__","zähler"])"},
      {"start=5", "[]"},
      {"start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z",
       R"(["__name__","host.name","tier","zähler"])"},
      {"match[]=hits&start=2&end=2", R"(["__name__","tier"])"},
      {"limit=4", R"(["__name__","host.name","tier","zähler"])"},
      {"limit=0", R"(["__name__","host.name","tier","zähler"])"},
      {"limit=2", R"(["__name__","host.name"],"warnings":["results truncated due to limit"])"},
      {"match[]=hits&limit=1", R"(["__name__"],"warnings":["results truncated due to limit"])"},
  };
  ExpectData("labels", "", cases);
}

TEST_F(SeriesApi, TellsLabelValues) {
  const Case tiers[] = {
      {"", R"(["L1","L2"])"},
      {"match[]={tier!=\"L1\",__name__=~\".%2B\"}", R"(["L2"])"},
      {"match[]=load", "[]"},
      {"start=2", R"(["L2"])"},
      {"end=1", R"(["L1"])"},
      {"limit=1", R"(["L1"],"warnings":["results truncated due to limit"])"},
  };
  ExpectData("label/{name}/values", "tier", tiers);
  const Case names[] = {{"", R"(["hits","load"])"}, {"match[]=load", R"(["load"])"}};
  ExpectData("label/{name}/values", "__name__", names);
  // Any UTF-8, as it is or escaped.
  const Case host[] = {{"", R"(["a"])"}};
  ExpectData("label/{name}/values", "host.name", host);
  ExpectData("label/{name}/values", "U__host_2e_name", host);
  const Case counter[] = {{"", R"(["x\"y"])"}};
  ExpectData("label/{name}/values", "z\xc3\xa4hler", counter);
  ExpectData("label/{name}/values", "U__z_e4_hler", counter);
  const Case none[] = {{"", "[]"}};
  ExpectData("label/{name}/values", "nothing", none);
  ExpectData("label/{name}/values", "U__host_2e", none);
}

TEST_F(SeriesApi, TellsSeries) {
  const std::string l1 = R"({"__name__":"hits","tier":"L1"})",
                    l2 = R"({"__name__":"hits","tier":"L2"})",
                    load = R"({"__name__":"load","host.name":"a"})";
  const std::string both = "[" + l1 + "," + l2 + "]", first = "[" + l1 + "]",
                    second = "[" + l2 + "]", sorted = "[" + l1 + "," + load + "]",
                    cut = first + R"(,"warnings":["results truncated due to limit"])";
  const Case cases[] = {
      {"match[]=hits", both.c_str()},
      {"match[]={tier=~\"L.\"}", both.c_str()},
      {"match[]=hits&match[]={tier=\"L1\"}", both.c_str()},  // each once
      {"match[]={\"host.name\"=\"a\"}&match[]={tier=\"L1\"}", sorted.c_str()},
      {"match[]=nothing", "[]"},
      {"match[]=hits&start=1.5", second.c_str()},
      {"match[]=hits&end=1.5", first.c_str()},
      {"match[]=hits&start=1.2&end=1.5", "[]"},
      {"match[]=hits&limit=2", both.c_str()},
      {"match[]=hits&limit=1", cut.c_str()},
  };
  ExpectData("series", "", cases);
}

TEST_F(SeriesApi, RefusesWhatItCannotRead) {
  const struct {
    const char* path;
    const char* name;
    const char* query;
    const char* error;
  } cases[] = {
      {"labels", "", "start=soon",
       R"(invalid parameter \"start\": Invalid time value for 'start': )"
       R"(cannot parse \"soon\" to a valid timestamp)"},
      {"labels", "", "end=x",
       R"(invalid parameter \"end\": Invalid time value for 'end': )"
       R"(cannot parse \"x\" to a valid timestamp)"},
      {"labels", "", "limit=-1", R"(invalid parameter \"limit\": limit must be non-negative)"},
      {"labels", "", "limit=x",
       R"(invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax)"},
      {"labels", "", "match[]={}", "match[] must contain at least one non-empty matcher"},
      {"label/{name}/values", "\xff", "", R"(invalid label name: \"\\xff\")"},
      {"label/{name}/values", "U__", "", R"(invalid label name: \"\")"},
      {"label/{name}/values", "tier", "match[]={}",
       "match[] must contain at least one non-empty matcher"},
      {"series", "", "", "no match[] parameter provided"},
      {"series", "", "match[]={}",
       R"(invalid parameter \"match[]\": match[] must contain at least one non-empty matcher)"},
      {"series", "", "match=up", "no match[] parameter provided"},
      {"series", "", "match[]=hits&start=x",
       R"(invalid parameter \"start\": Invalid time value for 'start': )"
       R"(cannot parse \"x\" to a valid timestamp)"},
  };
  for (const auto& [path, name, query, error] : cases) {
    const HttpReply reply = api::Ask(endpoints_, path, query, "", name);
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(*reply.body,
              std::string(R"({"status":"error","errorType":"bad_data","error":")") + error + "\"}")
        << path << " " << query;
  }
}

}  // namespace
}  // namespace tierwatch
