// One attempt over HTTP, judged: what every receiver that speaks it shares.
#pragma once

#include <optional>
#include <string_view>

#include "alerts/receivers/integration.h"
#include "base/http_client.h"

namespace tierwatch {

/// What an answer means: 2xx delivered; 408, 425, 429 and 5xx to be tried again; everything else
/// failed.
Outcome JudgeStatus(int status);

/// The wait that a `Retry-After` header asks for: seconds or an HTTP date; nothing where it is
/// malformed.
std::optional<Millis> ParseRetryAfter(std::string_view value, TimestampMs now);

/// An exchange and its verdict; `response` is there where one came.
struct HttpAttempt {
  SendResult result;
  std::optional<HttpResponse> response;
};

/// Sends `request` with the context's stop token and idempotency key added. Faults of the network
/// are to be tried again, as is a secret that can't be read.
HttpAttempt AttemptHttp(HttpClient& client, HttpRequest request, const SendContext& context);

/// A request that posts JSON.
HttpRequest JsonPost(std::string url, std::string body, Millis timeout);

}  // namespace tierwatch
