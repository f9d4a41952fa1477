#include "alerts/template/template_evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "alerts/template/template_functions.h"
#include "alerts/template/template_parser.h"
#include "base/html.h"

namespace tierwatch::tmpl {
namespace {

constexpr int kMaxQueries = 100;
constexpr int kMaxDepth = 200;  // of nested lists of nodes, through calls: bounds the stack

/// How the walk goes on behind a node.
enum class Flow { kNext, kBreak, kContinue, kStop };

/// Whether the pipeline's last word vouches for the text: safeHtml or safeUrl.
bool IsVouchedFor(const Pipeline& pipeline) {
  const auto* function = std::get_if<FunctionName>(&pipeline.commands.back().operands[0].base);
  return function != nullptr && (function->name == "safeHtml" || function->name == "safeUrl");
}

/// A link to be followed by a person: relative, http, https or mailto, as html/template allows.
bool IsHarmlessLink(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.substr(0, colon).find('/') != std::string_view::npos)
    return true;
  std::string scheme(text.substr(0, colon));
  for (char& c : scheme) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return scheme == "http" || scheme == "https" || scheme == "mailto";
}

std::string EscapedForHtml(const Pipeline& pipeline, const std::string& text,
                           std::string_view before) {
  if (IsVouchedFor(pipeline)) return text;
  if ((before.ends_with("href=\"") || before.ends_with("src=\"")) && !IsHarmlessLink(text))
    return "#ZgotmplZ";
  // html/template escapes one more than text/template does.
  std::string escaped = EscapeHtml(text);
  for (std::size_t at = 0; (at = escaped.find('+', at)) != std::string::npos;)
    escaped.replace(at, 1, "&#43;");
  return escaped;
}

/// Walks a program once. The first error stops everything: `error_` is looked at wherever work goes
/// on.
class Evaluation {
 public:
  explicit Evaluation(const Task& task)
      : task_(task),
        query_([&](std::string_view expr) { return Query(task.query, expr); }),
        context_{task.external_url, task.time, query_},
        dot_(task.root) {
    variables_.emplace_back("$", task.root);
    if (task.dialect == Dialect::kNotifications) return;
    for (const auto& [variable, field] : kPreludeVariables) {
      variables_.emplace_back(variable, task.root.AsMapping()->entries.find(field)->second);
    }
  }

  Parsed<std::string> Run() {
    Walk(task_.program.main);
    if (error_) return *error_;
    return std::move(out_);
  }

 private:
  Value Fail(std::size_t offset, std::string message) {
    if (!error_) error_ = TextError{offset, std::move(message)};
    return {};
  }

  Result<std::vector<TemplateSample>> Query(const TemplateQuery& query, std::string_view expr) {
    if (!query) return Error{"queries are not possible here"};
    if (++queries_ > kMaxQueries)
      return Error{fmt::format("more than {} queries", kMaxQueries), Reason::kLimit};
    return query(expr);
  }

  void Spend(std::size_t offset, std::size_t bytes) {
    handled_ += bytes;
    if (handled_ > task_.limits.handled) Fail(offset, "the template handles too much data");
  }

  void Write(std::size_t offset, std::string_view text) {
    if (out_.size() + text.size() > task_.limits.output) {
      Fail(offset, fmt::format("the text is longer than {} bytes", task_.limits.output));
    } else {
      out_ += text;
    }
  }

  Flow Walk(const NodeList& nodes) {
    if (depth_ == kMaxDepth && !nodes.empty())
      Fail(nodes[0].offset, "exceeded maximum template depth");
    if (error_) return Flow::kStop;
    ++depth_;
    const Flow flow = WalkOpen(nodes);
    --depth_;
    return flow;
  }

