#include "alerts/notify/route.h"

#include <gtest/gtest.h>

#include "alerts/notify/config.h"
#include "tests/support/notify_config.h"

namespace tierwatch {
namespace {

TEST(RouteTest, MatchesDepthFirstUntilOneDoesNotContinue) {
  const NotifyConfig config = NotifyConfigOf(R"(
route:
  receiver: root
  routes:
    - matchers: [team=x]
      receiver: x
      routes:
        - {matchers: [severity=critical], receiver: x-pager}
        - {matchers: ['severity=~crit.*|warn'], receiver: x-chat}
    - matchers: [team=~"y|z"]
      receiver: audit
      continue: true
      routes:
        - {matchers: [quiet=yes], receiver: nobody}
    - {matchers: [team=y], receiver: y}
    - {matchers: [team=y], receiver: too-late}
receivers:
  [{name: root}, {name: x}, {name: x-pager}, {name: x-chat}, {name: audit}, {name: nobody}, {name: y}, {name: too-late}]
)");
  struct Case {
    Labels labels;
    std::vector<std::string> want;
  };
  const Case cases[] = {
      {{}, {"root"}},
      {{{"severity", "critical"}}, {"root"}},
      {{{"team", "x"}}, {"x"}},
      {{{"team", "x"}, {"severity", "critical"}}, {"x-pager"}},
      {{{"team", "x"}, {"severity", "warn"}}, {"x-chat"}},
      {{{"team", "x"}, {"severity", "warning"}}, {"x"}},
      {{{"team", "y"}}, {"audit", "y"}},
      {{{"team", "z"}}, {"audit"}},
      {{{"team", "y"}, {"quiet", "yes"}}, {"nobody", "y"}},
  };
  for (const Case& c : cases) {
    std::vector<std::string> receivers;
    for (const Route* route : config.route->Match(c.labels)) receivers.push_back(route->receiver);
    EXPECT_EQ(receivers, c.want) << c.labels.ToString();
  }
}

TEST(RouteTest, GroupLabels) {
  Route route;
  route.group_by = {"absent", "service"};
  const Labels labels{{"alertname", "A"}, {"service", "s"}};
  EXPECT_EQ(route.GroupLabels(labels), (Labels{{"service", "s"}}));
  route.group_by_all = true;
  EXPECT_EQ(route.GroupLabels(labels), labels);
}

}  // namespace
}  // namespace tierwatch
