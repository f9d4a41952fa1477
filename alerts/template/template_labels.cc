#include "alerts/template/template_labels.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace tierwatch::tmpl {
namespace {

class Walker {
 public:
  void Walk(const NodeList& nodes, bool own_dot) {
    for (const Node& node : nodes) {
      if (const auto* action = std::get_if<Action>(&node.kind)) Walk(action->pipeline, own_dot);
      if (const auto* call = std::get_if<TemplateCall>(&node.kind)) Walk(call->pipeline, own_dot);
      if (const auto* branch = std::get_if<Branch>(&node.kind)) Walk(*branch, own_dot);
    }
  }
  std::vector<LabelUse> shown;

 private:
  void Walk(const Branch& branch, bool own_dot) {
    const std::size_t shown_before = shown.size();
    Walk(branch.pipeline, own_dot);
    // What the condition asks for is known to be missing at times.
    const std::size_t asked_before = asked_.size();
    for (std::size_t i = shown_before; i < shown.size(); ++i) asked_.push_back(shown[i].name);
    shown.resize(shown_before);
    Walk(branch.body, own_dot && branch.kind == Branch::Kind::kIf);
    Walk(branch.otherwise, own_dot);
    asked_.resize(asked_before);
  }

  void Walk(const Pipeline& pipeline, bool own_dot) {
    for (const Command& command : pipeline.commands) {
      for (const Operand& operand : command.operands) {
        if (const auto* inner = std::get_if<std::shared_ptr<const Pipeline>>(&operand.base))
          Walk(**inner, own_dot);
        const std::optional<std::string> name = LabelOf(operand, own_dot);
        if (name && std::find(asked_.begin(), asked_.end(), *name) == asked_.end())
          shown.push_back({*name, operand.offset});
      }
    }
  }

  static std::optional<std::string> LabelOf(const Operand& operand, bool own_dot) {
    const auto* variable = std::get_if<Variable>(&operand.base);
    const auto& fields = operand.fields;
    if (variable != nullptr && variable->name == "$labels" && !fields.empty()) return fields[0];
    const bool data = (variable != nullptr && variable->name == "$") ||
                      (own_dot && std::holds_alternative<Dot>(operand.base));
    if (data && fields.size() > 1 && fields[0] == "Labels") return fields[1];
    return std::nullopt;
  }

  std::vector<std::string> asked_;
};

}  // namespace

std::vector<LabelUse> LabelsShown(const Program& program) {
  Walker walker;
  walker.Walk(program.main, true);  // a defined template's dot is its caller's affair
  return std::move(walker.shown);
}

}  // namespace tierwatch::tmpl
