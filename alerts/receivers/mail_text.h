// What stands in a mail's header: addresses (RFC 5322) and values (RFC 2047).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace tierwatch {

/// The bare addresses of a list such as `Ann Oncall <ann@example.org>, "B, C" <bc@example.org>`;
/// at least one. Anything that could say more than an address to a mail server is an error.
Result<std::vector<std::string>> ParseMailAddresses(std::string_view text);

/// A value as it may stand in a header: plain ASCII as it is, everything else as encoded words of
/// UTF-8, folded where it is long. No line end of the value survives.
std::string EncodeMailHeader(std::string_view value);

/// "Tue, 14 Nov 2023 22:13:20 +0000".
std::string MailDate(TimestampMs time);

/// "x-priority" becomes "X-Priority"; "" where it is no name of a header.
std::string CanonicalHeaderName(std::string_view name);

}  // namespace tierwatch
