#include "alerts/rules/rule_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "alerts/rules/condition.h"
#include "alerts/rules/override.h"
#include "base/place.h"
#include "base/yaml.h"

namespace tierwatch {
namespace {

class RuleReader {
 public:
  RuleReader(std::string_view source, std::string file, const SignalTable& signals,
             const RuleDefaults& defaults, Diagnostics& diagnostics)
      : source_(source),
        file_(std::move(file)),
        signals_(signals),
        defaults_(defaults),
        diagnostics_(diagnostics) {}

  std::vector<RuleGroup> Read() {
    const auto root = YamlNode::Parse(source_, file_, diagnostics_);
    if (!root || root->IsNull()) return {};
    YamlMap map(*root, "rule file", diagnostics_);
    if (defaults_.ignore_unknown_fields) map.IgnoreUnknown();
    const YamlNode* groups = map.Get("groups");
    const YamlNode* alerts = map.Get("alerts");
    if (alerts && !groups) return {ReadSeedGroup(map, *alerts)};
    if (alerts) Report(alerts->where(), "a rule file holds \"groups\" or \"alerts\", not both");
    if (!alerts && root->IsMap() && !root->Find("groups") && !root->Find("alerts")) {
      Report(root->where(),
             "found neither \"groups\" (Prometheus's format) nor \"alerts\" (tierwatch's format)");
    }
    std::vector<RuleGroup> read;
    for (const YamlNode& node : Items(groups)) read.push_back(ReadGroup(node));
    return read;
  }

 private:
  /// What every rule of a group has in common is told once.
  void Report(const Location& where, std::string message) {
    if (reported_.emplace(where.ToString(), message).second)
      diagnostics_.Add(where, std::move(message));
  }
  void ReportIn(const YamlNode& scalar, const TextError& error, std::string_view prefix = "") {
    Report(PlaceInScalar(source_, scalar, error.offset), std::string(prefix) + error.message);
  }

  const std::vector<YamlNode>& Items(const YamlNode* node) {
    static const std::vector<YamlNode> kNone;
    if (!node) return kNone;
    if (!node->IsSequence())
      Report(node->where(), fmt::format("found {}, expected a list", node->Describe()));
    return node->items();
  }

  // ---- Prometheus's format

