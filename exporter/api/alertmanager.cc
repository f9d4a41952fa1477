#include "exporter/api/alertmanager.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "alerts/notify/silences.h"
#include "base/duration.h"
#include "build_info.inc"
#include "exporter/api/posted_alerts.h"

namespace tierwatch::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostNotifications = 1'000;

HttpReply Reply(int status, const Json& json) {
  return HttpReply::Of(status, "application/json",
                       json.dump(-1, ' ', false, Json::error_handler_t::replace));
}
// Its errors are JSON strings.
HttpReply Refuse(int status, const std::string& why) { return Reply(status, Json(why)); }

Json Object(const Labels& labels) {
  Json object = Json::object();
  for (const Label& label : labels) object[label.name] = label.value;
  return object;
}

Result<std::vector<AlertMatcher>> ReadFilters(const ServerRequest& request) {
  std::vector<AlertMatcher> filters;
  for (const std::string& text : request.Parameters("filter")) {
    Result<std::vector<AlertMatcher>> parsed = ParseAlertMatchers(text);
    if (!parsed.ok()) return std::move(parsed).error();
    std::ranges::move(*parsed, std::back_inserter(filters));
  }
  return filters;
}

bool MatchesAll(const std::vector<AlertMatcher>& filters, const Labels& labels) {
  return std::ranges::all_of(filters, [&](const AlertMatcher& m) { return m.Matches(labels); });
}

// Of another process, and its group has not been looked at since.
bool HasEnded(const Alert& alert, TimestampMs now) {
  return alert.ending != AlertEnding::kByRule && alert.valid_until <= now;
}

// Which alerts a request asks for.
struct AlertFilter {
  std::vector<AlertMatcher> matchers;
  std::optional<AlertMatchers> receiver;
  bool active = true, silenced = true;

  static Result<AlertFilter> Read(const ServerRequest& request) {
    AlertFilter filter;
    Result<std::vector<AlertMatcher>> matchers = ReadFilters(request);
    if (!matchers.ok()) return std::move(matchers).error();
    filter.matchers = *std::move(matchers);
    filter.active = request.Parameter("active").value_or("true") != "false";
    filter.silenced = request.Parameter("silenced").value_or("true") != "false";
    if (const auto receiver = request.Parameter("receiver"); receiver && !receiver->empty()) {
      Result<AlertMatcher> regex = AlertMatcher::Make("receiver", AlertMatch::kRegex, *receiver);
      if (!regex.ok()) return Error{"failed to parse receiver param: " + regex.error().message};
      filter.receiver.emplace().Add(*std::move(regex));
    }
    return filter;
  }

  bool WantsReceiver(const std::string& name) const {
    return !receiver || receiver->Matches(Labels({{"receiver", name}}));
  }
  bool Wants(const Alert& alert, bool is_silenced, TimestampMs now) const {
    if (alert.state != AlertState::kFiring || HasEnded(alert, now)) return false;
    return (is_silenced ? silenced : active) && MatchesAll(matchers, alert.labels);
  }
};

class AlertmanagerApi {
 public:
  AlertmanagerApi(Notifier& notifier, const Clock& clock) : notifier_(notifier), clock_(clock) {}

  HttpReply Alerts(const ServerRequest& request) const {
    const Result<AlertFilter> filter = AlertFilter::Read(request);
    if (!filter.ok()) return Refuse(400, filter.error().message);
    std::map<Labels, std::pair<Alert, std::set<std::string>>> alerts;
    for (const auto& group : notifier_.Groups()) {
      if (!filter->WantsReceiver(group.receiver)) continue;
      for (const Alert& alert : group.alerts) {
        auto& [kept, receivers] = alerts[alert.labels];
        kept = alert;
        receivers.insert(group.receiver);
      }
    }
    Json list = Json::array();
    for (const auto& [labels, entry] : alerts) {
      const auto silences = notifier_.silences().Silencing(labels, clock_.Now());
      if (filter->Wants(entry.first, !silences.empty(), clock_.Now()))
        list.push_back(Describe(entry.first, entry.second, silences));
    }
    return Reply(200, list);
  }

  // The valid ones are taken, whatever is wrong with the others.
  HttpReply Post(const ServerRequest& request) const {
    PostedAlerts posted = ReadPostedAlerts(request.body, clock_.Now(), notifier_.resolve_timeout());
    if (!posted.alerts.empty()) {
      const Result<void> accepted = notifier_.Accept(std::move(posted.alerts));
      if (!accepted.ok()) return Refuse(503, accepted.error().message + "; send them again");
    }
    return posted.error.empty() ? HttpReply::Of(200, "application/json", "")
                                : Refuse(400, posted.error);
  }

