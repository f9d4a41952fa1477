#include "alerts/receivers/email.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "alerts/receivers/mail_text.h"
#include "alerts/receivers/notification_data.h"
#include "base/duration.h"

namespace tierwatch {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kThreadHashChars = 16;

enum class Threading { kNone, kOne, kDaily };

struct Config {
  MailServer server;
  NotificationTemplate from, to, html, text;
  std::map<std::string, NotificationTemplate> headers;  // by canonical name
  Threading threading = Threading::kNone;
};

// The message is stable over attempts, so that a mailbox that gets it twice can tell.
std::string MessageId(const std::string& idempotency_key, const std::string& from) {
  return fmt::format("<{}@{}>", idempotency_key, from.substr(from.find('@') + 1));
}

SendResult Judge(const MailResult& sent, std::size_t recipients) {
  SendResult result;
  result.status = sent.code;
  result.reason = fmt::format("SMTP {}: {}", sent.code, sent.reply);
  if (!sent.error) {
    result.outcome = Outcome::kDelivered;
    if (sent.refused > 0)
      result.reason += fmt::format(" ({} of {} recipients were refused)", sent.refused, recipients);
    return result;
  }
  const bool refused = sent.code >= 400;
  result.outcome = sent.code >= 500 ? Outcome::kFailed : Outcome::kRetry;
  if (!refused) result.reason = sent.error->message;
  result.may_have_arrived = !refused && sent.error->reason != Reason::kConnect;
  return result;
}

class Email final : public Integration {
 public:
  Email(Identity identity, Config config)
      : Integration(std::move(identity)), config_(std::move(config)) {}

