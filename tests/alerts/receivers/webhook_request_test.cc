// What a webhook is asked over a connection: addresses, signatures, credentials, redirects.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "alerts/notify/config.h"
#include "alerts/receivers/webhook.h"
#include "tests/support/files.h"
#include "tests/support/http_sink.h"
#include "tests/support/notify_config.h"

namespace tierwatch {
namespace {

constexpr TimestampMs kNow = 1'700'000'000'999;

Notification Page() {
  Alert alert;
  alert.labels = {{"alertname", "A"}, {"n", "5"}, {"sneaky", "{{ .ExternalURL }}: [x]"}};
  alert.state = AlertState::kFiring;
  alert.fired_at = kNow;
  Notification page;
  page.receiver = "r";
  page.alerts = {alert};
  page.external_url = "http://tw";
  return page;
}

std::shared_ptr<Integration> Make(const std::string& keys, const std::string& more = "") {
  const NotifyConfig config =
      NotifyConfigOf("route: {receiver: r}\n" + more +
                     "\nreceivers: [{name: r, webhook_configs: [{" + keys + "}]}]");
  return config.receivers.at(0).integrations.at(0);
}

SendResult Deliver(Integration& webhook) {
  return webhook.Send(webhook.Encode(Page()), {.idempotency_key = "k", .state = "", .now = kNow});
}

TEST(WebhookRequestTest, Signature) {
  // printf '%s' '1700000000.body' | openssl dgst -sha256 -hmac secret
  EXPECT_EQ(WebhookSignature("secret", kNow, "body"),
            "t=1700000000,v1=42ac6f0448c1d9c3e1e82b9726248f58fef84afffcbad5188246e96070e0ea46");
  HttpSink sink;
  TempDir folder;
  const std::string file = folder.Write("secret", "s\n");
  const auto webhook = Make(fmt::format("url: '{}', hmac_secret_file: '{}'", sink.Url(), file));
  EXPECT_EQ(Deliver(*webhook).outcome, Outcome::kDelivered);
  const SinkRequest request = sink.Requests().at(0);
  EXPECT_EQ(request.headers.at("x-tierwatch-signature"), WebhookSignature("s", kNow, request.body));
  EXPECT_EQ(request.headers.at("idempotency-key"), "k");
}

TEST(WebhookRequestTest, TemplatesOfUrlAndPayload) {
  HttpSink sink;
  const auto webhook = Make(
      fmt::format("url: '{}/{{{{ .CommonLabels.n }}}}', payload: {{b: '{{{{ .CommonLabels.n }}}}', "
                  "a: ['x{{{{ .Status }}}}', true, '', 1.5, '{{{{ .GroupLabels | toJson }}}}'], "
                  "'{{{{ .Status }}}}': '{{{{ .CommonLabels.alertname }}}}', "
                  "s: '{{{{ .CommonLabels.sneaky }}}}'}}",
                  sink.Url("")));
  const SendResult result = Deliver(*webhook);
  EXPECT_EQ(result.outcome, Outcome::kDelivered) << result.reason;
  EXPECT_EQ(sink.Requests().at(0).path, "/5");
  EXPECT_EQ(sink.Requests().at(0).body,
            R"({"a":["xfiring",true,null,1.5,{}],"b":5,"firing":"A","s":"{{ .ExternalURL }}: [x]"})"
            "\n");
  const SendResult bad = Deliver(*Make("url: 'ftp://{{ .Status }}'"));
  EXPECT_EQ(bad.outcome, Outcome::kFailed);
  EXPECT_EQ(bad.reason, "url: its template gave no http or https URL");
}

TEST(WebhookRequestTest, HeadersOfTheConfiguration) {
  HttpSink sink;
  TempDir folder;
  const std::string file = folder.Write("token", "first\n");
  const auto webhook = Make(fmt::format(
      "url: '{}', http_config: {{http_headers: {{x-plain: {{values: [v]}}, X-Secret: {{files: "
      "['{}']}}}}}}",
      sink.Url(), file));
  EXPECT_EQ(Deliver(*webhook).outcome, Outcome::kDelivered);
  folder.Write("token", "second");
  EXPECT_EQ(Deliver(*webhook).outcome, Outcome::kDelivered);
  EXPECT_EQ(sink.Requests().at(0).headers.at("x-plain"), "v");
  EXPECT_EQ(sink.Requests().at(0).headers.at("x-secret"), "first");
  EXPECT_EQ(sink.Requests().at(1).headers.at("x-secret"), "second");
}

TEST(WebhookRequestTest, RedirectsStayAtTheAddressAndKeepTheRequest) {
  HttpSink sink, elsewhere;
  sink.Always("/moved", {.status = 307, .headers = {{"Location", "/new"}}});
  const auto send = [&](const std::string& path, const std::string& more = "") {
    return Deliver(*Make(fmt::format("url: '{}'{}", sink.Url(path), more)));
  };
  EXPECT_EQ(send("/moved").outcome, Outcome::kDelivered);
  EXPECT_EQ(sink.Requests().at(1).path, "/new");
  EXPECT_EQ(sink.Requests().at(1).method, "POST");
  EXPECT_EQ(sink.Requests().at(1).body, sink.Requests().at(0).body);

  sink.Always("/away", {.status = 308, .headers = {{"Location", elsewhere.Url()}}});
  sink.Always("/get", {.status = 302, .headers = {{"Location", "/new"}}});
  sink.Always("/loop", {.status = 307, .headers = {{"Location", "/loop"}}});
  for (const char* path : {"/away", "/get", "/loop"}) {
    const SendResult result = send(path);
    EXPECT_EQ(result.outcome, Outcome::kFailed) << path;
    EXPECT_EQ(result.reason,
              fmt::format("HTTP {}, a redirect that is not followed", result.status));
  }
  EXPECT_TRUE(elsewhere.Requests().empty());
  const std::size_t before = sink.Requests().size();
  EXPECT_EQ(send("/moved", ", http_config: {follow_redirects: false}").outcome, Outcome::kFailed);
  EXPECT_EQ(sink.Requests().size(), before + 1);
}

TEST(WebhookRequestTest, AllowedNetworks) {
  HttpSink sink;
  for (const char* name : {"127.0.0.1", "localhost"}) {
    const std::string url = fmt::format("url: 'http://{}:{}/'", name, sink.port());
    const SendResult refused =
        Deliver(*Make(url, "allowed_networks: [203.0.113.0/24, '2001:db8::/32']"));
    EXPECT_EQ(refused.outcome, Outcome::kRetry);
    EXPECT_NE(refused.reason.find(" is not in allowed_networks"), std::string::npos)
        << refused.reason;
    EXPECT_FALSE(refused.may_have_arrived);
    EXPECT_EQ(Deliver(*Make(url, "allowed_networks: [127.0.0.0/8]")).outcome, Outcome::kDelivered)
        << name;
  }
  EXPECT_EQ(sink.Requests().size(), 2u);
}

TEST(WebhookRequestTest, AProxyForAllAndAnotherForOne) {
  HttpSink everybodys, own;
  const std::string global =
      fmt::format("global: {{http_config: {{proxy_url: '{}'}}}}", everybodys.Url());
  EXPECT_EQ(Deliver(*Make("url: 'http://a.invalid/x'", global)).outcome, Outcome::kDelivered);
  EXPECT_EQ(everybodys.Requests().at(0).path, "http://a.invalid/x");
  const auto webhook = Make(fmt::format("url: 'http://a.invalid/x', http_config: {{proxy_url: "
                                        "'{}', no_proxy: b.test}}",
                                        own.Url()),
                            global);
  EXPECT_EQ(Deliver(*webhook).outcome, Outcome::kDelivered);
  EXPECT_EQ(own.Requests().at(0).path, "http://a.invalid/x");
  EXPECT_EQ(everybodys.Requests().size(), 1u);
  own.Script({{.status = 407}});
  EXPECT_EQ(Deliver(*webhook).outcome, Outcome::kRetry) << "the receiver has not refused it";
}

TEST(WebhookRequestTest, TokensOfOAuth2) {
  HttpSink door, mint;
  mint.Script({{.status = 200, .body = R"({"access_token":"one","token_type":"bearer"})"},
               {.status = 200, .body = R"({"access_token":"two"})"},
               {.status = 503}});
  const auto webhook =
      Make(fmt::format("url: '{}', http_config: {{oauth2: {{client_id: 'a b', client_secret: "
                       "'s&t', token_url: '{}', "
                       "scopes: [x, y], endpoint_params: {{audience: 'q/r'}}}}}}",
                       door.Url(), mint.Url("/token")));
  EXPECT_EQ(Deliver(*webhook).outcome, Outcome::kDelivered);
  EXPECT_EQ(Deliver(*webhook).outcome, Outcome::kDelivered);
  ASSERT_EQ(mint.Requests().size(), 1u) << "a token is kept";
  EXPECT_EQ(mint.Requests()[0].body, "grant_type=client_credentials&scope=x%20y&audience=q%2Fr");
  // printf '%s' 'a%20b:s%26t' | base64
  EXPECT_EQ(mint.Requests()[0].headers.at("authorization"), "Basic YSUyMGI6cyUyNnQ=");
  EXPECT_EQ(door.Requests().at(1).headers.at("authorization"), "Bearer one");
  door.Script({{.status = 401}});  // it has expired
  EXPECT_EQ(Deliver(*webhook).outcome, Outcome::kDelivered);
  EXPECT_EQ(door.Requests().at(3).headers.at("authorization"), "Bearer two");
  door.Script({{.status = 401}});
  const SendResult result = Deliver(*webhook);
  EXPECT_EQ(result.outcome, Outcome::kRetry);
  EXPECT_EQ(result.reason, "oauth2: token_url: HTTP 503");
}

TEST(WebhookRequestTest, TokensForThoseThatWantTheSecretInTheForm) {
  HttpSink door, mint;
  mint.Script({{.status = 401}, {.status = 200, .body = R"({"access_token":"t"})"}});
  const auto webhook = Make(fmt::format(
      "url: '{}', http_config: {{oauth2: {{client_id: i, client_secret: s, token_url: '{}'}}}}",
      door.Url(), mint.Url("/token")));
  EXPECT_EQ(Deliver(*webhook).outcome, Outcome::kDelivered);
  EXPECT_EQ(mint.Requests().at(1).body,
            "grant_type=client_credentials&client_id=i&client_secret=s");
  EXPECT_FALSE(mint.Requests().at(1).headers.contains("authorization"));
}

}  // namespace
}  // namespace tierwatch
