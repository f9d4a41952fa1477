// Links to charts: whoever got one with a page may see that chart, for a while, and nothing else.
#pragma once

#include <string>
#include <string_view>

#include "alerts/rules/alert.h"
#include "base/clock.h"
#include "base/result.h"
#include "exporter/chart/question.h"
#include "exporter/http_server.h"

namespace tierwatch {

/// Thread-safe. A link is `EXTERNAL/chart.png?expr=…&alert=…&expires=SECONDS&signature=…`, signed
/// with HMAC-SHA-256 over what stands before the signature.
class ChartLinks {
 public:
  /// `external_url` is where people find tierwatch; `key` is secret.
  ChartLinks(std::string external_url, std::string key, Millis lifetime);

  /// A link to a chart of the alert's expression, good for the lifetime from `now` on. "" for an
  /// alert whose generator isn't this tierwatch.
  std::string For(const Alert& alert, TimestampMs now) const;
  /// What somebody who follows a link asks for; the chart ends at `now`. Errors: not signed by
  /// us, changed, expired.
  Result<ChartQuestion> Read(const ServerRequest& request, TimestampMs now) const;

 private:
  std::string Sign(std::string_view text) const;

  const std::string external_url_, key_;
  const Millis lifetime_;
};

/// The secret in `folder`/chart.key, which is made where there is none: links outlive the process.
/// With "" or where the folder can't be written to, a secret of this process alone.
std::string ChartKey(const std::string& folder);

}  // namespace tierwatch
