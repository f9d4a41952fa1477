#include "alerts/template/template_input.h"

#include <algorithm>
#include <variant>

namespace tierwatch::tmpl {
namespace {

// Fields of the data, other than the value.
bool IsOfLabels(const std::string& field) {
  return field == "Labels" || field == "ExternalLabels" || field == "ExternalURL";
}

class Scan {
 public:
  void Of(const NodeList& nodes) {
    for (const Node& node : nodes) std::visit([this](const auto& kind) { Of(kind); }, node.kind);
  }
  TemplateInput found() const { return found_; }

 private:
  void Need(TemplateInput input) { found_ = std::max(found_, input); }

  void Of(const Text&) {}
  void Of(const Break&) {}
  void Of(const Continue&) {}
  void Of(const Action& action) { Of(action.pipeline); }
  void Of(const TemplateCall& call) { Of(call.pipeline); }
  void Of(const Branch& branch) {
    Of(branch.pipeline);
    Of(branch.body);
    Of(branch.otherwise);
  }
  void Of(const Pipeline& pipeline) {
    for (const Command& command : pipeline.commands) {
      for (const Operand& operand : command.operands) Of(operand);
    }
  }
  void Of(const Operand& operand) {
    const bool of_labels = !operand.fields.empty() && IsOfLabels(operand.fields[0]);
    if (const auto* inner = std::get_if<std::shared_ptr<const Pipeline>>(&operand.base)) {
      Of(**inner);
    } else if (const auto* function = std::get_if<FunctionName>(&operand.base)) {
      if (function->name == "query" || function->name == "now") Need(TemplateInput::kMoment);
    } else if (const auto* variable = std::get_if<Variable>(&operand.base)) {
      // Any other variable holds what a pipeline gave, and that was looked at.
      const bool root = variable->name == "$";
      if (variable->name == "$value" || (root && !of_labels)) Need(TemplateInput::kValue);
    } else if (std::holds_alternative<Dot>(operand.base) && !of_labels) {
      Need(TemplateInput::kValue);  // the data itself, or a part of it that is hard to tell
    }
  }

  TemplateInput found_ = TemplateInput::kLabels;
};

}  // namespace

TemplateInput InputOf(const Program& program) {
  Scan scan;
  scan.Of(program.main);
  for (const auto& [name, nodes] : program.templates) scan.Of(nodes);
  return scan.found();
}

}  // namespace tierwatch::tmpl