  RuleGroup ReadGroup(const YamlNode& node) {
    RuleGroup group;
    YamlMap map(node, "rule group", diagnostics_);
    if (defaults_.ignore_unknown_fields) map.IgnoreUnknown();
    group.file = file_;
    group.name = map.String("name").value_or("");
    if (group.name.empty()) Report(node.where(), "Groupname must not be empty");
    if (!group.name.empty() && !group_names_.insert(group.name).second) {
      Report(map.Where("name"),
             fmt::format("groupname: {} is repeated in the same file", Quote(group.name)));
    }
    group.interval = map.Duration("interval").value_or(Millis(0));
    if (group.interval.count() == 0) group.interval = defaults_.interval;
    group.query_offset = map.Duration("query_offset").value_or(defaults_.query_offset);
    group.limit =
        static_cast<int>(std::clamp<std::int64_t>(map.Int("limit").value_or(0), 0, 1'000'000'000));
    const YamlNode* group_labels = map.Get("labels");
    (void)ReadLabels({group_labels}, Rule::Kind::kRecording);  // a group may have no rules
    for (const YamlNode& rule : Items(map.Get("rules")))
      group.rules.push_back(ReadRule(rule, group_labels));
    return group;
  }

  Rule ReadRule(const YamlNode& node, const YamlNode* group_labels) {
    Rule rule;
    rule.where = node.where();
    YamlMap map(node, "rule", diagnostics_);
    if (defaults_.ignore_unknown_fields) map.IgnoreUnknown();
    const std::string record = map.String("record").value_or("");
    const std::string alert = map.String("alert").value_or("");
    if (!record.empty() && !alert.empty()) {
      Report(map.Where("alert"), "only one of 'record' and 'alert' must be set");
    }
    if (record.empty() && alert.empty())
      Report(rule.where, "one of 'record' or 'alert' must be set");
    rule.kind = alert.empty() ? Rule::Kind::kRecording : Rule::Kind::kAlerting;
    rule.name = alert.empty() ? record : alert;
    if (!record.empty()) CheckRecording(record, map);
    if (const YamlNode* expr = map.Get("expr"); expr && !expr->text().empty()) {
      SetExpression(rule, *expr);
    } else {
      Report(map.Where("expr"), "field 'expr' must be set in rule");
    }
    rule.hold = map.Duration("for").value_or(Millis(0));
    rule.keep_firing = map.Duration("keep_firing_for").value_or(Millis(0));
    rule.labels = ReadLabels({group_labels, map.Get("labels")}, rule.kind);
    rule.annotations = ReadTexts({map.Get("annotations")}, "annotation", rule.kind);
    return rule;
  }

  void CheckRecording(const std::string& record, YamlMap& map) {
    for (std::string_view field : {"annotations", "for", "keep_firing_for"}) {
      const YamlNode* value = map.Get(field);
      if (value && !(value->IsMap() && value->entries().empty()) && value->text() != "0s" &&
          value->text() != "0") {
        Report(map.Where(field), fmt::format("invalid field '{}' in recording rule", field));
      }
    }
    if (!IsUtf8(record))
      Report(map.Where("record"), "invalid recording rule name: " + Quote(record));
    if (record.find_first_of("{}") != std::string::npos) {
      Report(map.Where("record"),
             "braces present in the recording rule name; should it be in expr?: " + record);
    }
  }

  void SetExpression(Rule& rule, const YamlNode& node) {
    const Result<promql::ExprPtr> expr = promql::Parse(node.text());
    if (!expr.ok()) {
      return ReportIn(node, SplitPosition(node.text(), expr.error().message),
                      "could not parse expression: ");
    }
    // Beyond Prometheus, which finds out at every evaluation.
    const promql::ValueType type = promql::TypeOf(**expr);
    if (type != promql::ValueType::kVector && type != promql::ValueType::kScalar) {
      Report(node.where(), "a rule's expression gives an instant vector or a scalar");
    }
    rule.expr = *expr;
    rule.expr_text = promql::Print(**expr);
  }

  // ---- tierwatch's own format

  RuleGroup ReadSeedGroup(YamlMap& map, const YamlNode& alerts) {
    RuleGroup group;
    group.file = file_;
    group.name = std::filesystem::path(file_).stem().string();
    group.interval = map.Duration("interval").value_or(Millis(0));
    if (group.interval.count() == 0) group.interval = defaults_.interval;
    group.query_offset = defaults_.query_offset;
    for (const YamlNode& alert : Items(&alerts)) ReadSeedAlert(alert, group.rules);
    return group;
  }

  std::string RequiredText(YamlMap& map, std::string_view key) {
    const YamlNode* node = map.Require(key);
    if (!node) return "";
    if (!node->IsScalar() || node->text().empty()) {
      Report(node->where(), fmt::format("\"{}\" must not be empty", key));
    }
    return node->text();
  }

  /// Appends the alert's rule and one for each of its overrides.
  void ReadSeedAlert(const YamlNode& node, std::vector<Rule>& rules) {
    Rule rule;
    rule.where = node.where();
    YamlMap map(node, "alert", diagnostics_);
    if (defaults_.ignore_unknown_fields) map.IgnoreUnknown();
    rule.name = RequiredText(map, "name");
    const std::string severity = RequiredText(map, "severity");
    if (!RequiredText(map, "condition").empty()) SetCondition(rule, *map.Get("condition"));
    rule.hold = map.Duration("duration").value_or(Millis(0));
    rule.keep_firing = map.Duration("keep_firing_for").value_or(Millis(0));
    const YamlNode* labels = map.Get("labels");
    rule.labels = ReadLabels({labels}, rule.kind);
    Insert(rule.labels, "severity", severity, labels, map.Where("severity"));
    const YamlNode* annotations = map.Get("annotations");
    rule.annotations = ReadTexts({annotations}, "annotation", rule.kind);
    if (const auto runbook = map.String("runbook")) {
      Insert(rule.annotations, "runbook_url", *runbook, annotations, map.Where("runbook"));
    }
    std::vector<OverrideMatch> matches;
    std::vector<Rule> overrides;
    for (const YamlNode& override_node : Items(map.Get("overrides"))) {
      ReadOverride(override_node, rule, matches, overrides);
    }
    Restrict(rule, {}, matches);
    rules.push_back(std::move(rule));
    std::move(overrides.begin(), overrides.end(), std::back_inserter(rules));
  }

  /// The first override that matches a series is the one that counts.
  void ReadOverride(const YamlNode& node, const Rule& alert, std::vector<OverrideMatch>& matches,
                    std::vector<Rule>& overrides) {
    Rule rule = alert;
    rule.where = node.where();
    YamlMap map(node, "override", diagnostics_);
    if (defaults_.ignore_unknown_fields) map.IgnoreUnknown();
    if (const YamlNode* condition = map.Get("condition")) SetCondition(rule, *condition);
    rule.hold = map.Duration("duration").value_or(rule.hold);
    rule.keep_firing = map.Duration("keep_firing_for").value_or(rule.keep_firing);
    if (const auto severity = map.String("severity")) {
      for (TemplatedText& label : rule.labels) {
        if (label.name == "severity") label.text = Template::Plain(*severity);
      }
    }
    const bool enabled = map.Bool("enabled").value_or(true);
    if (!map.Require("match")) return;
    OverrideMatch match = map.StringMap("match");
    if (match.empty()) return Report(map.Where("match"), "\"match\" must name a label");
    for (const auto& [label, value] : match) {
      if (!IsLegacyLabelName(label) || label == kMetricName || !IsUtf8(value))
        return Report(map.Where("match"), "can't match the label " + Quote(label));
    }
    if (Restrict(rule, match, matches) && enabled) overrides.push_back(std::move(rule));
    matches.push_back(std::move(match));
  }

  /// Limits a rule to the series that match `own` and none of the overrides before.
  bool Restrict(Rule& rule, const OverrideMatch& own, const std::vector<OverrideMatch>& earlier) {
    if (!rule.expr || (own.empty() && earlier.empty())) return rule.expr != nullptr;
    const auto region = OverrideRegion(own, earlier);
    promql::ExprPtr expr;
    if (region && !region->empty()) expr = InRegion(rule.expr, *region);
    if (!expr) {
      Report(rule.where, region && region->empty()
                             ? "the overrides before match all that this one does"
                             : "the overrides have too many combinations of labels");
      return false;
    }
    rule.expr = std::move(expr);
    rule.expr_text = promql::Print(*rule.expr);
    return true;
  }

  void SetCondition(Rule& rule, const YamlNode& node) {
    const Parsed<std::string> compiled = CompileCondition(node.text(), signals_);
    if (const auto* error = std::get_if<TextError>(&compiled)) return ReportIn(node, *error);
    const Result<promql::ExprPtr> expr = promql::Parse(std::get<std::string>(compiled));
    if (!expr.ok())
      return Report(node.where(), "a signal's expression is wrong: " + expr.error().message);
    rule.expr = *expr;
    rule.expr_text = promql::Print(**expr);
  }

  void Insert(std::vector<TemplatedText>& texts, std::string_view name, const std::string& text,
              const YamlNode* written, const Location& where) {
    if (written && written->Find(name)) Report(where, fmt::format("{} is set twice", Quote(name)));
    const auto at = std::find_if(texts.begin(), texts.end(),
                                 [&](const TemplatedText& t) { return t.name >= name; });
    texts.insert(at, {std::string(name), Template::Plain(text)});
  }

  // ---- labels and annotations

  /// Of maps with one name the later one wins.
  std::vector<TemplatedText> ReadLabels(const std::vector<const YamlNode*>& maps, Rule::Kind kind) {
    for (const YamlNode* map : maps) {
      if (!map) continue;
      for (const YamlNode::Entry& entry : map->entries()) {
        if (entry.key == kMetricName) Report(entry.where, "invalid label name: __name__");
      }
    }
    return ReadTexts(maps, "label", kind);
  }

  std::vector<TemplatedText> ReadTexts(const std::vector<const YamlNode*>& maps,
                                       std::string_view what, Rule::Kind kind) {
    std::map<std::string, Template> texts;
    for (const YamlNode* map : maps) {
      if (!map) continue;
      if (!map->IsMap())
        Report(map->where(), fmt::format("found {}, expected a map of {}s", map->Describe(), what));
      for (const YamlNode::Entry& entry : map->entries())
        texts[entry.key] = ReadText(entry, what, kind);
    }
    std::vector<TemplatedText> sorted;
    for (auto& [name, text] : texts) sorted.push_back({name, std::move(text)});
    return sorted;
  }

  Template ReadText(const YamlNode::Entry& entry, std::string_view what, Rule::Kind kind) {
    if (entry.key.empty() || !IsUtf8(entry.key)) {
      Report(entry.where, fmt::format("invalid {} name: {}", what, Quote(entry.key)));
    }
    const YamlNode& node = entry.value;
    if (!node.IsScalar() && !node.IsNull()) {
      Report(node.where(),
             fmt::format("found {}, expected the text of a {}", node.Describe(), what));
    }
    if (!IsUtf8(node.text()))
      Report(node.where(), fmt::format("invalid {} value: not UTF-8", what));
    if (kind == Rule::Kind::kRecording) return Template::Plain(node.text());
    Parsed<Template> compiled = Template::Compile(node.text());
    if (const auto* error = std::get_if<TextError>(&compiled)) {
      ReportIn(node, *error, fmt::format("{} {}: ", what, Quote(entry.key)));
      return Template::Plain(node.text());
    }
    return std::get<Template>(std::move(compiled));
  }

  std::string_view source_;
  std::string file_;
  const SignalTable& signals_;
  const RuleDefaults& defaults_;
  Diagnostics& diagnostics_;
  std::set<std::string> group_names_;
  std::set<std::pair<std::string, std::string>> reported_;
};

}  // namespace

std::vector<RuleGroup> ReadRules(std::string_view text, const std::string& file,
                                 const SignalTable& signals, const RuleDefaults& defaults,
                                 Diagnostics& diagnostics) {
  return RuleReader(text, file, signals, defaults, diagnostics).Read();
}

}  // namespace tierwatch
