#include "base/token_source.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/transfer.h"

namespace tierwatch {
namespace {

using Json = nlohmann::json;

void AppendField(std::string& form, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  form += fmt::format("{}{}={}", form.empty() ? "" : "&", transfer::Escape(name),
                      transfer::Escape(value));
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

HttpRequest TokenSource::Request(const std::string& secret, bool secret_in_body) const {
  HttpRequest request;
  request.method = "POST";
  request.url = options_.token_url;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  AppendField(request.body, "grant_type", "client_credentials");
  AppendField(request.body, "scope", Joined(options_.scopes));
  for (const auto& [name, value] : options_.endpoint_params) AppendField(request.body, name, value);
  if (secret_in_body) {
    AppendField(request.body, "client_id", options_.client_id);
    AppendField(request.body, "client_secret", secret);
  }
  return request;
}

Result<std::string> TokenSource::Fetch(Millis timeout, const std::stop_token& stop) const {
  const Result<std::string> secret = options_.client_secret.Read();
  if (!secret.ok()) return secret.error();
  int status = 0;
  // Servers must take the first form and may take the second (RFC 6749, section 2.3.1); some don't
  // know that.
  for (const bool secret_in_body : {false, true}) {
    HttpOptions http;
    http.max_response_bytes = 1u << 20;
    http.tls = options_.tls;
    http.proxy = options_.proxy;
    http.allowed_networks = options_.allowed_networks;
    if (!secret_in_body) {
      http.username = transfer::Escape(options_.client_id);
      http.password.value = transfer::Escape(*secret);
    }
    HttpRequest request = Request(*secret, secret_in_body);
    request.timeout = timeout;
    request.stop = stop;
    const Result<HttpResponse> response = HttpClient(http).Send(request);
    if (!response.ok()) return response.error();
    status = response->status;
    if (status >= 200 && status < 300) {
      const Json answer = Json::parse(response->body, nullptr, false);
      if (answer.is_object() && answer.contains("access_token") &&
          answer["access_token"].is_string())
        return answer["access_token"].get<std::string>();
      return Error{"the answer has no access_token", Reason::kParse};
    }
    if (status >= 500) break;
  }
  return Error{fmt::format("HTTP {}", status), status >= 500 ? Reason::kOther : Reason::kAuth};
}

Result<std::string> TokenSource::Get(Millis timeout, const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (!token_.empty()) return token_;
  Result<std::string> token = Fetch(timeout, stop);
  if (!token.ok()) return std::move(token).error().In("oauth2: token_url");
  token_ = *token;
  return token;
}

void TokenSource::Forget(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (token_ == token) token_.clear();
}

}  // namespace tierwatch
