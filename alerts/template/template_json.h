// Values as Go's encoding/json writes them.
#pragma once

#include <string>
#include <string_view>

#include "alerts/template/template_value.h"

namespace tierwatch::tmpl {

/// A string between quotes; HTML's characters and JavaScript's line separators are escaped,
/// malformed UTF-8 is replaced.
std::string JsonString(std::string_view text);

/// Compact; keys in their order. A struct's fields go by their names with a small first letter,
/// which are Alertmanager's.
std::string ToJson(const Value& value);

}  // namespace tierwatch::tmpl