  HttpReply Groups(const ServerRequest& request) const {
    const Result<AlertFilter> filter = AlertFilter::Read(request);
    if (!filter.ok()) return Refuse(400, filter.error().message);
    Json list = Json::array();
    for (const auto& group : notifier_.Groups()) {
      if (!filter->WantsReceiver(group.receiver)) continue;
      Json alerts = Json::array();
      for (const Alert& alert : group.alerts) {
        const auto silences = notifier_.silences().Silencing(alert.labels, clock_.Now());
        if (filter->Wants(alert, !silences.empty(), clock_.Now()))
          alerts.push_back(Describe(alert, {group.receiver}, silences));
      }
      if (alerts.empty()) continue;
      list.push_back({{"alerts", std::move(alerts)},
                      {"labels", Object(group.labels)},
                      {"receiver", {{"name", group.receiver}}}});
    }
    return Reply(200, list);
  }

  HttpReply SilenceList(const ServerRequest& request) const {
    const Result<std::vector<AlertMatcher>> filters = ReadFilters(request);
    if (!filters.ok()) return Refuse(400, filters.error().message);
    Json list = Json::array();
    for (const Silence& silence : notifier_.silences().List(clock_.Now())) {
      std::vector<Label> named;
      for (const AlertMatcher& matcher : silence.matchers.list())
        named.push_back({matcher.name(), matcher.value()});
      if (MatchesAll(*filters, Labels(std::move(named)))) list.push_back(Describe(silence));
    }
    return Reply(200, list);
  }

  HttpReply SetSilence(const ServerRequest& request) const {
    Result<Silence> silence = ReadSilence(request.body);
    if (!silence.ok()) return Refuse(400, silence.error().message);
    std::string id;
    const auto error = notifier_.silences().Set(*std::move(silence), clock_.Now(), id);
    return error ? Refuse(*error) : Reply(200, Json{{"silenceID", id}});
  }

  HttpReply OneSilence(const ServerRequest& request) const {
    const std::string id = request.path.substr(request.path.rfind('/') + 1);
    if (request.method == "DELETE") {
      const auto error = notifier_.silences().Expire(id, clock_.Now());
      return error ? Refuse(*error) : HttpReply::Of(200, "application/json", "");
    }
    const std::optional<Silence> silence = notifier_.silences().Get(id);
    return silence ? Reply(200, Describe(*silence))
                   : Refuse(404, fmt::format("silence {} not found", id));
  }

  HttpReply Receivers() const {
    Json list = Json::array();
    for (const std::string& name : notifier_.ReceiverNames()) list.push_back({{"name", name}});
    return Reply(200, list);
  }

  HttpReply Status(const std::string& started) const {
    return Reply(200, {{"cluster", {{"status", "disabled"}, {"peers", Json::array()}}},
                       {"config", {{"original", ""}}},
                       {"uptime", started},
                       {"versionInfo",
                        {{"branch", ""},
                         {"buildDate", ""},
                         {"buildUser", ""},
                         {"goVersion", ""},
                         {"revision", TIERWATCH_REVISION},
                         {"version", TIERWATCH_VERSION}}}});
  }

  HttpReply Notifications() const {
    const auto history = notifier_.History(kMostNotifications);
    if (!history.ok()) return Refuse(500, history.error().message);
    Json list = Json::array();
    for (const NotificationRecord& record : *history) {
      Json& one = list.emplace_back(Json{{"id", record.id},
                                         {"queue", record.queue},
                                         {"groupKey", record.group_key},
                                         {"idempotencyKey", record.idempotency_key},
                                         {"alerts", record.summary},
                                         {"createdAt", FormatTimestamp(record.created_at)},
                                         {"outcome", record.outcome}});
      if (record.ended_at == 0) continue;
      one["endedAt"] = FormatTimestamp(record.ended_at);
      one["attempts"] = record.attempts;
      one["answer"] = record.reason;
    }
    for (const QueueStatus& member : notifier_.Forwarding()) {
      if (member.last) list.push_back(Describe(member));
    }
    return Reply(200, list);
  }

 private:
  // What is passed on is no notification: the last attempt stands for all.
  static Json Describe(const QueueStatus& member) {
    const std::string at = FormatTimestamp(member.last->at);
    return {{"queue", member.queue},
            {"groupKey", ""},
            {"alerts", fmt::format("{} waiting", member.pending)},
            {"createdAt", at},
            {"outcome", OutcomeName(member.last->outcome)},
            {"endedAt", at},
            {"attempts", member.last->attempt},
            {"answer", member.last->reason}};
  }

  static HttpReply Refuse(int status, const std::string& why) { return api::Refuse(status, why); }
  static HttpReply Refuse(const SilenceError& error) {
    const int status = error.kind == SilenceError::kInvalid    ? 400
                       : error.kind == SilenceError::kNotFound ? 404
                                                               : 500;
    return api::Refuse(status, error.message);
  }

