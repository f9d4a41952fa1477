#include "alerts/template/template.h"

#include <utility>

#include "alerts/template/template_ast.h"
#include "alerts/template/template_evaluation.h"
#include "alerts/template/template_input.h"
#include "alerts/template/template_labels.h"
#include "alerts/template/template_parser.h"

namespace tierwatch {
Template Template::Plain(std::string_view text) {
  Template plain;
  plain.text_ = std::string(text);
  return plain;
}

Parsed<Template> Template::Compile(std::string_view text) {
  Template compiled = Plain(text);
  if (text.find("{{") == std::string_view::npos) return compiled;
  Parsed<tmpl::Program> program = tmpl::ParseTemplate(text, tmpl::Dialect::kRules);
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
  const tmpl::Value root =
      tmpl::MakeStruct({{"Labels", tmpl::MakeLabels(data.labels)},
                        {"ExternalLabels", tmpl::MakeLabels(data.external_labels)},
                        {"ExternalURL", tmpl::Value{data.external_url}},
                        {"Value", tmpl::Value{data.value}}});
  return tmpl::Run({.program = *program_,
                    .root = root,
                    .external_url = data.external_url,
                    .time = data.time,
                    .query = query},
                   text_);
}

}  // namespace tierwatch
