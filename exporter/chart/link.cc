#include "exporter/chart/link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "alerts/promql/promql.h"
#include "alerts/series/matcher.h"
#include "alerts/template/go_format.h"
#include "base/text_file.h"

namespace tierwatch {
namespace {

constexpr std::string_view kPage = "/chart.png?";
constexpr std::string_view kGraph = "/graph?g0.expr=";  // how an alert's generator begins
constexpr std::string_view kSignature = "&signature=";
constexpr std::size_t kKeyBytes = 32;

std::string NewKey() {
  std::string key(kKeyBytes, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size()));
  return key;
}

// `{a="b"}` as labels.
Result<Labels> ReadAlert(std::string_view text) {
  const auto matchers = promql::ParseSelector(text);
  if (!matchers.ok()) return matchers.error();
  Labels labels;
  for (const series::Matcher& matcher : *matchers) labels.Set(matcher.name(), matcher.value());
  return labels;
}

}  // namespace

ChartLinks::ChartLinks(std::string external_url, std::string key, Millis lifetime)
    : external_url_(std::move(external_url)), key_(std::move(key)), lifetime_(lifetime) {}

std::string ChartLinks::Sign(std::string_view text) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), nullptr);
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + 32, ""));
}

std::string ChartLinks::For(const Alert& alert, TimestampMs now) const {
  std::string_view expr = alert.generator_url;
  if (external_url_.empty() || !expr.starts_with(external_url_)) return "";
  expr.remove_prefix(external_url_.size());
  if (!expr.starts_with(kGraph)) return "";
  expr.remove_prefix(kGraph.size());
  expr = expr.substr(0, expr.find('&'));
  std::string query =
      fmt::format("expr={}&alert={}&expires={}", expr, tmpl::QueryEscape(alert.labels.ToString()),
                  (now + lifetime_.count()) / 1000);
  query += std::string(kSignature) + Sign(query);
  return external_url_ + std::string(kPage) + query;
}

Result<ChartQuestion> ChartLinks::Read(const ServerRequest& request, TimestampMs now) const {
  const std::size_t at = request.query.rfind(kSignature);
  if (at == std::string::npos) return Error{"the link is not signed"};
  const std::string expected = Sign(std::string_view(request.query).substr(0, at));
  const std::string_view given = std::string_view(request.query).substr(at + kSignature.size());
  if (given.size() != expected.size() ||
      CRYPTO_memcmp(given.data(), expected.data(), expected.size()) != 0)
    return Error{"the link's signature is wrong: it was changed, or is not from here"};
  const std::string expires = request.Parameter("expires").value_or("");
  std::int64_t seconds = 0;
  std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
  if (seconds < now / 1000) return Error{"the link has expired"};
  Result<Labels> alert = ReadAlert(request.Parameter("alert").value_or(""));
  if (!alert.ok()) return alert.error();
  return ChartQuestion{
      .expr = request.Parameter("expr").value_or(""), .alert = *std::move(alert), .end = now};
}

std::string ChartKey(const std::string& folder) {
  std::string key = NewKey();
  if (folder.empty()) return key;
  const std::string path = folder + "/chart.key";
  const Result<std::string> kept = ReadTextFile(path);
  if (kept.ok() && kept->size() >= kKeyBytes) return *kept;
  if (const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      file >= 0) {
    // Cut short by a full disk, it is made anew at the next start: no more than that depends on it.
    [[maybe_unused]] const ssize_t written = ::write(file, key.data(), key.size());
    ::close(file);
  }
  return key;
}

}  // namespace tierwatch
