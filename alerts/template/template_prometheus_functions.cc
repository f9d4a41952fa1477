// Prometheus's template functions. Source of their meaning: prometheus/template/template.go.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "alerts/template/go_format.h"
#include "alerts/template/letter_case.h"
#include "alerts/template/template_builtins.h"
#include "base/duration.h"

namespace tierwatch::tmpl {
namespace {

const std::string& Text(const Value& value) { return *value.As<std::string>(); }

Result<double> ToNumber(const Value& value) {
  if (const auto* d = value.As<double>()) return *d;
  if (const auto* i = value.As<std::int64_t>()) return static_cast<double>(*i);
  if (const auto* duration = value.As<Duration>()) return static_cast<double>(duration->ns) / 1e9;
  const auto* text = value.As<std::string>();
  if (!text) return Error{fmt::format("can't convert {} to float", TypeName(value))};
  std::string_view digits = *text;
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
  double number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) {
    return Error{fmt::format("strconv.ParseFloat: parsing {}: invalid syntax", Quote(*text))};
  }
  return number;
}

template <std::string (*kPrint)(double)>
Result<Value> Humanized(const CallContext&, const Arguments& args) {
  const Result<double> number = ToNumber(args[0]);
  if (!number.ok()) return number.error();
  return Value{kPrint(*number)};
}

Result<Value> TimeOf(double seconds) {
  const double ns = seconds * 1e9;
  if (!(ns > -9223372036854775808.0 && ns < 9223372036854775807.0)) {
    return Error{
        fmt::format("{} cannot be represented as a nanoseconds timestamp since it overflows int64",
                    FormatDouble(seconds, 'g', -1))};
  }
  return Value{Time{static_cast<std::int64_t>(ns) / 1'000'000}};
}

Result<Value> ToTime(const CallContext&, const Arguments& args) {
  const Result<double> seconds = ToNumber(args[0]);
  if (!seconds.ok()) return seconds.error();
  if (!std::isfinite(*seconds)) return Error{"NaN or Inf is no time"};
  return TimeOf(*seconds);
}

Result<Value> HumanizeTimestamp(const CallContext&, const Arguments& args) {
  const Result<double> seconds = ToNumber(args[0]);
  if (!seconds.ok()) return seconds.error();
  if (!std::isfinite(*seconds)) return Value{FormatDouble(*seconds, 'g', 4)};
  const Result<Value> time = TimeOf(*seconds);
  if (!time.ok()) return time.error();
  return Value{TimeText(*time->As<Time>())};
}

Result<Value> ToDuration(const CallContext&, const Arguments& args) {
  const Result<double> seconds = ToNumber(args[0]);
  if (!seconds.ok()) return seconds.error();
  const double ns = *seconds * 1e9;
  if (!(std::abs(ns) < 9.2e18))
    return Error{"cannot be represented as a duration since it overflows int64"};
  return Value{Duration{static_cast<std::int64_t>(ns)}};
}

Result<Value> Now(const CallContext& context, const Arguments&) {
  return Value{static_cast<double>(context.time) / 1000.0};
}

Result<Value> ParseDuration_(const CallContext&, const Arguments& args) {
  const Result<Millis> duration = ParseDuration(Text(args[0]));
  if (!duration.ok()) return duration.error();
  return Value{static_cast<double>(duration->count()) / 1000.0};
}

Result<Value> Query(const CallContext& context, const Arguments& args) {
  if (!context.query) return Error{"queries are not possible here"};
  const Result<std::vector<TemplateSample>> vector = context.query(Text(args[0]));
  if (!vector.ok()) return vector.error();
  List samples;
  for (const TemplateSample& sample : *vector) {
    samples.push_back(
        MakeStruct({{"Labels", MakeLabels(sample.labels)}, {"Value", Value{sample.value}}}));
  }
  return MakeList(std::move(samples));
}

Result<Value> First(const CallContext&, const Arguments& args) {
  const List& list = *args[0].AsList();
  if (list.empty()) return Error{"first() called on vector with no elements"};
  return list.front();
}

std::string LabelOf(const Value& sample, const std::string& name) {
  const Mapping* mapping = sample.AsMapping();
  const auto labels =
      mapping ? mapping->entries.find("Labels") : decltype(mapping->entries.end()){};
  if (!mapping || labels == mapping->entries.end() || !labels->second.AsMapping()) return "";
  const auto& entries = labels->second.AsMapping()->entries;
  const auto found = entries.find(name);
  return found == entries.end() ? "" : ToText(found->second);
}

Result<Value> LabelFunction(const CallContext&, const Arguments& args) {
  return Value{LabelOf(args[1], Text(args[0]))};
}

Result<Value> ValueFunction(const CallContext&, const Arguments& args) {
  const auto& entries = args[0].AsMapping()->entries;
  const auto found = entries.find("Value");
  return found == entries.end() ? Value{} : found->second;
}

Result<Value> StrValue(const CallContext&, const Arguments& args) {
  return Value{LabelOf(args[0], "__value__")};
}

Result<Value> SortByLabel(const CallContext&, const Arguments& args) {
  const std::string& name = Text(args[0]);
  List sorted = *args[1].AsList();
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Value& a, const Value& b) {
    return LabelOf(a, name) < LabelOf(b, name);
  });
  return MakeList(std::move(sorted));
}

