#include "alerts/receivers/http_attempt.h"

#include <fmt/format.h>

#include <charconv>
#include <ctime>

namespace tierwatch {

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDelivered:
      return "delivered";
    case Outcome::kRetry:
      return "retry";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kMerged:
      return "merged";
    case Outcome::kExpired:
      break;
  }
  return "expired";
}

Outcome JudgeStatus(int status) {
  if (status >= 200 && status < 300) return Outcome::kDelivered;
  const bool again = status == 408 || status == 425 || status == 429 || status >= 500;
  return again ? Outcome::kRetry : Outcome::kFailed;
}

std::optional<Millis> ParseRetryAfter(std::string_view value, TimestampMs now) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc() && end == value.data() + value.size())
    return Millis{std::int64_t{seconds} * 1000};
  std::tm time{};
  const std::string text(value);
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  return std::max(Millis{0}, Millis{std::int64_t{::timegm(&time)} * 1000 - now});
}

HttpAttempt AttemptHttp(HttpClient& client, HttpRequest request, const SendContext& context) {
  if (!context.idempotency_key.empty())
    request.headers.emplace_back("Idempotency-Key", context.idempotency_key);
  request.stop = context.stop;
  HttpAttempt attempt;
  Result<HttpResponse> response = client.Send(request);
  if (!response.ok()) {
    attempt.result.reason = response.error().message;
    attempt.result.may_have_arrived = response.error().reason != Reason::kConnect;
    return attempt;
  }
  attempt.result.status = response->status;
  attempt.result.outcome = JudgeStatus(response->status);
  attempt.result.reason = fmt::format("HTTP {}", response->status);
  if (response->status >= 300 && response->status < 400)
    attempt.result.reason += ", a redirect that is not followed";
  if (const auto header = response->headers.find("retry-after"); header != response->headers.end())
    attempt.result.retry_after = ParseRetryAfter(header->second, context.now).value_or(Millis{0});
  attempt.response = *std::move(response);
  return attempt;
}

HttpRequest JsonPost(std::string url, std::string body, Millis timeout) {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::move(body);
  request.timeout = timeout;
  return request;
}

}  // namespace tierwatch
