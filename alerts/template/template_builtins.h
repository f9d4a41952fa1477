// Go's own template functions, Prometheus's and Alertmanager's, as tables: what FindFunction looks
// through.
#pragma once

#include <span>

#include "alerts/template/template_functions.h"

namespace tierwatch::tmpl {

std::span<const Function> GoFunctions();
std::span<const Function> PrometheusFunctions();
/// Those that Prometheus has too are in its table.
std::span<const Function> AlertmanagerFunctions();

}  // namespace tierwatch::tmpl
