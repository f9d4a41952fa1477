#include "alerts/template/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "alerts/template/template_ast.h"
#include "alerts/template/template_functions.h"
#include "alerts/template/template_input.h"
#include "alerts/template/template_labels.h"
#include "alerts/template/template_parser.h"

namespace tierwatch {
namespace tmpl {
namespace {

constexpr std::size_t kMaxOutput = 64 << 10;
constexpr std::size_t kMaxHandled = 4 << 20;
constexpr int kMaxSteps = 100'000;
constexpr int kMaxQueries = 100;
constexpr int kMaxDepth = 200;  // of nested lists of nodes, through calls: bounds the stack

/// How the walk goes on behind a node.
enum class Flow { kNext, kBreak, kContinue, kStop };

/// Walks a program once. The first error stops everything: `error_` is looked at wherever work goes
/// on.
class Evaluation {
 public:
  Evaluation(const Program& program, const TemplateData& data, const TemplateQuery& query)
      : program_(program),
        query_([&](std::string_view expr) { return Query(query, expr); }),
        context_{data, query_} {
    const Value root = MakeStruct({{"Labels", MakeLabels(data.labels)},
                                   {"ExternalLabels", MakeLabels(data.external_labels)},
                                   {"ExternalURL", Value{data.external_url}},
                                   {"Value", Value{data.value}}});
    variables_.emplace_back("$", root);
    for (const auto& [variable, field] : kPreludeVariables) {
      variables_.emplace_back(variable, root.AsMapping()->entries.find(field)->second);
    }
    dot_ = root;
  }

  Parsed<std::string> Run() {
    Walk(program_.main);
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
    if (handled_ > kMaxHandled) Fail(offset, "the template handles too much data");
  }

  void Write(std::size_t offset, std::string_view text) {
    if (out_.size() + text.size() > kMaxOutput) {
      Fail(offset, fmt::format("the text is longer than {} bytes", kMaxOutput));
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
      if (++steps_ > kMaxSteps) Fail(node.offset, fmt::format("more than {} steps", kMaxSteps));
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
      if (!error_) Write(offset, value.IsNil() ? "<no value>" : ToText(value));
    }
    return Flow::kNext;
  }

  Flow Visit(const TemplateCall& call, std::size_t offset) {
    const auto found = program_.templates.find(call.name);
    if (found == program_.templates.end()) {
      Fail(offset, fmt::format("template {} not defined", Quote(call.name)));
      return Flow::kStop;
    }
    Value dot = call.pipeline.commands.empty() ? Value{} : Evaluate(call.pipeline);
    auto outer = std::exchange(variables_, {{"$", dot}});
    Value outer_dot = std::exchange(dot_, std::move(dot));
    Walk(found->second);
    dot_ = std::move(outer_dot);
    variables_ = std::move(outer);
    return Flow::kNext;
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
      for (std::int64_t i = 0; i < std::min<std::int64_t>(*count, kMaxSteps + 1); ++i) {
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
      if (++steps_ > kMaxSteps) Fail(offset, fmt::format("more than {} steps", kMaxSteps));
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
    if (++steps_ > kMaxSteps)
      return Fail(command.operands[0].offset, fmt::format("more than {} steps", kMaxSteps));
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
    Result<Value> result = Call(*FindFunction(name), context_, arguments);
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

  const Program& program_;
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
}  // namespace tmpl

Template Template::Plain(std::string_view text) {
  Template plain;
  plain.text_ = std::string(text);
  return plain;
}

Parsed<Template> Template::Compile(std::string_view text) {
  Template compiled = Plain(text);
  if (text.find("{{") == std::string_view::npos) return compiled;
  Parsed<tmpl::Program> program = tmpl::ParseTemplate(text);
  if (const auto* error = std::get_if<TextError>(&program)) return *error;
  compiled.input_ = tmpl::InputOf(std::get<tmpl::Program>(program));
  compiled.program_ =
      std::make_shared<const tmpl::Program>(std::move(std::get<tmpl::Program>(program)));
  return compiled;
}

std::vector<LabelUse> Template::LabelsShown() const {
  return program_ ? tmpl::LabelsShown(*program_) : std::vector<LabelUse>();
}

Result<std::string> Template::Expand(const TemplateData& data, const TemplateQuery& query) const {
  if (!program_) return text_;
  Parsed<std::string> expanded = tmpl::Evaluation(*program_, data, query).Run();
  if (auto* text = std::get_if<std::string>(&expanded)) return std::move(*text);
  const TextError& error = std::get<TextError>(expanded);
  const std::string_view before = std::string_view(text_).substr(0, error.offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return Error{fmt::format("{}:{}: {}", line, error.offset - start + 1, error.message)};
}

}  // namespace tierwatch
