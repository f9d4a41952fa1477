#include "exporter/chart/pages.h"

#include <gmock/gmock.h>

#include "alerts/series/store.h"
#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr TimestampMs kNow = 1'762'545'600'000;

class ChartPagesTest : public testing::Test {
 protected:
  HttpReply Get(const std::string& path, const std::string& query) {
    for (const Endpoint& endpoint : endpoints_) {
      if (endpoint.path != path) continue;
      ServerRequest request;
      request.method = "GET";
      request.path = path;
      request.query = query;
      return endpoint.handler(request);
    }
    return HttpReply::Of(404, "", "");
  }
  std::string Link() {
    Alert alert;
    alert.labels = {{"alertname", "Up"}};
    alert.generator_url = "http://tw/graph?g0.expr=vector%281%29&g0.tab=1";
    const std::string link = links_.For(alert, kNow);
    return link.substr(link.find('?') + 1);
  }

  const FakeClock clock_{kNow};
  const series::Store store_;
  const promql::Engine engine_;
  const ChartLinks links_{"http://tw", "secret", Millis(60'000)};
  const std::vector<Endpoint> endpoints_ = ChartEndpoints({engine_, store_, clock_}, links_);
};

TEST_F(ChartPagesTest, ALinkGivesThePictureAndNothingElseDoes) {
  const HttpReply png = Get("/chart.png", Link());
  EXPECT_EQ(png.status, 200);
  EXPECT_EQ(png.content_type, "image/png");
  EXPECT_THAT(*png.body, StartsWith("\x89PNG"));
  EXPECT_THAT(*Get("/chart.svg", Link()).body, HasSubstr("<svg"));
  EXPECT_EQ(Get("/chart.png", "expr=up").status, 403);
  EXPECT_EQ(Get("/chart.svg", "").status, 403);
}

TEST_F(ChartPagesTest, TheGraphPageShowsChartAndValues) {
  const HttpReply page = Get("/graph", "g0.expr=vector%2842%29&g0.tab=1");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(*page.body, HasSubstr("value=\"vector(42)\""));
  EXPECT_THAT(*page.body, HasSubstr("<svg"));
  EXPECT_THAT(*page.body, HasSubstr("<td>42</td>"));
  EXPECT_THAT(*Get("/graph", "").body, Not(HasSubstr("<svg")));
}

TEST_F(ChartPagesTest, MistakesAreSaidAndTextOfOthersIsEscaped) {
  EXPECT_THAT(*Get("/graph", "g0.expr=up%20%3E").body, HasSubstr("parse error"));
  EXPECT_THAT(*Get("/graph", "g0.expr=up&g0.range_input=100y").body, HasSubstr("at most 31d"));
  EXPECT_THAT(*Get("/graph", "g0.expr=%22%3Cscript%3E&g0.range_input=%3Cscript%3E").body,
              Not(HasSubstr("<script>")));
}

}  // namespace
}  // namespace tierwatch
