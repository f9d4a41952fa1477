// Receivers that misbehave, all at once: each is given up in bounded time for the right reason, and
// the one that works is told as if it were alone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <sstream>

#include "alerts/notify/notifier.h"
#include "tests/support/certificates.h"
#include "tests/support/http_sink.h"
#include "tests/support/notify_config.h"
#include "tests/support/process.h"
#include "tests/support/raw_server.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;

class Openssl {
 public:
  explicit Openssl(const Certificates& certificates)
      : process_({"openssl", "s_server", "-quiet", "-accept", fmt::format("127.0.0.1:{}", port_),
                  "-cert", certificates.server_cert(), "-key", certificates.server_key()}) {
    EXPECT_TRUE(WaitForPort(port_)) << process_.Output();
  }
  int port() const { return port_; }

 private:
  const int port_ = FreePort();
  Process process_;
};

struct Case {
  std::string name;
  std::string keys;  // of the webhook or the mail
  Outcome outcome;
  std::string reason;
  std::string kind = "webhook";
};

std::string Config(const std::vector<Case>& cases, const std::string& good) {
  std::string routes, receivers;
  for (const Case& c : cases) {
    routes += fmt::format("  - {{receiver: {}, continue: true}}\n", c.name);
    receivers += fmt::format("- {{name: {}, {}_configs: [{{{}}}]}}\n", c.name, c.kind, c.keys);
  }
  return "allowed_networks: [127.0.0.1, '::1']\n"
         "route:\n  receiver: good\n  group_by: [alertname]\n  group_wait: 0s\n"
         "  group_interval: 10ms\n  routes:\n" +
         routes + "  - {receiver: good}\nreceivers:\n- {name: good, webhook_configs: [{url: '" +
         good + "'}]}\n" + receivers;
}

TEST(HostileReceiversTest, Table) {
  const Certificates certificates;
  const Openssl tls(certificates);
  HttpSink sink, good;
  sink.Always("/hang", {.hang = true});
  sink.Always("/cut", {.close = true});
  sink.Always("/moved", {.status = 301, .headers = {{"Location", "http://127.0.0.2/"}}});
  sink.Always("/gone", {.status = 404});
  sink.Always("/later", {.status = 429, .headers = {{"Retry-After", "garbage"}}});
  const RawServer garbage({.bytes = "\x16\x03garbage\r\n\r\n"});
  const RawServer endless({.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"});
  const RawServer flood(
      {.bytes = "HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x'), .endless = true});
  const RawServer drip({.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
                        .per_byte = Millis{1'000}});
  const RawServer no_mail({.bytes = "HTTP/1.1 400 Bad Request\r\n\r\n", .after_request = false});
  const RawServer mute({.bytes = "", .after_request = false, .close = false});
  const auto url = [](int port, const std::string& host = "127.0.0.1") {
    return fmt::format("url: 'http://{}:{}/', timeout: 1s", host, port);
  };
  const auto path = [&](const std::string& name) {
    return fmt::format("url: '{}', timeout: 1s", sink.Url(name));
  };
  const std::vector<Case> cases{
      {"hangs", path("/hang"), Outcome::kRetry, "timed out after 1s"},
      {"says_nothing", url(mute.port()), Outcome::kRetry, "timed out after 1s"},
      {"drips", url(drip.port()), Outcome::kRetry, "timed out after 1s"},
      {"cuts", path("/cut"), Outcome::kRetry, "Empty reply from server"},
      {"garbage", url(garbage.port()), Outcome::kRetry, "HTTP/0.9"},
      {"announces_1_gib", url(endless.port()), Outcome::kRetry, "the answer is over 1048576 bytes"},
      {"floods", url(flood.port()), Outcome::kRetry, "the answer is over 1048576 bytes"},
      {"redirects", path("/moved"), Outcome::kFailed, "HTTP 301, a redirect that is not followed"},
      {"refuses", path("/gone"), Outcome::kFailed, "HTTP 404"},
      {"is_busy", path("/later"), Outcome::kRetry, "HTTP 429"},
      {"nobody", url(FreePort()), Outcome::kRetry, "Couldn't connect to server"},
      {"not_allowed", url(sink.port(), "127.0.0.2"), Outcome::kRetry,
       "127.0.0.2 is not in allowed_networks"},
      {"unknown_name", "url: 'http://nowhere.invalid/', timeout: 1s", Outcome::kRetry, ""},
      {"a_stranger", fmt::format("url: 'https://localhost:{}/', timeout: 20s", tls.port()),
       Outcome::kRetry, "certificate"},
      {"no_tls", fmt::format("url: 'https://127.0.0.1:{}/', timeout: 1s", sink.port()),
       Outcome::kRetry, ""},
      {"mail_not_allowed", "smarthost: '127.0.0.2:25', from: a@x, to: b@x", Outcome::kRetry,
       "127.0.0.2 is not in allowed_networks", "email"},
      {"mail_to_a_webhook",
       fmt::format("smarthost: '127.0.0.1:{}', from: a@x, to: b@x", no_mail.port()),
       Outcome::kRetry, "", "email"},
  };
  NotifyConfig config = NotifyConfigOf(Config(cases, good.Url()));
  SystemClock clock;
  const auto logger = MakeNullLogger();
  prometheus::Registry registry;
  NotifierOptions options;
  options.delivery.first_backoff = Millis{600'000};  // one attempt is enough
  options.delivery.longest_backoff = Millis{600'000};
  Notifier notifier(std::move(config), "http://tw", clock, *logger, registry, options);
  const auto put = [&](const std::string& name) {
    Alert alert;
    alert.labels = {{"alertname", name}};
    alert.state = AlertState::kFiring;
    alert.fired_at = clock.Now();
    notifier.Put({alert});
  };
  put("First");
  ASSERT_TRUE(good.WaitForRequests(1));
  put("Second");  // while the others are still at it
  ASSERT_TRUE(good.WaitForRequests(2));
  ASSERT_TRUE(WaitUntil(
      [&] {
        const std::vector<QueueStatus> all = notifier.Status();
        return std::ranges::all_of(all,
                                   [](const QueueStatus& one) { return one.last.has_value(); });
      },
      Millis{60'000}));
  for (const QueueStatus& status : notifier.Status()) {
    const auto c = std::ranges::find(cases, status.receiver, &Case::name);
    if (c == cases.end()) continue;
    EXPECT_EQ(status.last->outcome, c->outcome) << c->name << ": " << status.last->reason;
    EXPECT_THAT(status.last->reason, HasSubstr(c->reason)) << c->name;
    EXPECT_NE(status.last->reason, "") << c->name;
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, registry.Collect());
  EXPECT_THAT(text.str(),
              HasSubstr(R"(tierwatch_notifications_total{outcome="delivered",receiver="good"} 2)"));
  for (const Case& c : cases) {
    if (c.outcome == Outcome::kFailed) {
      EXPECT_THAT(text.str(),
                  HasSubstr(R"(tierwatch_notifications_total{outcome="failed",receiver=")" +
                            c.name + "\"} "));
    } else {
      EXPECT_THAT(text.str(),
                  testing::ContainsRegex(R"(tierwatch_notification_retries_total\{receiver=")" +
                                         c.name + "\"\\} [12]"));
    }
  }
  notifier.Stop(Millis{0});
}

}  // namespace
}  // namespace tierwatch