Result<Value> Args(const CallContext&, const Arguments& args) {
  Mapping mapping{Mapping::Kind::kAny, {}};
  for (std::size_t i = 0; i < args.size(); ++i) mapping.entries[fmt::format("arg{}", i)] = args[i];
  return Value{std::make_shared<const Mapping>(std::move(mapping))};
}

RE2::Options QuietOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  return options;
}

/// Go's replacement: `$1`, `$name` (the longest name), `${1}`, `$$`; an unknown group is empty.
void AppendReplacement(std::string_view replacement, const RE2& regex,
                       const std::vector<re2::StringPiece>& groups, std::string& out) {
  for (std::size_t at = 0; at < replacement.size(); ++at) {
    if (replacement[at] != '$' || at + 1 == replacement.size()) {
      out += replacement[at];
      continue;
    }
    if (replacement[at + 1] == '$') {
      out += replacement[at++];
      continue;
    }
    const bool braces = replacement[at + 1] == '{';
    const std::size_t start = at + (braces ? 2 : 1);
    std::size_t end = start;
    while (end < replacement.size() &&
           (std::isalnum(static_cast<unsigned char>(replacement[end])) || replacement[end] == '_'))
      ++end;
    if (end == start || (braces && (end == replacement.size() || replacement[end] != '}'))) {
      out += '$';
      continue;
    }
    const std::string name(replacement.substr(start, end - start));
    std::size_t index = groups.size();
    if (std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      if (name.size() < 4) index = static_cast<std::size_t>(std::atoi(name.c_str()));
    } else if (const auto found = regex.NamedCapturingGroups().find(name);
               found != regex.NamedCapturingGroups().end()) {
      index = static_cast<std::size_t>(found->second);
    }
    if (index < groups.size())
      out.append(groups[index].data() ? groups[index].data() : "", groups[index].size());
    at = braces ? end : end - 1;
  }
}

/// Bytes of the character at `at`.
std::size_t CharacterLength(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  return end - at;
}

Result<Value> ReReplaceAll(const CallContext&, const Arguments& args) {
  constexpr std::size_t kLimit = 1 << 20;
  const RE2 regex(Text(args[0]), QuietOptions());
  if (!regex.ok()) return Error{"error parsing regexp: " + regex.error()};
  const std::string& text = Text(args[2]);
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) +
                                       1);
  std::string out;
  std::size_t copied = 0;  // everything before is in `out`
  for (std::size_t at = 0; at <= text.size();) {
    if (!regex.Match(text, at, text.size(), RE2::UNANCHORED, groups.data(),
                     static_cast<int>(groups.size())))
      break;
    const auto start = static_cast<std::size_t>(groups[0].data() - text.data());
    const std::size_t end = start + groups[0].size();
    out.append(text, copied, start - copied);
    // An empty match right behind another match is none, as in Go.
    if (end > copied || start == 0) AppendReplacement(Text(args[1]), regex, groups, out);
    if (out.size() > kLimit) return Error{"the replacement is larger than 1 MiB"};
    copied = end;
    at = std::max(end, at + (at < text.size() ? CharacterLength(text, at) : 1));
  }
  if (copied < text.size()) out.append(text, copied);
  return Value{out};
}

