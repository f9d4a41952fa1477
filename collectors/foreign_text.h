// Text from outside, as numbers and as label values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tierwatch {

/// `text` as a label value may be: well-formed UTF-8 of at most `max_bytes`, cut between
/// characters.
std::string LabelText(std::string_view text, std::size_t max_bytes = 128);

/// The parts between separators that are not empty; views into `text`.
std::vector<std::string_view> SplitWords(std::string_view text, char separator);

/// "host:port", an IPv6 address in brackets; "" where the host is none that can be connected to
/// ("",
/// "?") or the port is no port.
std::string HostPort(std::string_view host, std::string_view port);

/// A whole text that is a finite decimal number ("12", "-0.5", "1e3").
std::optional<double> ParseNumber(std::string_view text);

}  // namespace tierwatch
