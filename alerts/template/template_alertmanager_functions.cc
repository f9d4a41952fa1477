// Alertmanager's template functions and the methods of its data. Source of the semantics:
// alertmanager/template/template.go.
#include <fmt/format.h>

#include <algorithm>

#include "alerts/template/go_format.h"
#include "alerts/template/template_builtins.h"
#include "alerts/template/template_json.h"
#include "base/time_zone.h"

namespace tierwatch::tmpl {
namespace {

const std::string& Text(const Value& value) { return *value.As<std::string>(); }

Result<Value> TrimSpace(const CallContext&, const Arguments& args) {
  const std::string& text = Text(args[0]);
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return Value{std::string()};
  return Value{text.substr(first, text.find_last_not_of(kSpace) + 1 - first)};
}

Result<Value> Join(const CallContext&, const Arguments& args) {
  std::string joined;
  bool first = true;
  for (const Value& item : *args[1].AsList()) {
    if (!first) joined += Text(args[0]);
    first = false;
    joined += ToText(item);
  }
  return Value{joined};
}

Result<Value> Same(const CallContext&, const Arguments& args) { return args[0]; }

Result<Value> UrlUnescape(const CallContext&, const Arguments& args) {
  const std::string& text = Text(args[0]);
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const auto digit = [&](std::size_t at) {
      const std::size_t found = at < text.size()
                                    ? std::string_view("0123456789abcdefABCDEF").find(text[at])
                                    : std::string_view::npos;
      return found == std::string_view::npos ? -1
                                             : static_cast<int>(found > 15 ? found - 6 : found);
    };
    if (digit(i + 1) < 0 || digit(i + 2) < 0)
      return Error{fmt::format("invalid URL escape {}", Quote(text.substr(i, 3)))};
    plain += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
    i += 2;
  }
  return Value{plain};
}

Result<Value> StringSlice(const CallContext&, const Arguments& args) {
  return MakeList(List(args.begin(), args.end()));
}

Result<Value> Date(const CallContext&, const Arguments& args) {
  const auto* time = args[1].As<Time>();
  if (time == nullptr) return Error{fmt::format("expected a time, got {}", TypeName(args[1]))};
  return Value{FormatTime(*time, Text(args[0]))};
}

Result<Value> InZone(const CallContext&, const Arguments& args) {
  const auto* time = args[1].As<Time>();
  if (time == nullptr) return Error{fmt::format("expected a time, got {}", TypeName(args[1]))};
  const Result<TimeZone> zone = TimeZone::Load(Text(args[0]));
  if (!zone.ok()) return zone.error();
  const TimeZone::Offset offset = zone->At(time->ms);
  return Value{Time{time->ms, offset.seconds, offset.abbreviation}};
}

Result<Value> Since(const CallContext& context, const Arguments& args) {
  const auto* time = args[0].As<Time>();
  if (time == nullptr) return Error{fmt::format("expected a time, got {}", TypeName(args[0]))};
  constexpr TimestampMs kLongest = 9'223'372'036'854;  // what nanoseconds hold
  return Value{Duration{std::clamp(context.time - time->ms, -kLongest, kLongest) * 1'000'000}};
}

Result<Value> ToJson_(const CallContext&, const Arguments& args) { return Value{ToJson(args[0])}; }

constexpr Function kFunctions[] = {
    {"trimSpace", "s", TrimSpace},
    {"join", "sl", Join},
    {"safeUrl", "s", Same},
    {"urlUnescape", "s", UrlUnescape},
    {"stringSlice", "s*", StringSlice},
    {"date", "sv", Date},
    {"tz", "sv", InZone},
    {"since", "v", Since},
    {"toJson", "v", ToJson_},
};

// The part `name` of every element.
Value Each(const List& list, const std::string& name) {
  List parts;
  for (const Value& item : list) {
    const Mapping* mapping = item.AsMapping();
    const auto found =
        mapping == nullptr ? decltype(mapping->entries.end()){} : mapping->entries.find(name);
    if (mapping != nullptr && found != mapping->entries.end()) parts.push_back(found->second);
  }
  return MakeList(std::move(parts));
}

Value WithStatus(const List& list, std::string_view status) {
  List chosen;
  for (const Value& item : list) {
    const Mapping* mapping = item.AsMapping();
    if (mapping == nullptr) continue;
    const auto found = mapping->entries.find("Status");
    if (found != mapping->entries.end() && ToText(found->second) == status) chosen.push_back(item);
  }
  return MakeList(std::move(chosen));
}

// The pairs of a map: by name, `alertname` first.
List SortedPairs(const Mapping& mapping) {
  List pairs;
  const auto add = [&](const std::string& name, const Value& value) {
    pairs.push_back(MakeStruct({{"Name", Value{name}}, {"Value", value}}));
  };
  const auto first = mapping.entries.find("alertname");
  if (first != mapping.entries.end()) add(first->first, first->second);
  for (const auto& [name, value] : mapping.entries) {
    if (name != "alertname") add(name, value);
  }
  return pairs;
}

Result<Value> Without(const Mapping& mapping, const Arguments& arguments) {
  const List* names = arguments.size() == 1 ? arguments[0].AsList() : nullptr;
  if (names == nullptr) return Error{"Remove expects a list of names"};
  Mapping left = mapping;
  for (const Value& name : *names) left.entries.erase(ToText(name));
  return Value{std::make_shared<const Mapping>(std::move(left))};
}

}  // namespace

std::span<const Function> AlertmanagerFunctions() { return kFunctions; }

std::optional<Result<Value>> CallNotificationMethod(const Value& receiver, std::string_view name,
                                                    const Arguments& arguments) {
  if (const List* list = receiver.AsList()) {
    if (name == "Firing") return WithStatus(*list, "firing");
    if (name == "Resolved") return WithStatus(*list, "resolved");
    if (name == "Names") return Each(*list, "Name");
    if (name == "Values") return Each(*list, "Value");
  }
  const Mapping* mapping = receiver.AsMapping();
  if (mapping != nullptr && mapping->kind == Mapping::Kind::kStrings) {
    if (name == "SortedPairs") return MakeList(SortedPairs(*mapping));
    if (name == "Names") return Each(SortedPairs(*mapping), "Name");
    if (name == "Values") return Each(SortedPairs(*mapping), "Value");
    if (name == "Remove") return Without(*mapping, arguments);
  }
  return std::nullopt;
}

}  // namespace tierwatch::tmpl
