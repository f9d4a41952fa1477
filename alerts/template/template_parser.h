// Parses Go's text/template language.
#pragma once

#include <string_view>

#include "alerts/template/template_ast.h"
#include "base/place.h"

namespace tierwatch::tmpl {

/// The variables that Prometheus puts before every template: `$labels`, `$externalLabels`,
/// `$externalURL`, `$value`. Each is the field of the data whose name begins with a capital.
inline constexpr std::string_view kPreludeVariables[][2] = {{"$labels", "Labels"},
                                                            {"$externalLabels", "ExternalLabels"},
                                                            {"$externalURL", "ExternalURL"},
                                                            {"$value", "Value"}};

/// In the dialect of rules the prelude's variables exist. Errors, at a byte of `text`: syntax, an
/// undefined variable or function, nesting deeper than 100. Source of the grammar: Go's
/// text/template/parse.
Parsed<Program> ParseTemplate(std::string_view text, Dialect dialect);

}  // namespace tierwatch::tmpl
