// Texts of notifications: Alertmanager's dialect of Go templates, with definitions that they share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "alerts/template/template_value.h"
#include "base/place.h"
#include "base/result.h"

namespace tierwatch {

namespace tmpl {
struct Program;
}

/// What all expansions of one notification are told.
struct NotificationData {
  tmpl::Value root;  // `.`: Alertmanager's Data
  std::string external_url;
  TimestampMs time = 0;  // for `since`
};

/// Definitions ({{ define }}) that texts may call. Filled while the configuration is read, then
/// only read: thread-safe.
class TemplateDefinitions {
 public:
  TemplateDefinitions();
  /// Adds a file's definitions; one of a name that is there replaces it.
  Parsed<bool> Add(std::string_view text);
  std::shared_ptr<const tmpl::Program> program() const { return program_; }

 private:
  std::shared_ptr<tmpl::Program> program_;
};

/// One text. Immutable, thread-safe; shares the definitions, which must be complete by then.
class NotificationTemplate {
 public:
  NotificationTemplate() = default;  // expands to ""
  static Parsed<NotificationTemplate> Compile(std::string_view text,
                                              const TemplateDefinitions& definitions);

  /// With `html`, what actions show is escaped. Bounded: 1 MiB of output. A failure stands in the
  /// text as `<error expanding template: …>`: a page goes out all the same.
  std::string Expand(const NotificationData& data, bool html = false) const;

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
  std::shared_ptr<const tmpl::Program> program_;  // null: no actions
  std::shared_ptr<const tmpl::Program> shared_;
};

}  // namespace tierwatch
