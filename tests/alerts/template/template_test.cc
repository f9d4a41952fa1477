// Expected texts are what Go's text/template and Prometheus's documentation give for the same
// template.
#include "alerts/template/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tierwatch {
namespace {

const TemplateData kData{{{"__name__", "up"}, {"instance", "db-1:5432"}, {"service", "orgs"}},
                         1234567,
                         {{"cluster", "eu-1"}},
                         "https://tw.example.org/prefix",
                         1'700'000'000'500};

using Samples = std::vector<TemplateSample>;

Result<Samples> TwoSamples(std::string_view expr) {
  if (expr == "none") return Samples{};
  if (expr == "broken") return Error{"query failed"};
  return Samples{{{{"instance", "b"}}, 21}, {{{"instance", "a"}, {"__value__", "v"}}, 11}};
}

std::string Expand(std::string_view text, const TemplateData& data = kData) {
  const Parsed<Template> compiled = Template::Compile(text);
  if (const auto* error = std::get_if<TextError>(&compiled)) {
    return "PARSE " + std::to_string(error->offset) + " " + error->message;
  }
  const Result<std::string> expanded = std::get<Template>(compiled).Expand(data, TwoSamples);
  return expanded.ok() ? *expanded : "FAIL " + expanded.error().message;
}

struct Case {
  std::string_view text;
  std::string_view want;
};

void Check(std::initializer_list<Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(Expand(c.text), c.want) << c.text;
}

TEST(Template, KnowsTheAlert) {
  Check({{"plain text", "plain text"},
         {"{{ $labels.instance }} {{ .Labels.service }}", "db-1:5432 orgs"},
         {"{{ $labels.absent }}|", "|"},
         {"{{ $value }} {{ .Value }}", "1.234567e+06 1.234567e+06"},
         {"{{ $externalLabels.cluster }} {{ $externalURL }}", "eu-1 https://tw.example.org/prefix"},
         {"{{ $labels }}", "map[__name__:up instance:db-1:5432 service:orgs]"},
         {"{{ pathPrefix }} {{ externalURL }}", "/prefix https://tw.example.org/prefix"},
         {"{{ now }}", "1.7000000005e+09"}});
}

TEST(Template, SpeaksGo) {
  Check({{"{{if and true 0}}a{{else if or false \"x\"}}b{{else}}c{{end}}", "b"},
         {"{{with \"\"}}a{{else}}b{{end}}", "b"},
         {"{{with $x := 5}}{{$x}}{{.}}{{end}}", "55"},
         {"{{range 3}}{{.}}{{end}}", "012"},
         {"{{range $i, $x := args \"a\" 2}}{{$i}}={{$x}} {{end}}", "arg0=a arg1=2 "},
         {"{{range 5}}{{if eq . 2}}{{continue}}{{end}}{{if eq . 4}}{{break}}{{end}}{{.}}{{end}}",
          "013"},
         {"{{range query \"none\"}}x{{else}}none{{end}}", "none"},
         {"a  {{- 1 -}}  b {{/* c */ -}} c", "a1b c"},
         {"{{define \"t\"}}[{{.}}]{{end}}{{template \"t\" 5}}{{block \"u\" \"z\"}}<{{.}}>{{end}}",
          "[5]<z>"},
         {"{{define \"x\"}}{{.arg0}} {{.arg1}}{{end}}{{template \"x\" (args 1 \"2\")}}", "1 2"},
         {"{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}", "2"},
         {"{{1 | printf \"%d-%d\" 2}}", "2-1"},
         {"{{eq 1 2 1}} {{ne \"a\" \"b\"}} {{lt 1 2}} {{ge 2.5 2.5}} {{not 0}}",
          "true true true true true"},
         {"{{\"a\\tb\\u00e9\\x41\"}} {{'a'}} {{0x1F}} {{1e3}} {{1_000}} {{-5}} {{.5}}",
          "a\tb\u00e9A 97 31 1000 1000 -5 0.5"},
         {"{{`raw\\n`}}", "raw\\n"},
         {"{{true}} {{print nil}}", "true <nil>"},
         {"{{len \"abc\"}} {{index \"abc\" 1}} {{slice \"abcdef\" 1 3}}", "3 98 bc"},
         {"{{html \"<a&'\\\">\"}}", "&lt;a&amp;&#39;&#34;&gt;"},
         {"{{js \"it's <b>\"}}", "it\\'s \\u003Cb\\u003E"},
         {"{{urlquery \"a b&c\"}}", "a+b%26c"},
         {"{{print 1 2 \"a\" \"b\" 3}}", "1 2ab3"},
         {"{{println 1 \"a\"}}", "1 a\n"},
         {"{{and 1 2 3}} {{or 0 \"\" \"z\"}} {{true | not}}", "3 z false"},
         {"{{or true (index $labels 5)}}", "true"},
         {"{{(args).Foo}}", "<no value>"}});
}

TEST(Template, PrintsLikeGo) {
  Check({{"{{printf \"%5.1f|%-5d|%05d|%x|%q|%v|%t|%+d|%e|%g|%s\" 3.14159 42 42 \"hi\" \"a\\\"b\" "
          "1.5 true 7 "
          "12345.678 1e6 \"x\"}}",
          "  3.1|42   |00042|6869|\"a\\\"b\"|1.5|true|+7|1.234568e+04|1e+06|x"},
         {"{{printf \"%d %s\" \"hi\" 1.5}}", "%!d(string=hi) %!s(float64=1.5)"},
         {"{{printf \"%d\"}}", "%!d(MISSING)"},
         {"{{printf \"%d\" 1 2}}", "1%!(EXTRA int=2)"},
         {"{{printf \"%*d|%.2s|%6.2f|%c|%U|%X\" 5 42 \"hello\" 2.0 65 65 \"hi\"}}",
          "   42|he|  2.00|A|U+0041|6869"},
         {"{{printf \"%[2]d %[1]d\" 1 2}}", "2 1"},
         {"{{printf \"%6.3v|%08.3f|%+.2e|% d\" 3.14159 -3.14159 12345.6789 42}}",
          "  3.14|-003.142|+1.23e+04| 42"},
         {"{{printf \"%t %s %d\" 1 true nil}}", "%!t(int=1) %!s(bool=true) %!d(<nil>)"},
         {"{{printf \"%q %x %08b %o %#x\" 'x' 255 5 8 255}}", "'x' ff 00000101 10 0xff"},
         {"{{printf \"%999999d\" 1}}", "%!(BADWIDTH)1"}});
}

TEST(Template, HasPrometheussFunctions) {
  Check(
      {{"{{ humanize $value }} {{ humanize \".12\" }} {{ humanize 0.0 }} {{ humanize -1 }}",
        "1.235M 120m 0 -1"},
       {"{{ humanize1024 1048576 }} {{ humanize1024 0.12 }} {{ humanize1024 1234567 }}",
        "1Mi 0.12 1.177Mi"},
       {"{{ -0.22222 | humanizePercentage }} {{ humanizePercentage 0.1234567 }}", "-22.22% 12.35%"},
       {"{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"},
       {"{{ humanizeTimestamp -1 }}", "1969-12-31 23:59:59 +0000 UTC"},
       {"{{ humanize \"+Inf\" }} {{ humanizeDuration \"NaN\" }} {{ humanizeTimestamp \"-Inf\" }}",
        "+Inf NaN -Inf"},
       {"{{ (1435065584.128 | toTime).Format \"2006\" }}", "2015"},
       {"{{ (toTime 0).Format \"Mon Jan _2 15:04:05.000 MST 2006\" }}",
        "Thu Jan  1 00:00:00.000 UTC 1970"},
       {"{{ toDuration 3725.5 }} {{ (toDuration 90).Minutes }}", "1h2m5.5s 1.5"},
       {"{{ \"aa bb CC\" | title }} {{ \"aA \u00e9\" | toUpper }} {{ \"aA \u00c9\" | toLower }}",
        "Aa Bb CC AA \u00c9 aa \u00e9"},
       {"{{ match \"a+\" \"aa\" }} {{ match \"a+\" \"b\" }}", "true false"},
       {"{{ reReplaceAll \"(a)b\" \"x$1\" \"ab\" }} {{ reReplaceAll \"x*\" \"-\" \"abxc\" }}",
        "xa -a-b-c-"},
       {"{{ reReplaceAll \"(?P<n>[a-z]+)-.*\" \"${n}!$$\" \"pod-7\" }}", "pod!$"},
       {"{{ graphLink \"up\" }} {{ tableLink \"up > 1\" }}",
        "/graph?g0.expr=up&g0.tab=0 /graph?g0.expr=up+%3E+1&g0.tab=1"},
       {"{{ \"[2001:0DB8::1]:12345\" | stripPort }} {{ \"a.b:1\" | stripPort }} {{ \"2001::1\" | "
        "stripPort }}",
        "2001:0DB8::1 a.b 2001::1"},
       {"{{ \"foo.example.com:12345\" | stripDomain }} {{ \"192.0.2.1\" | stripDomain }}",
        "foo:12345 192.0.2.1"},
       {"{{ printf \"%0.2f\" (parseDuration \"1h2m10ms\") }}", "3720.01"},
       {"{{ query \"m\" | first | value }} {{ query \"m\" | first | label \"instance\" }}", "21 b"},
       {"{{ range query \"m\" | sortByLabel \"instance\" }}{{.Labels.instance}}:{{.Value}}: "
        "{{end}}",
        "a:11: b:21: "},
       {"{{ $x := query \"m\" | first }}{{ $x.Labels.foo }}{{ strvalue (index (query \"m\") 1) }}",
        "v"}});
}

TEST(Template, HumanizesDurations) {
  const std::pair<double, std::string_view> cases[] = {
      {0, "0s"},
      {1, "1s"},
      {60, "1m 0s"},
      {3600, "1h 0m 0s"},
      {86400, "1d 0h 0m 0s"},
      {.1, "100ms"},
      {.0001, "100us"},
      {.12345, "123.5ms"},
      {60.5, "1m 0s"},
      {1.2345, "1.234s"},
      {12.345, "12.35s"},
      {899.99, "14m 59s"},
      {-(86400 * 2 + 3600 * 3 + 60 * 4 + 5), "-2d 3h 4m 5s"}};
  for (const auto& [seconds, want] : cases) {
    TemplateData data = kData;
    data.value = seconds;
    EXPECT_EQ(Expand("{{ humanizeDuration $value }}", data), want);
  }
}

TEST(Template, RefusesWhatGoRefuses) {
  Check({{"ab{{", "PARSE 2 unclosed action"},
         {"{{if}}x{{end}}", "PARSE 4 missing value for if"},
         {"{{end}}", "PARSE 0 unexpected {{end}} or {{else}}"},
         {"{{range $labels}}", "PARSE 0 {{range}} without {{end}}"},
         {"{{ nope 1 }}", "PARSE 3 function \"nope\" not defined"},
         {"x {{$u}}", "PARSE 4 undefined variable \"$u\""},
         {"{{\"a\"\"b\"}}", "PARSE 5 unexpected \"\\\"\" in operand"},
         {"{{break}}", "PARSE 0 {{break}} outside {{range}}"},
         {"{{\xC2\xA0}}", "PARSE 2 function \"\\xa0\" not defined"},
         {"{{eq 1 1.0}}", "FAIL 1:3: error calling eq: incompatible types for comparison"},
         {"{{$labels.a.b}}", "FAIL 1:3: can't evaluate field b in type string"},
         {"{{ .Foo }}", "FAIL 1:4: can't evaluate field Foo in type struct"},
         {"{{1 2}}", "FAIL 1:3: can't give argument to non-function"},
         {"{{nil}}", "FAIL 1:3: nil is not a command"},
         {"\n{{ humanize \"one\" }}",
          "FAIL 2:4: error calling humanize: strconv.ParseFloat: parsing \"one\": invalid syntax"},
         {"{{ query \"none\" | first }}",
          "FAIL 1:19: error calling first: first() called on vector with no elements"},
         {"{{ query \"broken\" }}", "FAIL 1:4: error calling query: query failed"},
         {"{{ reReplaceAll \"(\" \"\" \"\" }}",
          "FAIL 1:4: error calling reReplaceAll: error parsing regexp: missing ): ("},
         {"{{template \"nope\"}}", "FAIL 1:1: template \"nope\" not defined"}});
}

TEST(Template, CannotHangOrGrow) {
  EXPECT_THAT(Expand("{{range 100000}}{{range 100000}}{{end}}{{end}}"),
              testing::HasSubstr("steps"));
  EXPECT_THAT(Expand("{{range 100000}}0123456789{{end}}"), testing::HasSubstr("longer than 65536"));
  EXPECT_THAT(Expand("{{define \"r\"}}{{template \"r\"}}{{end}}{{template \"r\"}}"),
              testing::HasSubstr("depth"));
  EXPECT_THAT(Expand("{{$x := args 1 1}}{{range 60}}{{$x = args $x $x}}{{end}}{{$x}}"),
              testing::HasSubstr("too much"));
  EXPECT_THAT(Expand("{{$x := \"0123456789\"}}{{range 60}}{{$x = print $x $x}}{{end}}"),
              testing::HasSubstr("too much"));
  EXPECT_THAT(Expand("{{range 200}}{{query \"none\"}}{{end}}"), testing::HasSubstr("100 queries"));
  EXPECT_THAT(Expand("{{" + std::string(5000, '(') + "1" + std::string(5000, ')') + "}}"),
              testing::HasSubstr("nested"));
  std::string nested;
  for (int i = 0; i < 5000; ++i) nested += "{{if 1}}";
  EXPECT_THAT(Expand(nested), testing::HasSubstr("nested"));
}

// Each of these would take minutes or gigabytes if only its output were bounded.
TEST(Template, CannotBeMadeToWorkForNothing) {
  const std::string ten = "{{$x := \"0123456789\"}}";
  const std::string half = ten + "{{range 15}}{{$x = print $x $x}}{{end}}";  // 320 KiB
  const std::string list = "{{$q := query \"m\"}}";
  const std::pair<std::string, const char*> cases[] = {
      {"{{define \"a\"}}{{template \"b\" .}}{{template \"b\" .}}{{end}}"
       "{{define \"b\"}}{{if .}}{{template \"a\" .}}{{end}}{{end}}{{template \"a\" 1}}",
       "exceeded maximum template depth"},
      {"{{range 100000}}{{with 1}}{{end}}{{end}}", "more than 100000 steps"},
      {"{{range 9223372036854775807}}{{end}}", "more than 100000 steps"},
      {"{{range -5}}x{{else}}none{{end}}", "none"},
      {"{{printf \"%1000000000s\" \"x\"}}", "%!(BADWIDTH)x"},
      {"{{printf \"%.1000000000f\" 1.5}}", "%!(BADPREC)"},
      {"{{printf \"%*d\" 1000000000 1}}", "%!(BADWIDTH)1"},
      {"{{len (printf \"%10000s%10000s\" \"x\" \"y\")}}", "20000"},
      {"{{range 1000}}{{$x := printf \"%10000s\" \"\"}}{{end}}", "too much data"},
      {half + "{{range 100}}{{$y := toUpper $x}}{{end}}", "too much data"},
      {half + "{{$y := reReplaceAll \"\" \"0123456789\" $x}}", "larger than 1 MiB"},
      {ten + "{{range 12}}{{$x = reReplaceAll \"[0-9]\" \"$0$0$0$0\" $x}}{{end}}", "1 MiB"},
      {ten + "{{range 12}}{{$x = reReplaceAll \".*\" \"$0$0$0$0\" $x}}{{end}}", "1 MiB"},
      {"{{reReplaceAll \"((a{1000}){1000}){1000}\" \"\" \"a\"}}", "error parsing regexp"},
      {"{{match \"(x+x+)+y\" \"" + std::string(10'000, 'x') + "\"}}", "false"},
      {list + "{{range 100000}}{{range $q}}{{end}}{{end}}", "more than 100000 steps"},
      {list + "{{range 60}}{{$q = args $q $q}}{{end}}{{printf \"%v\" $q}}", "too much data"},
  };
  for (const auto& [text, want] : cases)
    EXPECT_THAT(Expand(text), testing::HasSubstr(want)) << text;
}

TEST(Template, AQueryWithAHugeResultIsRefused) {
  const Parsed<Template> compiled =
      Template::Compile("{{ range query \"everything\" }}{{ .Labels.series }}{{ end }}");
  const TemplateQuery everything = [](std::string_view) -> Result<Samples> {
    Samples samples;
    for (int i = 0; i < 300'000; ++i) {
      samples.push_back({{{"series", std::to_string(i)}, {"service", "orgs"}}, 1.0});
    }
    return samples;
  };
  const Result<std::string> expanded = std::get<Template>(compiled).Expand(kData, everything);
  ASSERT_FALSE(expanded.ok());
  EXPECT_THAT(expanded.error().message, testing::HasSubstr("too much data"));
}

TEST(Template, KnowsWhatItLooksAt) {
  const std::pair<const char*, TemplateInput> kCases[] = {
      {"plain", TemplateInput::kLabels},
      {"{{ $labels.a }} {{ .Labels.b }} {{ $.Labels.c }} {{ $externalURL }}",
       TemplateInput::kLabels},
      {"{{ if eq $labels.a \"x\" }}y{{ else }}{{ $externalLabels.c }}{{ end }}",
       TemplateInput::kLabels},
      {"{{ $v := $labels.a }}{{ $v | toUpper }}", TemplateInput::kLabels},
      {"{{ $value }}", TemplateInput::kValue},
      {"{{ .Value }}", TemplateInput::kValue},
      {"{{ $.Value | humanize }}", TemplateInput::kValue},
      {"{{ $v := $value }}{{ printf \"%f\" $v }}", TemplateInput::kValue},
      {"{{ with . }}{{ .Value }}{{ end }}", TemplateInput::kValue},
      {"{{ define \"t\" }}{{ .Value }}{{ end }}{{ template \"t\" . }}", TemplateInput::kValue},
      {"{{ if $labels.a }}{{ if $labels.b }}{{ $value }}{{ end }}{{ end }}", TemplateInput::kValue},
      {"{{ now }}", TemplateInput::kMoment},
      {"{{ ((toTime now).Format \"2006\") }}", TemplateInput::kMoment},
      {"{{ range query \"up\" }}{{ .Value }}{{ end }}", TemplateInput::kMoment},
      {"{{ $value }}{{ with printf \"up\" | query }}{{ . | first | value }}{{ end }}",
       TemplateInput::kMoment},
  };
  for (const auto& [text, input] : kCases) {
    const Parsed<Template> compiled = Template::Compile(text);
    ASSERT_TRUE(std::holds_alternative<Template>(compiled)) << text;
    EXPECT_EQ(std::get<Template>(compiled).input(), input) << text;
  }
}

}  // namespace
}  // namespace tierwatch
