// Mail to a real SMTP server, which hands it to Python's own mail parser.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "alerts/notify/config.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"
#include "tests/support/notify_config.h"
#include "tests/support/process.h"

namespace tierwatch {
namespace {

using Json = nlohmann::json;

constexpr const char* kPython = "/usr/bin/python3";  // whose modules are Debian's packages

bool HasServer() { return RunProcess({kPython, "-c", "import aiosmtpd.smtp"}).status == 0; }

class SmtpServer {
 public:
  SmtpServer(const std::string& mode, const Certificates& certificates, bool auth = false)
      : process_(Arguments(mode, certificates, auth)) {
    EXPECT_TRUE(WaitForPort(port_)) << process_.Output();
  }
  int port() const { return port_; }
  std::string Output() const { return process_.Output(); }
  std::size_t Count() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir_.path()),
                                                  std::filesystem::directory_iterator()));
  }
  Json Mail(int number) const {
    return Json::parse(ReadFile(fmt::format("{}/{}.json", dir_.path(), number)));
  }

 private:
  std::vector<std::string> Arguments(const std::string& mode, const Certificates& certificates,
                                     bool auth) const {
    std::vector<std::string> arguments{kPython,
                                       "-W",
                                       "ignore",
                                       SourcePath("tests/support/smtp_server.py"),
                                       std::to_string(port_),
                                       dir_.path(),
                                       mode,
                                       certificates.server_cert(),
                                       certificates.server_key()};
    if (auth) arguments.insert(arguments.end(), {"tierwatch", "s3cret"});
    return arguments;
  }

  const TempDir dir_;
  const int port_ = FreePort();
  Process process_;
};

Notification Page() {
  Alert alert;
  alert.labels = {{"alertname", "HighLatency"}, {"service", "api"}};
  alert.annotations = {{"summary", "slow: <b>größer</b> als 100 ms\n.\nend"}};
  alert.state = AlertState::kFiring;
  alert.fired_at = 1'700'000'000'000;
  alert.generator_url = "http://tw/graph?a=1&b=2";
  Notification page;
  page.receiver = "r";
  page.group_key = R"({}:{alertname="HighLatency"})";
  page.group_labels = {{"alertname", "HighLatency"}};
  page.alerts = {alert};
  page.external_url = "http://tw";
  page.time = 1'700'000'000'000;
  return page;
}

std::shared_ptr<Integration> Make(const std::string& global, const std::string& keys) {
  const NotifyConfig config =
      NotifyConfigOf(fmt::format("global: {{{}}}\nroute: {{receiver: r}}\nreceivers:\n- name: r\n  "
                                 "email_configs: [{{{}}}]\n",
                                 global, keys));
  return config.receivers.at(0).integrations.at(0);
}

SendResult Deliver(Integration& mail, const std::string& key = "0123abcd") {
  return mail.Send(mail.Encode(Page()), {.idempotency_key = key, .state = ""});
}

class EmailLiveTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasServer()) GTEST_SKIP() << "Debian's python3-aiosmtpd is not installed";
  }
  std::string Global(const SmtpServer& server, const std::string& more = "") const {
    return fmt::format(
        "smtp_smarthost: 'localhost:{}', smtp_from: 'Tier Watch <tw@example.org>', "
        "smtp_tls_config: {{ca_file: '{}'}}{}",
        server.port(), certificates_.ca(), more);
  }
  const Certificates certificates_;
};