  std::string Encode(const Notification& notification) const override {
    const NotificationData data = MakeNotificationData(notification);
    Json headers = Json::object();
    for (const auto& [name, text] : config_.headers)
      headers[name] = EncodeMailHeader(text.Expand(data));
    if (config_.threading != Threading::kNone) {
      const std::string root = ThreadRoot(notification);
      headers["References"] = headers["In-Reply-To"] = root;
    }
    if (!headers.contains("Date")) headers["Date"] = MailDate(notification.time);
    const Json mail = {{"from", config_.from.Expand(data)},
                       {"to", config_.to.Expand(data)},
                       {"headers", std::move(headers)},
                       {"text", config_.text.Expand(data)},
                       {"html", config_.html.Expand(data, true)}};
    return mail.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  SendResult Send(const std::string& body, const SendContext& context) override {
    Mail mail;
    if (Result<void> read = ReadBody(body, mail); !read.ok())
      return {.outcome = Outcome::kFailed, .reason = read.error().message};
    const bool has_id = std::any_of(mail.headers.begin(), mail.headers.end(),
                                    [](const auto& one) { return one.first == "Message-Id"; });
    if (!has_id)
      mail.headers.emplace_back("Message-Id", MessageId(context.idempotency_key, mail.from));
    mail.stop = context.stop;
    return Judge(SendMail(config_.server, mail), mail.to.size());
  }

 private:
  // Of a message that was never sent: mail programs gather under it what refers to it.
  std::string ThreadRoot(const Notification& notification) const {
    const std::string day = config_.threading == Threading::kDaily
                                ? FormatTimestamp(notification.time).substr(0, 10)
                                : std::string();
    return fmt::format("<alert-{}-{}@alertmanager>",
                       GroupHash(notification).substr(0, kThreadHashChars), day);
  }

  static Result<void> ReadBody(const std::string& body, Mail& mail) {
    try {
      const Json kept = Json::parse(body);
      Result<std::vector<std::string>> from =
          ParseMailAddresses(kept.at("from").get<std::string>());
      if (!from.ok()) return std::move(from).error().In("from");
      if (from->size() != 1) return Error{"from: expected one address", Reason::kParse};
      Result<std::vector<std::string>> to = ParseMailAddresses(kept.at("to").get<std::string>());
      if (!to.ok()) return std::move(to).error().In("to");
      mail.from = from->front();
      mail.to = *std::move(to);
      for (const auto& [name, value] : kept.at("headers").items())
        mail.headers.emplace_back(name, value.get<std::string>());
      mail.text = kept.at("text").get<std::string>();
      mail.html = kept.at("html").get<std::string>();
      return {};
    } catch (const Json::exception&) {
      return Error{"the kept mail can't be read", Reason::kParse};
    }
  }

  const Config config_;
};

// Addresses that no template makes are known now.
NotificationTemplate ReadAddresses(YamlMap& map, const char* key, const std::string& inherited,
                                   const GlobalConfig& global) {
  NotificationTemplate read = ReadTemplate(map, key, inherited, global);
  if (map.String(key).value_or(inherited).empty()) {
    map.diagnostics().Add(map.node().where(), fmt::format("email: {} is missing", key));
  } else if (!read.empty() && read.text().find("{{") == std::string::npos) {
    const Result<std::vector<std::string>> addresses = ParseMailAddresses(read.text());
    if (!addresses.ok())
      map.diagnostics().Add(map.Where(key), fmt::format("{}: {}", key, addresses.error().message));
  }
  return read;
}

std::map<std::string, NotificationTemplate> ReadHeaders(YamlMap& map, const Config& config,
                                                        const GlobalConfig& global) {
  std::map<std::string, NotificationTemplate> headers;
  for (auto& [name, text] : ReadTemplates(map, "headers", global)) {
    const std::string canonical = CanonicalHeaderName(name);
    if (canonical.empty()) {
      map.diagnostics().Add(map.Where("headers"),
                            fmt::format("headers: \"{}\" is no name of a header", name));
    } else if (!headers.emplace(canonical, text).second) {
      map.diagnostics().Add(map.Where("headers"),
                            fmt::format("headers: \"{}\" is given twice", canonical));
    }
  }
  constexpr std::string_view kSubject = R"({{ template "email.default.subject" . }})";
  headers.try_emplace("Subject", std::get<NotificationTemplate>(
                                     NotificationTemplate::Compile(kSubject, global.templates)));
  headers.try_emplace("To", config.to);
  headers.try_emplace("From", config.from);
  return headers;
}

Threading ReadThreading(YamlMap& map, const Config& config) {
  const YamlNode* node = map.Get("threading");
  if (node == nullptr) return Threading::kNone;
  YamlMap keys(*node, "threading", map.diagnostics());
  const bool enabled = keys.Bool("enabled").value_or(false);
  const std::string by_date = keys.String("thread_by_date").value_or("");
  if (!enabled) return Threading::kNone;
  if (by_date != "none" && by_date != "daily")
    map.diagnostics().Add(keys.Where("thread_by_date"), "thread_by_date: expected none or daily");
  for (const char* name : {"References", "In-Reply-To"}) {
    if (config.headers.contains(name))
      map.diagnostics().Add(node->where(), fmt::format("threading sets the header {}", name));
  }
  return by_date == "daily" ? Threading::kDaily : Threading::kOne;
}

void ReadServer(YamlMap& map, SmtpConfig smtp, MailServer& server) {
  Diagnostics& diagnostics = map.diagnostics();
  if (smtp.smarthost.empty())
    diagnostics.Add(map.node().where(), "email: no smarthost, here or smtp_smarthost under global");
  server = std::move(smtp.server);
  if (smtp.secret.empty()) return;
  if (!server.password.empty()) {
    diagnostics.Add(map.node().where(),
                    "email: give a password (PLAIN, LOGIN) or a secret (CRAM-MD5), not both");
  }
  server.password = std::move(smtp.secret);
  server.cram_md5 = true;
}

}  // namespace

std::shared_ptr<Integration> ReadEmail(YamlMap& map, Integration::Identity identity,
                                       const GlobalConfig& global) {
  Config config;
  SmtpConfig smtp = ReadSmtpConfig(map, "", global.smtp);
  config.from = ReadAddresses(map, "from", smtp.from, global);
  config.to = ReadAddresses(map, "to", "", global);
  ReadServer(map, std::move(smtp), config.server);
  config.server.allowed_networks = global.http.allowed_networks;
  config.html = ReadTemplate(map, "html", R"({{ template "email.default.html" . }})", global);
  config.text = ReadTemplate(map, "text", "", global);
  config.headers = ReadHeaders(map, config, global);
  config.threading = ReadThreading(map, config);
  return std::make_shared<Email>(std::move(identity), std::move(config));
}

}  // namespace tierwatch
