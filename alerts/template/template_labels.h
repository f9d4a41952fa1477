// Which labels of the alert's series a parsed template shows.
#pragma once

#include <vector>

#include "alerts/template/template.h"
#include "alerts/template/template_ast.h"

namespace tierwatch::tmpl {

/// `$labels.x` wherever it stands and `.Labels.x` where the dot is the alert's own. A label that an
/// `if` or `with` around asks for is left out: its absence was thought of.
std::vector<LabelUse> LabelsShown(const Program& program);

}  // namespace tierwatch::tmpl
