#include "exporter/api/rules.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <tuple>

#include "alerts/template/go_format.h"
#include "exporter/api/envelope.h"
#include "exporter/api/parameters.h"

namespace tierwatch::api {
namespace {

using Groups = std::vector<GroupStatus>;

double Seconds(Millis span) { return static_cast<double>(span.count()) / 1000; }

void WriteAlert(JsonWriter& json, const Alert& alert) {
  json.BeginObject().Key("labels").LabelSet(alert.labels);
  json.Key("annotations").LabelSet(alert.annotations);
  json.Key("state").String(AlertStateName(alert.state));
  json.Key("activeAt").Time(alert.active_at);
  if (alert.keep_firing_since != 0) json.Key("keepFiringSince").Time(alert.keep_firing_since);
  json.Key("value").String(tmpl::FormatDouble(alert.value, 'e', -1)).EndObject();
}

Labels Texts(const std::vector<TemplatedText>& texts) {
  std::vector<Label> labels;
  for (const TemplatedText& text : texts) labels.push_back({text.name, text.text.text()});
  return Labels(std::move(labels));
}

std::string_view StateOf(const RuleStatus& rule) {
  if (rule.last_evaluation == 0) return "unknown";
  AlertState state = AlertState::kInactive;
  for (const Alert& alert : rule.alerts) {
    if (alert.state == AlertState::kFiring) return AlertStateName(alert.state);
    if (alert.state == AlertState::kPending) state = alert.state;
  }
  return AlertStateName(state);
}

void WriteRule(JsonWriter& json, const RuleStatus& status, bool exclude_alerts) {
  const Rule& rule = status.rule;
  const bool alerting = rule.kind == Rule::Kind::kAlerting;
  const Labels labels = Texts(rule.labels);
  json.BeginObject();
  if (alerting) json.Key("state").String(StateOf(status));
  json.Key("name").String(rule.name).Key("query").String(rule.expr_text);
  if (alerting) {
    json.Key("duration").Number(Seconds(rule.hold));
    json.Key("keepFiringFor").Number(Seconds(rule.keep_firing));
  }
  if (alerting || !labels.empty()) json.Key("labels").LabelSet(labels);
  if (alerting) {
    json.Key("annotations").LabelSet(Texts(rule.annotations)).Key("alerts");
    if (exclude_alerts) {
      json.Null();
    } else {
      json.BeginArray();
      for (const Alert& alert : status.alerts) WriteAlert(json, alert);
      json.EndArray();
    }
  }
  const bool bad = !status.last_error.empty();
  json.Key("health").String(bad ? "err" : status.last_evaluation == 0 ? "unknown" : "ok");
  if (bad) json.Key("lastError").String(status.last_error);
  json.Key("evaluationTime").Number(status.last_duration_seconds);
  json.Key("lastEvaluation").Time(status.last_evaluation);
  json.Key("type").String(alerting ? "alerting" : "recording").EndObject();
}

// What a request for rules asks for.
struct Filter {
  std::set<std::string> rules, groups, files;
  std::vector<std::vector<series::Matcher>> matchers;
  bool alerting = true, recording = true;
  bool exclude_alerts = false;
  std::size_t page = 0;  // groups in a page; 0: all
  std::string token;     // of the page's first group

