#include "alerts/template/template_value.h"

#include "alerts/template/go_format.h"

namespace tierwatch::tmpl {

const List* Value::AsList() const {
  const auto* list = As<std::shared_ptr<const List>>();
  return list ? list->get() : nullptr;
}

const Mapping* Value::AsMapping() const {
  const auto* mapping = As<std::shared_ptr<const Mapping>>();
  return mapping ? mapping->get() : nullptr;
}

Value MakeList(List items) { return {std::make_shared<const List>(std::move(items))}; }

Value MakeLabels(const Labels& labels) {
  Mapping mapping{Mapping::Kind::kStrings, {}};
  for (const Label& label : labels) mapping.entries[label.name] = Value{label.value};
  return {std::make_shared<const Mapping>(std::move(mapping))};
}

Value MakeStruct(std::map<std::string, Value, std::less<>> fields) {
  return {std::make_shared<const Mapping>(Mapping{Mapping::Kind::kStruct, std::move(fields)})};
}

bool IsTrue(const Value& value) {
  if (const auto* b = value.As<bool>()) return *b;
  if (const auto* i = value.As<std::int64_t>()) return *i != 0;
  if (const auto* d = value.As<double>()) return *d != 0;
  if (const auto* s = value.As<std::string>()) return !s->empty();
  if (const auto* list = value.AsList()) return !list->empty();
  if (const auto* mapping = value.AsMapping()) {
    return mapping->kind == Mapping::Kind::kStruct || !mapping->entries.empty();
  }
  return !value.IsNil();
}

std::string_view TypeName(const Value& value) {
  switch (value.v.index()) {
    case 0:
      return "nil";
    case 1:
      return "bool";
    case 2:
      return "int";
    case 3:
      return "float64";
    case 4:
      return "string";
    case 5:
      return "time.Time";
    case 6:
      return "time.Duration";
    case 7:
      return "list";
    default:
      break;
  }
  switch (value.AsMapping()->kind) {
    case Mapping::Kind::kStrings:
      return "map[string]string";
    case Mapping::Kind::kAny:
      return "map[string]interface {}";
    case Mapping::Kind::kStruct:
      break;
  }
  return "struct";
}

namespace {

std::string MappingText(const Mapping& mapping) {
  const bool is_struct = mapping.kind == Mapping::Kind::kStruct;
  std::string text = is_struct ? "{" : "map[";
  bool first = true;
  for (const auto& [key, value] : mapping.entries) {
    if (!first) text += ' ';
    first = false;
    if (!is_struct) text += key + ':';
    text += ToText(value);
  }
  return text + (is_struct ? '}' : ']');
}

}  // namespace

std::string ToText(const Value& value) {
  if (const auto* b = value.As<bool>()) return *b ? "true" : "false";
  if (const auto* i = value.As<std::int64_t>()) return std::to_string(*i);
  if (const auto* d = value.As<double>()) return FormatDouble(*d, 'g', -1);
  if (const auto* s = value.As<std::string>()) return *s;
  if (const auto* time = value.As<Time>()) return TimeText(*time);
  if (const auto* duration = value.As<Duration>()) return DurationText(duration->ns);
  if (const auto* list = value.AsList()) {
    std::string text = "[";
    for (const Value& item : *list) {
      if (text.size() > 1) text += ' ';
      text += ToText(item);
    }
    return text + "]";
  }
  if (const auto* mapping = value.AsMapping()) return MappingText(*mapping);
  return "<nil>";
}

std::size_t SizeOf(const Value& value) {
  std::size_t size = sizeof(Value);
  if (const auto* s = value.As<std::string>()) size += s->size();
  if (const auto* list = value.AsList()) {
    for (const Value& item : *list) size += SizeOf(item);
  }
  if (const auto* mapping = value.AsMapping()) {
    for (const auto& [key, item] : mapping->entries) size += key.size() + SizeOf(item);
  }
  return size;
}

}  // namespace tierwatch::tmpl
