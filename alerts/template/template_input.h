// Finds out what a parsed template looks at, so that a text is expanded again only when that
// changed.
#pragma once

#include "alerts/template/template.h"
#include "alerts/template/template_ast.h"

namespace tierwatch::tmpl {

/// Never less than what `program` can look at; more where that is hard to tell.
TemplateInput InputOf(const Program& program);

}  // namespace tierwatch::tmpl
