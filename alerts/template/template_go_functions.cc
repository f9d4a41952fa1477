// Go's predefined template functions, by the documentation of text/template.
#include <fmt/format.h>

#include <algorithm>

#include "alerts/template/go_format.h"
#include "alerts/template/go_printf.h"
#include "alerts/template/template_builtins.h"
#include "base/html.h"

namespace tierwatch::tmpl {
namespace {

Result<Value> Not(const CallContext&, const Arguments& args) { return Value{!IsTrue(args[0])}; }

/// `and` and `or` reach here only through a pipeline whose operands are values already.
Result<Value> And(const CallContext&, const Arguments& args) {
  const auto found =
      std::find_if(args.begin(), args.end(), [](const Value& v) { return !IsTrue(v); });
  return found == args.end() ? args.back() : *found;
}
Result<Value> Or(const CallContext&, const Arguments& args) {
  const auto found = std::find_if(args.begin(), args.end(), IsTrue);
  return found == args.end() ? args.back() : *found;
}

bool IsBasic(const Value& value) {
  return value.As<bool>() || value.As<std::int64_t>() || value.As<double>() ||
         value.As<std::string>();
}

Result<bool> Equal(const Value& a, const Value& b) {
  if (a.IsNil() || b.IsNil()) return a.IsNil() && b.IsNil();
  if (!IsBasic(a) || !IsBasic(b)) return Error{"non-comparable type"};
  if (a.v.index() != b.v.index()) return Error{"incompatible types for comparison"};
  if (const auto* d = a.As<double>()) return *d == *b.As<double>();
  return ToText(a) == ToText(b);
}

Result<bool> Less(const Value& a, const Value& b) {
  if (!IsBasic(a) || !IsBasic(b) || a.As<bool>()) return Error{"invalid type for comparison"};
  if (a.v.index() != b.v.index()) return Error{"incompatible types for comparison"};
  if (const auto* i = a.As<std::int64_t>()) return *i < *b.As<std::int64_t>();
  if (const auto* d = a.As<double>()) return *d < *b.As<double>();
  return *a.As<std::string>() < *b.As<std::string>();
}

Result<Value> Eq(const CallContext&, const Arguments& args) {
  for (std::size_t i = 1; i < args.size(); ++i) {
    const Result<bool> equal = Equal(args[0], args[i]);
    if (!equal.ok()) return equal.error();
    if (*equal) return Value{true};
  }
  return Value{false};
}

Result<Value> Ne(const CallContext&, const Arguments& args) {
  const Result<bool> equal = Equal(args[0], args[1]);
  if (!equal.ok()) return equal.error();
  return Value{!*equal};
}

Result<Value> Lt(const CallContext&, const Arguments& args) {
  const Result<bool> less = Less(args[0], args[1]);
  if (!less.ok()) return less.error();
  return Value{*less};
}

Result<Value> Le(const CallContext&, const Arguments& args) {
  const Result<bool> less = Less(args[0], args[1]);
  if (!less.ok()) return less.error();
  if (*less) return Value{true};
  return Value{*Equal(args[0], args[1])};
}

// As Go defines them: gt is not le, so a NaN is greater than anything.
Result<Value> Gt(const CallContext& context, const Arguments& args) {
  const Result<Value> le = Le(context, args);
  if (!le.ok()) return le.error();
  return Value{!IsTrue(*le)};
}
Result<Value> Ge(const CallContext& context, const Arguments& args) {
  const Result<Value> lt = Lt(context, args);
  if (!lt.ok()) return lt.error();
  return Value{!IsTrue(*lt)};
}

Result<Value> Len(const CallContext&, const Arguments& args) {
  const auto length = [](std::size_t n) { return Value{static_cast<std::int64_t>(n)}; };
  if (const auto* s = args[0].As<std::string>()) return length(s->size());
  if (const List* list = args[0].AsList()) return length(list->size());
  const Mapping* mapping = args[0].AsMapping();
  if (mapping && mapping->kind != Mapping::Kind::kStruct) return length(mapping->entries.size());
  return Error{fmt::format("len of type {}", TypeName(args[0]))};
}

Result<Value> IndexOne(const Value& container, const Value& key) {
  const Mapping* mapping = container.AsMapping();
  if (mapping && mapping->kind != Mapping::Kind::kStruct) {
    const auto* name = key.As<std::string>();
    if (!name) return Error{fmt::format("value has type {}; should be string", TypeName(key))};
    const auto found = mapping->entries.find(*name);
    if (found != mapping->entries.end()) return found->second;
    return mapping->kind == Mapping::Kind::kStrings ? Value{std::string()} : Value{};
  }
  const List* list = container.AsList();
  const auto* text = container.As<std::string>();
  if (!list && !text) return Error{fmt::format("can't index item of type {}", TypeName(container))};
  const auto* index = key.As<std::int64_t>();
  if (!index) return Error{fmt::format("cannot index slice/array with type {}", TypeName(key))};
  const std::size_t size = list ? list->size() : text->size();
  if (*index < 0 || static_cast<std::uint64_t>(*index) >= size) {
    return Error{fmt::format("index out of range: {}", *index)};
  }
  const auto at = static_cast<std::size_t>(*index);
  return list ? (*list)[at] : Value{std::int64_t{static_cast<unsigned char>((*text)[at])}};
}

Result<Value> Index(const CallContext&, const Arguments& args) {
  if (args[0].IsNil()) return Error{"index of untyped nil"};
  Value value = args[0];
  for (std::size_t i = 1; i < args.size(); ++i) {
    Result<Value> next = IndexOne(value, args[i]);
    if (!next.ok()) return next;
    value = std::move(next).value();
  }
  return value;
}

Result<Value> Slice(const CallContext&, const Arguments& args) {
  const List* list = args[0].AsList();
  const auto* text = args[0].As<std::string>();
  if (!list && !text) return Error{fmt::format("can't slice item of type {}", TypeName(args[0]))};
  if (args.size() > 3) return Error{"too many slice indexes"};
  const std::size_t size = list ? list->size() : text->size();
  std::size_t bounds[2] = {0, size};
  for (std::size_t i = 1; i < args.size(); ++i) {
    const auto* index = args[i].As<std::int64_t>();
    if (!index)
      return Error{fmt::format("cannot index slice/array with type {}", TypeName(args[i]))};
    if (*index < 0 || static_cast<std::uint64_t>(*index) > size) {
      return Error{fmt::format("index out of range: {}", *index)};
    }
    bounds[i - 1] = static_cast<std::size_t>(*index);
  }
  if (bounds[0] > bounds[1])
    return Error{fmt::format("invalid slice index: {} > {}", bounds[0], bounds[1])};
  if (text) return Value{text->substr(bounds[0], bounds[1] - bounds[0])};
  const auto begin = list->begin();
  return MakeList(List(begin + static_cast<std::ptrdiff_t>(bounds[0]),
                       begin + static_cast<std::ptrdiff_t>(bounds[1])));
}

Result<Value> Print(const CallContext&, const Arguments& args) { return Value{Sprint(args)}; }
Result<Value> Println(const CallContext&, const Arguments& args) { return Value{Sprintln(args)}; }
Result<Value> Printf(const CallContext&, const Arguments& args) {
  const auto* format = args[0].As<std::string>();
  if (!format) return Error{fmt::format("expected string; got {}", TypeName(args[0]))};
  return Value{Sprintf(*format, std::span(args).subspan(1))};
}

Result<Value> Html(const CallContext&, const Arguments& args) {
  return Value{EscapeHtml(Sprint(args))};
}

Result<Value> Js(const CallContext&, const Arguments& args) {
  std::string escaped;
  for (const char c : Sprint(args)) {
    if (c == '\\' || c == '\'' || c == '"') {
      escaped += {'\\', c};
    } else if (c == '<' || c == '>' || c == '&' || c == '=' || (c >= 0 && c < ' ')) {
      escaped += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      escaped += c;
    }
  }
  return Value{escaped};
}

Result<Value> UrlQuery(const CallContext&, const Arguments& args) {
  return Value{QueryEscape(Sprint(args))};
}

constexpr Function kFunctions[] = {
    {"and", "vv*", And},    {"or", "vv*", Or},          {"not", "v", Not},
    {"eq", "vvv*", Eq},     {"ne", "vv", Ne},           {"lt", "vv", Lt},
    {"le", "vv", Le},       {"gt", "vv", Gt},           {"ge", "vv", Ge},
    {"len", "v", Len},      {"index", "vv*", Index},    {"slice", "vv*", Slice},
    {"print", "v*", Print}, {"println", "v*", Println}, {"printf", "vv*", Printf},
    {"html", "v*", Html},   {"js", "v*", Js},           {"urlquery", "v*", UrlQuery},
};

}  // namespace

std::span<const Function> GoFunctions() { return kFunctions; }

}  // namespace tierwatch::tmpl
