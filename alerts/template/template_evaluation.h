// Expands a parsed template.
#pragma once

#include <string>
#include <string_view>

#include "alerts/template/template.h"
#include "alerts/template/template_ast.h"
#include "base/result.h"

namespace tierwatch::tmpl {

/// What an expansion may cost.
struct Limits {
  std::size_t output = 64 << 10;
  std::size_t handled = 4 << 20;  // bytes that functions take and give
  int steps = 100'000;
};

/// One expansion; all that it refers to outlives it.
struct Task {
  const Program& program;
  const Program* shared = nullptr;  // its definitions can be called too
  Dialect dialect = Dialect::kRules;
  Value root;         // `.` and `$`
  bool html = false;  // escapes what actions show, as Go's html/template does
  const std::string& external_url;
  TimestampMs time = 0;
  const TemplateQuery& query;
  Limits limits{};
};

/// The error is "LINE:COLUMN: …" of `text`, which the program was parsed from.
Result<std::string> Run(const Task& task, std::string_view text);

}  // namespace tierwatch::tmpl