TEST_F(EmailLiveTest, StartTlsAndTheWholeMail) {
  const SmtpServer server("starttls", certificates_, true);
  const auto mail =
      Make(Global(server,
                  ", smtp_hello: tw.example.org, smtp_auth_username: tierwatch, "
                  "smtp_auth_password: s3cret"),
           "to: 'Ann <ann@example.org>, \"Bob, B.\" <bob@example.org>', "
           "text: '{{ .CommonAnnotations.summary }}', headers: {x-team: Größe, subject: "
           "'{{ template \"email.default.subject\" . }} ✓'}, "
           "threading: {enabled: true, thread_by_date: daily}");
  EXPECT_FALSE(mail->send_resolved());
  const SendResult result = Deliver(*mail);
  EXPECT_EQ(result.outcome, Outcome::kDelivered) << result.reason << server.Output();
  EXPECT_EQ(result.status, 250);
  EXPECT_EQ(result.reason, "SMTP 250: taken");
  ASSERT_EQ(server.Count(), 1u) << server.Output();
  const Json got = server.Mail(1);
  EXPECT_EQ(got["from"], "tw@example.org");
  EXPECT_EQ(got["to"], (Json{"ann@example.org", "bob@example.org"}));
  EXPECT_EQ(got["hello"], "tw.example.org");
  EXPECT_EQ(got["tls"], true);
  EXPECT_EQ(got["user"], "PLAIN tierwatch");
  EXPECT_EQ(got["type"], "multipart/alternative");
  // printf '%s' '{}:{alertname="HighLatency"}' | sha256sum | head -c 16
  const std::string root = "<alert-d4061866bc333de2-2023-11-14@alertmanager>";
  EXPECT_EQ(got["headers"]["From"], "Tier Watch <tw@example.org>");
  EXPECT_EQ(got["headers"]["To"], "Ann <ann@example.org>, \"Bob, B.\" <bob@example.org>");
  EXPECT_EQ(got["headers"]["Subject"], "[FIRING:1] HighLatency (api) ✓");
  EXPECT_EQ(got["headers"]["X-Team"], "Größe");
  EXPECT_EQ(got["headers"]["Date"], "Tue, 14 Nov 2023 22:13:20 +0000");
  EXPECT_EQ(got["headers"]["Message-Id"], "<0123abcd@example.org>");
  EXPECT_EQ(got["headers"]["References"], root);
  EXPECT_EQ(got["headers"]["In-Reply-To"], root);
  EXPECT_EQ(got["headers"].value("MIME-Version", got["headers"].value("Mime-Version", "")), "1.0");
  ASSERT_EQ(got["parts"].size(), 2u);
  EXPECT_EQ(got["parts"][0][0], "text/plain");
  EXPECT_EQ(got["parts"][0][1], "slow: <b>größer</b> als 100 ms\n.\nend");
  EXPECT_EQ(got["parts"][1][0], "text/html");
  const std::string html = got["parts"][1][1];
  EXPECT_NE(html.find("slow: &lt;b&gt;größer&lt;/b&gt; als 100 ms"), std::string::npos) << html;
  EXPECT_NE(html.find("href=\"http://tw/graph?a=1&amp;b=2\""), std::string::npos) << html;

  // Sent again, it is the same message.
  EXPECT_EQ(Deliver(*mail).outcome, Outcome::kDelivered);
  Json again = server.Mail(2)["headers"], first = got["headers"];
  for (Json* headers : {&again, &first}) headers->erase("Content-Type");  // its boundary is new
  EXPECT_EQ(again, first);
}

TEST_F(EmailLiveTest, ImplicitTlsAndLogin) {
  const SmtpServer server("implicit", certificates_, true);
  TempDir folder;
  const std::string password = folder.Write("password", "wrong\n");
  const auto mail =
      Make(Global(server, ", smtp_force_implicit_tls: true"),
           "to: ann@example.org, auth_username: tierwatch, auth_password_file: '" + password + "'");
  const SendResult refused = Deliver(*mail);
  EXPECT_EQ(refused.outcome, Outcome::kFailed);
  EXPECT_EQ(refused.status, 535);
  EXPECT_EQ(refused.reason.find("s3cret"), std::string::npos);
  folder.Write("password", "s3cret\n");
  const SendResult result = Deliver(*mail);
  EXPECT_EQ(result.outcome, Outcome::kDelivered) << result.reason;
  const Json got = server.Mail(1);
  EXPECT_EQ(got["tls"], true);
  EXPECT_EQ(got["hello"], "localhost");
  ASSERT_EQ(got["parts"].size(), 1u);
  EXPECT_EQ(got["parts"][0][0], "text/html");
  const SendResult cram =
      Deliver(*Make(Global(server, ", smtp_force_implicit_tls: true"),
                    "to: ann@example.org, auth_username: tierwatch, auth_secret: s3cret"));
  EXPECT_EQ(cram.outcome, Outcome::kDelivered) << cram.reason;
  EXPECT_EQ(server.Mail(2)["user"], "CRAM-MD5 tierwatch");
}