  Json Describe(const Alert& alert, const std::set<std::string>& receivers,
                const std::vector<std::string>& silences) const {
    Json names = Json::array();
    for (const std::string& name : receivers) names.push_back({{"name", name}});
    return {{"annotations", Object(alert.annotations)},
            {"endsAt", FormatTimestamp(std::max(alert.valid_until, clock_.Now()))},
            {"fingerprint", fmt::format("{:016x}", alert.labels.Fingerprint())},
            {"receivers", std::move(names)},
            {"startsAt", FormatTimestamp(alert.fired_at)},
            {"status",
             {{"inhibitedBy", Json::array()},
              {"silencedBy", silences},
              {"state", silences.empty() ? "active" : "suppressed"}}},
            {"updatedAt", FormatTimestamp(clock_.Now())},
            {"generatorURL", alert.generator_url},
            {"labels", Object(alert.labels)}};
  }

  Json Describe(const Silence& silence) const {
    Json matchers = Json::array();
    for (const AlertMatcher& matcher : silence.matchers.list()) {
      const AlertMatch type = matcher.type();
      matchers.push_back({{"isEqual", type == AlertMatch::kEqual || type == AlertMatch::kRegex},
                          {"isRegex", type == AlertMatch::kRegex || type == AlertMatch::kNotRegex},
                          {"name", matcher.name()},
                          {"value", matcher.value()}});
    }
    return {{"id", silence.id},
            {"status", {{"state", SilenceStateName(silence.StateAt(clock_.Now()))}}},
            {"updatedAt", FormatTimestamp(silence.updated_at)},
            {"comment", silence.comment},
            {"createdBy", silence.created_by},
            {"endsAt", FormatTimestamp(silence.ends_at)},
            {"matchers", std::move(matchers)},
            {"startsAt", FormatTimestamp(silence.starts_at)}};
  }

  static Result<AlertMatcher> ReadMatcher(const Json& json) {
    const bool regex = json.at("isRegex").get<bool>();
    const bool equal = json.value("isEqual", true);
    const AlertMatch type = regex ? (equal ? AlertMatch::kRegex : AlertMatch::kNotRegex)
                                  : (equal ? AlertMatch::kEqual : AlertMatch::kNotEqual);
    return AlertMatcher::Make(json.at("name").get<std::string>(), type,
                              json.at("value").get<std::string>());
  }

  static Result<Silence> ReadSilence(const std::string& body) {
    try {
      const Json json = Json::parse(body);
      Silence silence;
      if (json.contains("id") && !json["id"].is_null()) json["id"].get_to(silence.id);
      json.at("createdBy").get_to(silence.created_by);
      json.at("comment").get_to(silence.comment);
      for (const Json& item : json.at("matchers")) {
        Result<AlertMatcher> matcher = ReadMatcher(item);
        if (!matcher.ok()) return std::move(matcher).error().In("invalid matcher");
        silence.matchers.Add(*std::move(matcher));
      }
      const Result<TimestampMs> start = ParseTimestamp(json.at("startsAt").get<std::string>());
      const Result<TimestampMs> end = ParseTimestamp(json.at("endsAt").get<std::string>());
      if (!start.ok()) return Error(start.error()).In("startsAt");
      if (!end.ok()) return Error(end.error()).In("endsAt");
      silence.starts_at = *start;
      silence.ends_at = *end;
      return silence;
    } catch (const Json::exception& exception) {
      return Error{fmt::format("bad silence: {}", exception.what()), Reason::kParse};
    }
  }

  Notifier& notifier_;
  const Clock& clock_;
};

}  // namespace

std::vector<Endpoint> AlertmanagerEndpoints(Notifier& notifier, const Clock& clock) {
  const auto api = std::make_shared<const AlertmanagerApi>(notifier, clock);
  const std::string started = FormatTimestamp(clock.Now());
  using Request = const ServerRequest&;
  const std::vector<std::string> get{"GET"};
  return {
      {"/api/v2/alerts",
       [api](Request request) {
         if (request.method == "GET") return api->Alerts(request);
         return api->Post(request);
       },
       {"GET", "POST"}},
      {"/api/v2/alerts/groups", [api](Request request) { return api->Groups(request); }, get},
      {"/api/v2/silences",
       [api](Request request) {
         return request.method == "GET" ? api->SilenceList(request) : api->SetSilence(request);
       },
       {"GET", "POST"}},
      {"/api/v2/silence/{id}",
       [api](Request request) { return api->OneSilence(request); },
       {"GET", "DELETE"}},
      {"/api/v2/receivers", [api](Request) { return api->Receivers(); }, get},
      {"/api/v2/status", [api, started](Request) { return api->Status(started); }, get},
      {"/api/v2/notifications", [api](Request) { return api->Notifications(); }, get},
  };
}

}  // namespace tierwatch::api
