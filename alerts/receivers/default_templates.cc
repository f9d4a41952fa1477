// The templates that Alertmanager brings along. Pasted configurations call them by these names, so
// names and texts are its own (template/default.tmpl); a test holds the texts to what it says.
#include "alerts/receivers/global_config.h"

namespace tierwatch {

std::string_view DefaultTemplates() {
  return R"tmpl(
{{ define "__alertmanager" }}Alertmanager{{ end }}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}
{{ define "__subject" }}[{{ toUpper .Status }}{{ if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ end }}] {{ join " " .GroupLabels.SortedPairs.Values }} {{ if gt (len .CommonLabels) (len .GroupLabels) }}({{ with .CommonLabels.Remove .GroupLabels.Names }}{{ join " " .Values }}{{ end }}){{ end }}{{ end }}
{{ define "__pairs" }}{{ range . }} - {{ .Name }} = {{ .Value }}
{{ end }}{{ end }}
{{ define "__text_alert_list" }}{{ range . }}Labels:
{{ template "__pairs" .Labels.SortedPairs }}Annotations:
{{ template "__pairs" .Annotations.SortedPairs }}Source: {{ .GeneratorURL }}
{{ end }}{{ end }}
{{ define "slack.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "slack.default.username" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "slack.default.fallback" }}{{ template "slack.default.title" . }} | {{ template "slack.default.titlelink" . }}{{ end }}
{{ define "slack.default.callbackid" }}{{ end }}
{{ define "slack.default.pretext" }}{{ end }}
{{ define "slack.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "slack.default.iconemoji" }}{{ end }}
{{ define "slack.default.iconurl" }}{{ end }}
{{ define "slack.default.text" }}{{ end }}
{{ define "slack.default.footer" }}{{ end }}
{{ define "pagerduty.default.description" }}{{ template "__subject" . }}{{ end }}
{{ define "pagerduty.default.client" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "pagerduty.default.clientURL" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "pagerduty.default.instances" }}{{ template "__text_alert_list" . }}{{ end }}
{{ define "opsgenie.default.message" }}{{ template "__subject" . }}{{ end }}
{{ define "opsgenie.default.description" }}{{ join " " .CommonAnnotations.SortedPairs.Values }}
{{ if .Alerts.Firing }}Alerts Firing:
{{ template "__text_alert_list" .Alerts.Firing }}{{ end }}
{{ if .Alerts.Resolved }}Alerts Resolved:
{{ template "__text_alert_list" .Alerts.Resolved }}{{ end }}{{ end }}
{{ define "opsgenie.default.source" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "email.default.subject" }}{{ template "__subject" . }}{{ end }}
{{ define "__html_pairs" }}{{ range . }}<tr><td style="padding:1px 12px 1px 0;color:#666">{{ .Name }}</td><td>{{ .Value }}</td></tr>
{{ end }}{{ end }}
{{ define "__html_alert_list" }}{{ range . }}<table style="margin:0 0 16px;border-spacing:0">
{{ template "__html_pairs" .Labels.SortedPairs }}{{ template "__html_pairs" .Annotations.SortedPairs }}</table>
<p style="margin:0 0 16px"><a href="{{ .GeneratorURL }}">Source</a></p>
{{ end }}{{ end }}
{{ define "email.default.html" }}<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{{ template "__subject" . }}</title></head>
<body style="font:14px/1.5 sans-serif;color:#222;margin:16px">
<h2 style="margin:0 0 16px;font-size:18px">{{ len .Alerts }} alert{{ if gt (len .Alerts) 1 }}s{{ end }} for {{ range .GroupLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}</h2>
{{ if .Alerts.Firing }}<h3 style="color:#b00020">[{{ len .Alerts.Firing }}] Firing</h3>
{{ template "__html_alert_list" .Alerts.Firing }}{{ end }}{{ if .Alerts.Resolved }}<h3 style="color:#1b7f3b">[{{ len .Alerts.Resolved }}] Resolved</h3>
{{ template "__html_alert_list" .Alerts.Resolved }}{{ end }}<p><a href="{{ template "__alertmanagerURL" . }}">View in {{ template "__alertmanager" . }}</a></p>
</body></html>
{{ end }}
)tmpl";
}

}  // namespace tierwatch