TEST_F(EmailLiveTest, TlsIsNotGivenUp) {
  const SmtpServer plain("plain", certificates_);
  const SendResult none = Deliver(*Make(Global(plain), "to: ann@example.org"));
  EXPECT_EQ(none.outcome, Outcome::kRetry);
  EXPECT_NE(none.reason.find("STARTTLS"), std::string::npos) << none.reason;
  EXPECT_EQ(plain.Count(), 0u);
  EXPECT_EQ(Deliver(*Make(Global(plain), "to: ann@example.org, require_tls: false")).outcome,
            Outcome::kDelivered);
  EXPECT_EQ(plain.Mail(1)["tls"], false);

  const SmtpServer server("starttls", certificates_);
  const SendResult stranger =
      Deliver(*Make(Global(server), "to: ann@example.org, tls_config: {ca_file: '" +
                                        certificates_.other_ca() + "'}"));
  EXPECT_EQ(stranger.outcome, Outcome::kRetry);
  EXPECT_NE(stranger.reason.find("certificate"), std::string::npos) << stranger.reason;
  const SendResult named =
      Deliver(*Make(Global(server), "to: ann@example.org, tls_config: {ca_file: '" +
                                        certificates_.ca() + "', server_name: cache.test}"));
  EXPECT_EQ(named.outcome, Outcome::kDelivered) << named.reason;
  const SendResult other =
      Deliver(*Make(Global(server), "to: ann@example.org, tls_config: {ca_file: '" +
                                        certificates_.ca() + "', server_name: other.test}"));
  EXPECT_EQ(other.outcome, Outcome::kRetry);
  EXPECT_EQ(server.Count(), 1u);
}

TEST_F(EmailLiveTest, RefusalsForNowAndForGood) {
  const SmtpServer server("starttls", certificates_);
  struct Case {
    std::string keys;
    Outcome outcome;
    int status;
    std::string reason;
  };
  const Case cases[] = {
      {"to: gone@example.org", Outcome::kFailed, 550, "SMTP 550: 5.1.1 no such mailbox"},
      {"to: later@example.org", Outcome::kRetry, 451, "SMTP 451: 4.2.1 try again later"},
      {"to: 'ann@example.org, gone@example.org'", Outcome::kDelivered, 250,
       "SMTP 250: taken (1 of 2 recipients were refused)"},
      {"to: a@example.org, headers: {X-Refuse: '554'}", Outcome::kFailed, 554,
       "SMTP 554: refused as asked for"},
      {"to: a@example.org, headers: {X-Refuse: '452'}", Outcome::kRetry, 452,
       "SMTP 452: refused as asked for"},
      {"to: '{{ .Nothing }} {{ .CommonLabels.none }}'", Outcome::kFailed, 0,
       "to: expected addresses such as name@example.org, with commas between them"},
      {"to: '{{ .CommonLabels.none }}'", Outcome::kFailed, 0, "to: there is no mail address"},
  };
  for (const Case& c : cases) {
    const SendResult result = Deliver(*Make(Global(server), c.keys));
    EXPECT_EQ(result.outcome, c.outcome) << c.keys << ": " << result.reason;
    EXPECT_EQ(result.status, c.status) << c.keys;
    EXPECT_EQ(result.reason, c.reason) << c.keys;
  }
  EXPECT_EQ(server.Count(), 1u);
}

}  // namespace
}  // namespace tierwatch
