#include "alerts/template/notification_template.h"

#include "alerts/template/template_evaluation.h"
#include "alerts/template/template_parser.h"

namespace tierwatch {
namespace {

constexpr tmpl::Limits kLimits{
    .output = 1 << 20, .handled = 64 << 20, .steps = 1'000'000};  // hundreds of alerts in a text

}  // namespace

TemplateDefinitions::TemplateDefinitions() : program_(std::make_shared<tmpl::Program>()) {}

Parsed<bool> TemplateDefinitions::Add(std::string_view text) {
  Parsed<tmpl::Program> parsed = tmpl::ParseTemplate(text, tmpl::Dialect::kNotifications);
  if (const auto* error = std::get_if<TextError>(&parsed)) return *error;
  for (auto& [name, nodes] : std::get<tmpl::Program>(parsed).templates)
    program_->templates.insert_or_assign(name, std::move(nodes));
  return true;
}

Parsed<NotificationTemplate> NotificationTemplate::Compile(std::string_view text,
                                                           const TemplateDefinitions& definitions) {
  NotificationTemplate compiled;
  compiled.text_ = std::string(text);
  compiled.shared_ = definitions.program();
  if (text.find("{{") == std::string_view::npos) return compiled;
  Parsed<tmpl::Program> parsed = tmpl::ParseTemplate(text, tmpl::Dialect::kNotifications);
  if (const auto* error = std::get_if<TextError>(&parsed)) return *error;
  compiled.program_ =
      std::make_shared<const tmpl::Program>(std::move(std::get<tmpl::Program>(parsed)));
  return compiled;
}

std::string NotificationTemplate::Expand(const NotificationData& data, bool html) const {
  if (!program_) return text_;
  const TemplateQuery none;
  const Result<std::string> expanded = tmpl::Run({.program = *program_,
                                                  .shared = shared_.get(),
                                                  .dialect = tmpl::Dialect::kNotifications,
                                                  .root = data.root,
                                                  .html = html,
                                                  .external_url = data.external_url,
                                                  .time = data.time,
                                                  .query = none,
                                                  .limits = kLimits},
                                                 text_);
  if (expanded.ok()) return *expanded;
  return "<error expanding template: " + expanded.error().message + ">";
}

}  // namespace tierwatch
