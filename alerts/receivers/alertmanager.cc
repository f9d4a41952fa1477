#include "alerts/receivers/alertmanager.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "alerts/receivers/http_attempt.h"
#include "alerts/receivers/http_config.h"
#include "base/duration.h"

namespace tierwatch {
namespace {

using Json = nlohmann::ordered_json;

constexpr Millis kTimeout{10'000};

Json Object(const Labels& labels) {
  Json object = Json::object();
  for (const Label& label : labels) object[label.name] = label.value;
  return object;
}

Json Describe(const Alert& alert) {
  const bool resolved = alert.state == AlertState::kResolved;
  const TimestampMs end = resolved ? alert.resolved_at : alert.valid_until;
  Json json{{"labels", Object(alert.labels)}, {"annotations", Object(alert.annotations)}};
  if (alert.fired_at != 0) json["startsAt"] = FormatTimestamp(alert.fired_at);
  if (end != 0) json["endsAt"] = FormatTimestamp(end);
  if (!alert.generator_url.empty()) json["generatorURL"] = alert.generator_url;
  return json;
}

class Alertmanager final : public Integration {
 public:
  Alertmanager(Identity identity, std::string url, Millis timeout, HttpOptions http)
      : Integration(std::move(identity)),
        url_(std::move(url)),
        timeout_(timeout),
        client_(std::move(http)) {}

  std::string Encode(const Notification& notification) const override {
    Json list = Json::array();
    for (const Alert& alert : notification.alerts) list.push_back(Describe(alert));
    return list.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  SendResult Send(const std::string& body, const SendContext& context) override {
    return AttemptHttp(client_, JsonPost(url_, body, timeout_), context).result;
  }

 private:
  const std::string url_;
  const Millis timeout_;
  HttpClient client_;
};

}  // namespace

std::vector<std::shared_ptr<Integration>> ReadAlertmanagers(const YamlNode& node,
                                                            const Integration::Identity& identity,
                                                            const GlobalConfig& global,
                                                            Diagnostics& diagnostics) {
  YamlMap map(node, "alertmanager", diagnostics);
  const HttpOptions http = ReadHttpConfigOr(map, global.http);
  const Millis timeout = map.Duration("timeout").value_or(kTimeout);
  map.Require("urls");
  std::vector<std::shared_ptr<Integration>> members;
  std::set<std::string> names;
  for (std::string text : map.Strings("urls")) {
    if (!IsHttpUrl(text)) {
      diagnostics.Add(map.Where("urls"), "urls: expected http://host[:port][/path] or https://…");
      continue;
    }
    const Result<Url> url = ParseUrl(text);
    while (text.ends_with('/')) text.pop_back();
    Integration::Identity member = identity;
    member.name += "/" + url->HostPort(url->scheme == "https" ? 443 : 80);
    if (!names.insert(member.name).second)
      diagnostics.Add(map.Where("urls"), fmt::format("urls: {} is given twice", member.name));
    members.push_back(
        std::make_shared<Alertmanager>(std::move(member), text + "/api/v2/alerts", timeout, http));
  }
  return members;
}

}  // namespace tierwatch