  Flow WalkOpen(const NodeList& nodes) {
    for (const Node& node : nodes) {
      if (++steps_ > task_.limits.steps)
        Fail(node.offset, fmt::format("more than {} steps", task_.limits.steps));
      if (error_) return Flow::kStop;
      const Flow flow =
          std::visit([&](const auto& kind) { return Visit(kind, node.offset); }, node.kind);
      if (error_) return Flow::kStop;
      if (flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
  }

  Flow Visit(const Text& text, std::size_t offset) {
    Write(offset, text.text);
    return Flow::kNext;
  }
  Flow Visit(const Break&, std::size_t) { return Flow::kBreak; }
  Flow Visit(const Continue&, std::size_t) { return Flow::kContinue; }

  Flow Visit(const Action& action, std::size_t offset) {
    const Value value = Evaluate(action.pipeline);
    if (!error_ && action.pipeline.variables.empty()) {
      Spend(offset, SizeOf(value));
      if (!error_) Write(offset, Shown(action.pipeline, value));
    }
    return Flow::kNext;
  }

  std::string Shown(const Pipeline& pipeline, const Value& value) const {
    const std::string text = value.IsNil() ? (task_.html ? "" : "<no value>") : ToText(value);
    return task_.html ? EscapedForHtml(pipeline, text, out_) : text;
  }

  Flow Visit(const TemplateCall& call, std::size_t offset) {
    const NodeList* body = Find(call.name);
    if (body == nullptr) {
      Fail(offset, fmt::format("template {} not defined", Quote(call.name)));
      return Flow::kStop;
    }
    Value dot = call.pipeline.commands.empty() ? Value{} : Evaluate(call.pipeline);
    auto outer = std::exchange(variables_, {{"$", dot}});
    Value outer_dot = std::exchange(dot_, std::move(dot));
    Walk(*body);
    dot_ = std::move(outer_dot);
    variables_ = std::move(outer);
    return Flow::kNext;
  }

  /// The text's own definitions come before the shared ones.
  const NodeList* Find(const std::string& name) const {
    for (const Program* program : {&task_.program, task_.shared}) {
      if (program == nullptr) continue;
      const auto found = program->templates.find(name);
      if (found != program->templates.end()) return &found->second;
    }
    return nullptr;
  }

  Flow Visit(const Branch& branch, std::size_t offset) {
    const std::size_t scope = variables_.size();
    Flow flow = Flow::kNext;
    const Value value = Evaluate(branch.pipeline);
    if (error_) return Flow::kStop;
    if (branch.kind == Branch::Kind::kRange) {
      flow = Range(branch, value, offset);
    } else if (!IsTrue(value)) {
      flow = Walk(branch.otherwise);
    } else {
      const Value outer = dot_;
      if (branch.kind == Branch::Kind::kWith) dot_ = value;
      flow = Walk(branch.body);
      dot_ = outer;
    }
    variables_.resize(scope);
    return flow;
  }

  /// The pairs of index and element that a range walks through.
  std::optional<std::vector<std::pair<Value, Value>>> Elements(const Value& value) {
    std::vector<std::pair<Value, Value>> elements;
    if (const List* list = value.AsList()) {
      for (std::size_t i = 0; i < list->size(); ++i) {
        elements.emplace_back(Value{static_cast<std::int64_t>(i)}, (*list)[i]);
      }
    } else if (const auto* count = value.As<std::int64_t>()) {
      for (std::int64_t i = 0; i < std::min<std::int64_t>(*count, task_.limits.steps + 1); ++i) {
        elements.emplace_back(Value{i}, Value{i});
      }
    } else if (const Mapping* mapping = value.AsMapping();
               mapping && mapping->kind != Mapping::Kind::kStruct) {
      for (const auto& [key, element] : mapping->entries)
        elements.emplace_back(Value{key}, element);
    } else if (!value.IsNil()) {
      return std::nullopt;
    }
    return elements;
  }

  Flow Range(const Branch& branch, const Value& value, std::size_t offset) {
    const auto elements = Elements(value);
    if (!elements) {
      Fail(offset, fmt::format("range can't iterate over {}", ToText(value).substr(0, 100)));
      return Flow::kStop;
    }
    if (elements->empty()) return Walk(branch.otherwise);
    const Value outer = dot_;
    const std::size_t scope = variables_.size();
    Flow flow = Flow::kNext;
    for (const auto& [index, element] : *elements) {
      if (++steps_ > task_.limits.steps)
        Fail(offset, fmt::format("more than {} steps", task_.limits.steps));
      SetRangeVariables(branch.pipeline, index, element);
      dot_ = element;
      flow = Walk(branch.body);
      variables_.resize(scope);
      if (flow == Flow::kBreak || flow == Flow::kStop) break;
    }
    dot_ = outer;
    return flow == Flow::kStop ? flow : Flow::kNext;
  }

  /// The variables were made by Evaluate (declared) or exist already (assigned).
  void SetRangeVariables(const Pipeline& pipeline, const Value& index, const Value& element) {
    const auto& names = pipeline.variables;
    if (names.size() == 1) Variable_(names[0]) = element;
    if (names.size() == 2) {
      Variable_(names[0]) = index;
      Variable_(names[1]) = element;
    }
  }

  /// The parser has made sure that every variable exists.
  Value& Variable_(std::string_view name) {
    const auto found = std::find_if(variables_.rbegin(), variables_.rend(),
                                    [&](const auto& entry) { return entry.first == name; });
    return found->second;
  }

  Value Evaluate(const Pipeline& pipeline) {
    std::optional<Value> value;
    for (const Command& command : pipeline.commands) {
      if (error_) return {};
      value = Evaluate(command, std::exchange(value, std::nullopt));
    }
    if (error_) return {};
    for (const std::string& name : pipeline.variables) {
      if (pipeline.assigns) {
        Variable_(name) = *value;
      } else {
        variables_.emplace_back(name, *value);
      }
    }
    return std::move(*value);
  }

  /// `piped` is the value of the command before, the last argument of this one.
  Value Evaluate(const Command& command, std::optional<Value> piped) {
    if (++steps_ > task_.limits.steps)
      return Fail(command.operands[0].offset,
                  fmt::format("more than {} steps", task_.limits.steps));
    const Operand& first = command.operands[0];
    if (std::holds_alternative<FunctionName>(first.base) && first.fields.empty()) {
      return CallFunction(command, std::move(piped));
    }
    if (first.fields.empty() && (command.operands.size() > 1 || piped)) {
      return Fail(first.offset, "can't give argument to non-function");
    }
    if (std::holds_alternative<Nil>(first.base)) return Fail(first.offset, "nil is not a command");
    return Evaluate(first, &command, std::move(piped));
  }

  Arguments EvaluateArguments(const Command& command, std::optional<Value> piped) {
    Arguments arguments;
    for (std::size_t i = 1; i < command.operands.size() && !error_; ++i) {
      arguments.push_back(Evaluate(command.operands[i], nullptr, std::nullopt));
    }
    if (piped) arguments.push_back(std::move(*piped));
    return arguments;
  }

  Value CallFunction(const Command& command, std::optional<Value> piped) {
    const Operand& first = command.operands[0];
    const std::string& name = std::get<FunctionName>(first.base).name;
    if (name == "and" || name == "or") return ShortCircuit(command, name == "or", std::move(piped));
    const Arguments arguments = EvaluateArguments(command, std::move(piped));
    return CallWith(name, first.offset, arguments);
  }

  Value CallWith(std::string_view name, std::size_t offset, const Arguments& arguments) {
    for (const Value& argument : arguments) Spend(offset, SizeOf(argument));
    if (error_) return {};
    Result<Value> result = Call(*FindFunction(task_.dialect, name), context_, arguments);
    if (!result.ok()) return Fail(offset, result.error().message);
    Spend(offset, SizeOf(*result));
    return std::move(result).value();
  }

  /// Evaluates no argument behind the one that decides.
  Value ShortCircuit(const Command& command, bool decided_by, std::optional<Value> piped) {
    Value value;
    for (std::size_t i = 1; i < command.operands.size(); ++i) {
      value = Evaluate(command.operands[i], nullptr, std::nullopt);
      if (error_ || IsTrue(value) == decided_by) return value;
    }
    if (piped) return std::move(*piped);
    if (command.operands.size() > 1) return value;
    return Fail(command.operands[0].offset, "wrong number of args: want at least 1 got 0");
  }

  Value Base(const Operand& operand) {
    if (const auto* value = std::get_if<Value>(&operand.base)) return *value;
    if (std::holds_alternative<Dot>(operand.base)) return dot_;
    if (const auto* variable = std::get_if<Variable>(&operand.base))
      return Variable_(variable->name);
    if (const auto* function = std::get_if<FunctionName>(&operand.base)) {
      return CallWith(function->name, operand.offset, {});
    }
    if (const auto* pipeline = std::get_if<std::shared_ptr<const Pipeline>>(&operand.base)) {
      const std::size_t scope = variables_.size();
      Value value = Evaluate(**pipeline);
      variables_.resize(scope);
      return value;
    }
    return {};
  }

  /// `command` is set where the operand stands first in one: its last field may be a method that
  /// takes arguments.
  Value Evaluate(const Operand& operand, const Command* command, std::optional<Value> piped) {
    Value value = Base(operand);
    for (std::size_t i = 0; i < operand.fields.size() && !error_; ++i) {
      const bool last = i + 1 == operand.fields.size();
      Arguments arguments;
      if (last && command) arguments = EvaluateArguments(*command, std::move(piped));
      if (!error_) value = Field(value, operand.fields[i], arguments, operand.offset);
    }
    return value;
  }

  Value Field(const Value& value, const std::string& name, const Arguments& arguments,
              std::size_t offset) {
    if (auto called = CallMethod(value, name, arguments)) {
      if (!called->ok()) return Fail(offset, called->error().message);
      Spend(offset, SizeOf(**called));
      return std::move(*called).value();
    }
    if (task_.dialect == Dialect::kNotifications) {
      if (auto called = CallNotificationMethod(value, name, arguments)) {
        if (!called->ok()) return Fail(offset, called->error().message);
        Spend(offset, SizeOf(**called));
        return std::move(*called).value();
      }
    }
    const Mapping* mapping = value.AsMapping();
    if (!mapping) {
      if (value.IsNil())
        return Fail(offset, fmt::format("nil pointer evaluating interface {{}}.{}", name));
      return Fail(offset, fmt::format("can't evaluate field {} in type {}", name, TypeName(value)));
    }
    if (!arguments.empty())
      return Fail(offset, fmt::format("{} is not a method but has arguments", name));
    const auto found = mapping->entries.find(name);
    if (found != mapping->entries.end()) return found->second;
    if (mapping->kind == Mapping::Kind::kStruct) {
      return Fail(offset, fmt::format("can't evaluate field {} in type struct", name));
    }
    return mapping->kind == Mapping::Kind::kStrings ? Value{std::string()} : Value{};
  }

  const Task& task_;
  const TemplateQuery query_;
  const CallContext context_;
  Value dot_;
  std::vector<std::pair<std::string, Value>> variables_;  // the innermost last
  std::string out_;
  int steps_ = 0;
  int queries_ = 0;
  int depth_ = 0;
  std::size_t handled_ = 0;
  std::optional<TextError> error_;
};

}  // namespace

Result<std::string> Run(const Task& task, std::string_view text) {
  Parsed<std::string> expanded = Evaluation(task).Run();
  if (auto* result = std::get_if<std::string>(&expanded)) return std::move(*result);
  const TextError& error = std::get<TextError>(expanded);
  const std::string_view before = text.substr(0, std::min(error.offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return Error{fmt::format("{}:{}: {}", line, before.size() - start + 1, error.message)};
}

}  // namespace tierwatch::tmpl