Result<Value> Match(const CallContext&, const Arguments& args) {
  const RE2 regex(Text(args[0]), QuietOptions());
  if (!regex.ok()) return Error{"error parsing regexp: " + regex.error()};
  return Value{RE2::PartialMatch(Text(args[1]), regex)};
}

template <std::string (*kChange)(std::string_view)>
Result<Value> Changed(const CallContext&, const Arguments& args) {
  return Value{kChange(Text(args[0]))};
}

Result<Value> GraphLink(const CallContext&, const Arguments& args) {
  return Value{"/graph?g0.expr=" + QueryEscape(Text(args[0])) + "&g0.tab=0"};
}
Result<Value> TableLink(const CallContext&, const Arguments& args) {
  return Value{"/graph?g0.expr=" + QueryEscape(Text(args[0])) + "&g0.tab=1"};
}

struct HostPort {
  std::string host;
  std::string port;
};

/// net.SplitHostPort; the whole text as host where it can't be split.
HostPort SplitHostPort(const std::string& text) {
  const HostPort whole{text, ""};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return whole;
  std::string host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (host.find(']') != host.size() - 1) return whole;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return whole;
  }
  if (host.find_first_of("[]") != std::string::npos ||
      text.find_first_of("[]", colon) != std::string::npos)
    return whole;
  return {host, text.substr(colon + 1)};
}

bool IsIpAddress(const std::string& host) {
  if (host.find(':') != std::string::npos)
    return host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string::npos;
  return std::count(host.begin(), host.end(), '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string::npos;
}

Result<Value> StripPort(const CallContext&, const Arguments& args) {
  return Value{SplitHostPort(Text(args[0])).host};
}

Result<Value> StripDomain(const CallContext&, const Arguments& args) {
  const HostPort split = SplitHostPort(Text(args[0]));
  if (IsIpAddress(split.host)) return args[0];
  const std::string host = split.host.substr(0, split.host.find('.'));
  return Value{split.port.empty() ? host : host + ":" + split.port};
}

Result<Value> PathPrefix(const CallContext& context, const Arguments&) {
  const std::string& url = context.external_url;
  const std::size_t scheme = url.find("://");
  const std::size_t path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  if (path == std::string::npos) return Value{std::string()};
  return Value{url.substr(path, url.find_first_of("?#", path) - path)};
}

Result<Value> ExternalUrl(const CallContext& context, const Arguments&) {
  return Value{context.external_url};
}
Result<Value> Same(const CallContext&, const Arguments& args) { return args[0]; }
Result<Value> EscapeQuery(const CallContext&, const Arguments& args) {
  return Value{QueryEscape(Text(args[0]))};
}

constexpr Function kFunctions[] = {
    {"query", "s", Query},
    {"first", "l", First},
    {"label", "sm", LabelFunction},
    {"value", "m", ValueFunction},
    {"strvalue", "m", StrValue},
    {"sortByLabel", "sl", SortByLabel},
    {"args", "v*", Args},
    {"humanize", "v", Humanized<Humanize>},
    {"humanize1024", "v", Humanized<Humanize1024>},
    {"humanizeDuration", "v", Humanized<HumanizeDuration>},
    {"humanizePercentage", "v", Humanized<HumanizePercentage>},
    {"humanizeTimestamp", "v", HumanizeTimestamp},
    {"toTime", "v", ToTime},
    {"toDuration", "v", ToDuration},
    {"now", "", Now},
    {"parseDuration", "s", ParseDuration_},
    {"reReplaceAll", "sss", ReReplaceAll},
    {"match", "ss", Match},
    {"title", "s", Changed<Title>},
    {"toUpper", "s", Changed<ToUpper>},
    {"toLower", "s", Changed<ToLower>},
    {"safeHtml", "s", Same},
    {"graphLink", "s", GraphLink},
    {"tableLink", "s", TableLink},
    {"stripPort", "s", StripPort},
    {"stripDomain", "s", StripDomain},
    {"pathPrefix", "", PathPrefix},
    {"externalURL", "", ExternalUrl},
    {"urlQueryEscape", "s", EscapeQuery},
};

}  // namespace

std::span<const Function> PrometheusFunctions() { return kFunctions; }

}  // namespace tierwatch::tmpl
