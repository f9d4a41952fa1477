// Text from outside, as numbers and as label values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tierwatch {

/// `text` as a label value may be: well-formed UTF-8 of at most `max_bytes`, cut between
/// characters.
std::string LabelText(std::string_view text, std::size_t max_bytes = 128);

/// A whole text that is a finite decimal number ("12", "-0.5", "1e3").
std::optional<double> ParseNumber(std::string_view text);

}  // namespace tierwatch
