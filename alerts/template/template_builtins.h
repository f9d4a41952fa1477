// Go's own template functions and Prometheus's, as two tables: what FindFunction looks through.
#pragma once

#include <span>

#include "alerts/template/template_functions.h"

namespace tierwatch::tmpl {

std::span<const Function> GoFunctions();
std::span<const Function> PrometheusFunctions();

}  // namespace tierwatch::tmpl
