// Text inside of HTML and XML.
#pragma once

#include <string>
#include <string_view>

namespace tierwatch {

/// `text` safe between tags and in quoted attributes, as Go's text/template escapes it.
std::string EscapeHtml(std::string_view text);

}  // namespace tierwatch
