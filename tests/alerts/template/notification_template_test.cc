// Alertmanager's dialect: its functions and the methods of its data, by its documentation.
#include "alerts/template/notification_template.h"

#include <gtest/gtest.h>

namespace tierwatch {
namespace {

using tmpl::Value;

NotificationData Data() {
  const auto alert = [](const char* status, const char* tier) {
    return tmpl::MakeStruct({{"Status", Value{std::string(status)}},
                             {"Labels", tmpl::MakeLabels({{"alertname", "A"}, {"tier", tier}})},
                             {"StartsAt", Value{tmpl::Time{1'700'000'000'000}}}});
  };
  return {tmpl::MakeStruct(
              {{"Status", Value{std::string("firing")}},
               {"Alerts", tmpl::MakeList({alert("firing", "L1"), alert("resolved", "L2")})},
               {"CommonLabels", tmpl::MakeLabels({{"alertname", "A"},
                                                  {"Zone", "<z>"},
                                                  {"link", "javascript:alert"},
                                                  {"a", "x y&z"}})}}),
          "http://tw", 1'700'000'090'500};
}

std::string Expand(std::string_view text, bool html = false) {
  TemplateDefinitions definitions;
  EXPECT_TRUE(std::holds_alternative<bool>(
      definitions.Add(R"({{ define "shared" }}<i>{{ .Status }}</i>{{ end }})")));
  const auto compiled = NotificationTemplate::Compile(text, definitions);
  if (const auto* error = std::get_if<TextError>(&compiled)) return "refused: " + error->message;
  return std::get<NotificationTemplate>(compiled).Expand(Data(), html);
}

TEST(NotificationTemplateTest, Table) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({{ .Status | toUpper }})", "FIRING"},
      {R"({{ template "shared" . }})", "<i>firing</i>"},
      {R"({{ len .Alerts }} {{ .Alerts.Firing | len }} {{ len .Alerts.Resolved }})", "2 1 1"},
      {R"({{ range .Alerts.Resolved }}{{ .Labels.tier }}{{ end }})", "L2"},
      // alertname first, then by name: capitals before small letters.
      {R"({{ range .CommonLabels.SortedPairs }}{{ .Name }};{{ end }})", "alertname;Zone;a;link;"},
      {R"({{ .CommonLabels.Names | join "," }})", "alertname,Zone,a,link"},
      {R"({{ (.CommonLabels.Remove (stringSlice "link" "Zone")).Values | join "," }})", "A,x y&z"},
      {R"({{ .CommonLabels.SortedPairs.Values | join " " }})", "A <z> x y&z javascript:alert"},
      {R"({{ .CommonLabels.absent }}|{{ trimSpace "  a b " }})", "|a b"},
      {R"({{ title "ab cd" }} {{ toLower "AB" }} {{ match "^a" "ab" }})", "Ab Cd ab true"},
      {R"({{ reReplaceAll "(a)b" "${1}c" "abab" }})", "acac"},
      {R"({{ urlUnescape "a%20b+c" }})", "a b c"},
      {R"({{ (index .Alerts 0).StartsAt | date "2006-01-02T15:04:05Z07:00" }})",
       "2023-11-14T22:13:20Z"},
      {R"({{ (index .Alerts 0).StartsAt | tz "Europe/Berlin" | date "15:04 MST -0700" }})",
       "23:13 CET +0100"},
      {R"({{ (index .Alerts 0).StartsAt.Format "2006" }})", "2023"},
      {R"({{ since (index .Alerts 0).StartsAt }})", "1m30.5s"},
      {R"({{ humanizeDuration 90.0 }})", "1m 30s"},
      {R"({{ toJson .CommonLabels }})",
       R"({"Zone":"\u003cz\u003e","a":"x y\u0026z","alertname":"A","link":"javascript:alert"})"},
      {R"({{ toJson (index .Alerts 1).StartsAt }} {{ toJson (stringSlice "a" "b") }})",
       R"("2023-11-14T22:13:20Z" ["a","b"])"},
      // Prometheus's functions and variables are not there.
      {R"({{ query "up" }})", "refused: function \"query\" not defined"},
      {R"({{ $labels.a }})", "refused: undefined variable \"$labels\""},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(Expand(text), want) << text;
}

TEST(NotificationTemplateTest, HtmlIsEscapedButForWhatIsVouchedFor) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(<b>{{ .CommonLabels.Zone }}</b>)", "<b>&lt;z&gt;</b>"},
      {R"({{ .CommonLabels.Zone | safeHtml }})", "<z>"},
      {R"({{ template "shared" . }})", "<i>firing</i>"},
      {R"(<a href="{{ .CommonLabels.link }}">)", R"(<a href="#ZgotmplZ">)"},
      {R"(<a href="{{ "http://h/?a=1&b=2" }}">)", R"(<a href="http://h/?a=1&amp;b=2">)"},
      {R"({{ "'\"+" }})", "&#39;&#34;&#43;"},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(Expand(text, true), want) << text;
}

TEST(NotificationTemplateTest, FailuresStandInTheText) {
  EXPECT_EQ(Expand("a\n{{ .Nothing }}").substr(0, 31), "<error expanding template: 2:4:");
}

}  // namespace
}  // namespace tierwatch