  static bool Passes(const std::set<std::string>& allowed, const std::string& name) {
    return allowed.empty() || allowed.contains(name);
  }
  bool Takes(const Rule& rule) const {
    if (rule.kind == Rule::Kind::kAlerting ? !alerting : !recording) return false;
    if (!Passes(rules, rule.name)) return false;
    const Labels labels = Texts(rule.labels);
    const auto satisfies = [&](const std::vector<series::Matcher>& set) {
      return std::all_of(set.begin(), set.end(), [&](const series::Matcher& matcher) {
        return matcher.Matches(labels.Get(matcher.name()));
      });
    };
    return matchers.empty() || std::any_of(matchers.begin(), matchers.end(), satisfies);
  }
};

Result<std::size_t> ReadPage(const ServerRequest& request, const std::string& token) {
  const std::string text = request.Parameter("group_limit").value_or("");
  if (text.empty() && !token.empty()) {
    return BadParameter("group_next_token",
                        "group_limit needs to be present in order to paginate over the groups");
  }
  if (text.empty()) return std::size_t{0};
  std::int32_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc{} || end != text.data() + text.size()) {
    const bool large = error == std::errc::result_out_of_range;
    return BadParameter("group_limit",
                        fmt::format("group_limit needs to be a valid number: strconv.ParseInt: "
                                    "parsing {}: {}",
                                    Quote(text), large ? "value out of range" : "invalid syntax"));
  }
  if (limit <= 0) return BadParameter("group_limit", "group_limit needs to be greater than 0");
  return static_cast<std::size_t>(limit);
}

Result<bool> ReadBool(const ServerRequest& request, std::string_view name) {
  const std::string text = ReadWord(request, name);
  if (text.empty() || text == "0" || text == "f" || text == "false") return false;
  if (text == "1" || text == "t" || text == "true") return true;
  return BadParameter(
      name, fmt::format("error converting {}: strconv.ParseBool: parsing {}: invalid syntax", name,
                        Quote(text)));
}

Result<Filter> ReadFilter(const ServerRequest& request) {
  Filter filter;
  const auto names = [&](std::string_view parameter) {
    const std::vector<std::string> all = request.Parameters(parameter);
    return std::set<std::string>(all.begin(), all.end());
  };
  filter.rules = names("rule_name[]");
  filter.groups = names("rule_group[]");
  filter.files = names("file[]");
  auto matchers = ReadMatchers(request);
  if (!matchers.ok()) return std::move(matchers).error();
  filter.matchers = *std::move(matchers);
  const std::string type = ReadWord(request, "type");
  if (!type.empty() && type != "alert" && type != "record")
    return BadParameter("type", fmt::format("not supported value {}", Quote(type)));
  filter.alerting = type != "record";
  filter.recording = type != "alert";
  const Result<bool> exclude = ReadBool(request, "exclude_alerts");
  if (!exclude.ok()) return exclude.error();
  filter.exclude_alerts = *exclude;
  filter.token = request.Parameter("group_next_token").value_or("");
  const Result<std::size_t> page = ReadPage(request, filter.token);
  if (!page.ok()) return page.error();
  filter.page = *page;
  return filter;
}

void WriteGroup(JsonWriter& json, const GroupStatus& group,
                const std::vector<const RuleStatus*>& rules, bool exclude_alerts) {
  json.BeginObject().Key("name").String(group.name).Key("file").String(group.file);
  json.Key("rules").BeginArray();
  for (const RuleStatus* rule : rules) WriteRule(json, *rule, exclude_alerts);
  json.EndArray().Key("interval").Number(Seconds(group.interval));
  json.Key("limit").Integer(group.limit);
  json.Key("evaluationTime").Number(group.last_duration_seconds);
  json.Key("lastEvaluation").Time(group.last_evaluation).EndObject();
}

Groups Sorted(Groups groups) {
  std::stable_sort(groups.begin(), groups.end(), [](const GroupStatus& a, const GroupStatus& b) {
    return std::tie(a.file, a.name) < std::tie(b.file, b.name);
  });
  return groups;
}

Result<Answer> AnswerRules(const Groups& groups, const ServerRequest& request) {
  const Result<Filter> filter = ReadFilter(request);
  if (!filter.ok()) return filter.error();
  const auto first = filter->token.empty()
                         ? groups.begin()
                         : std::find_if(groups.begin(), groups.end(), [&](const GroupStatus& g) {
                             return GroupToken(g) == filter->token;
                           });
  if (!filter->token.empty() && first == groups.end()) {
    return BadParameter(
        "group_next_token",
        fmt::format("invalid group_next_token '{}'. were rule groups changed?", filter->token));
  }
  Answer answer;
  std::string next;
  std::size_t written = 0;
  answer.data.BeginObject().Key("groups").BeginArray();
  for (auto group = first; group != groups.end(); ++group) {
    if (!Filter::Passes(filter->groups, group->name)) continue;
    if (!Filter::Passes(filter->files, group->file)) continue;
    std::vector<const RuleStatus*> rules;
    for (const RuleStatus& rule : group->rules) {
      if (filter->Takes(rule.rule)) rules.push_back(&rule);
    }
    if (rules.empty()) continue;
    if (filter->page > 0 && written == filter->page) {
      next = GroupToken(*group);
      break;
    }
    ++written;
    WriteGroup(answer.data, *group, rules, filter->exclude_alerts);
    if (answer.data.size() > kLongestAnswer) return TooLong();
  }
  answer.data.EndArray();
  if (!next.empty()) answer.data.Key("groupNextToken").String(next);
  answer.data.EndObject();
  return answer;
}

Result<Answer> AnswerAlerts(const Groups& groups) {
  Answer answer;
  answer.data.BeginObject().Key("alerts").BeginArray();
  for (const GroupStatus& group : groups) {
    for (const RuleStatus& rule : group.rules) {
      for (const Alert& alert : rule.alerts) WriteAlert(answer.data, alert);
    }
    if (answer.data.size() > kLongestAnswer) return TooLong();
  }
  answer.data.EndArray().EndObject();
  return answer;
}

}  // namespace

std::string GroupToken(const GroupStatus& group) {
  const std::string text = group.file + ";" + group.name;
  std::array<unsigned char, 32> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  std::string token;
  for (const unsigned char byte : digest) token += fmt::format("{:02x}", byte);
  return token;
}

std::vector<Endpoint> RuleEndpoints(std::function<Groups()> groups) {
  return {
      OnGet("rules",
            [groups](const ServerRequest& request) {
              return AnswerRules(Sorted(groups()), request);
            }),
      OnGet("alerts", [groups](const ServerRequest&) { return AnswerAlerts(Sorted(groups())); })};
}

}  // namespace tierwatch::api
