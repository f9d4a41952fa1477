// What is read out of a request: headers, parameters, encodings.
#include <algorithm>

#include "exporter/http_server.h"

namespace tierwatch {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the part before `separator` off `text`.
std::string_view Next(std::string_view& text, char separator) {
  const std::size_t at = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Nothing where an escape is broken.
std::optional<std::string> DecodeForm(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size() || HexDigit(text[i + 1]) < 0 || HexDigit(text[i + 2]) < 0) {
      return std::nullopt;
    }
    out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
    i += 2;
  }
  return out;
}

void AppendParameters(std::string_view form, std::string_view name,
                      std::vector<std::string>& values) {
  while (!form.empty()) {
    std::string_view pair = Next(form, '&');
    if (DecodeForm(Next(pair, '=')) != name) continue;
    if (auto value = DecodeForm(pair)) values.push_back(*std::move(value));
  }
}

bool IsZeroQuality(std::string_view parameters) {
  const std::size_t at = parameters.find("q=0");
  if (at == std::string_view::npos) return false;
  return Trim(parameters.substr(at + 3)).find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

std::string_view ServerRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string> ServerRequest::Parameters(std::string_view name) const {
  std::vector<std::string> values;
  const std::string_view type = Header("content-type");
  if (method == "POST" && type.starts_with("application/x-www-form-urlencoded")) {
    AppendParameters(body, name, values);
  }
  AppendParameters(query, name, values);
  return values;
}

std::optional<std::string> ServerRequest::Parameter(std::string_view name) const {
  std::vector<std::string> values = Parameters(name);
  return values.empty() ? std::nullopt : std::optional(std::move(values.front()));
}

bool ServerRequest::AcceptsGzip() const {
  std::string_view list = Header("accept-encoding");
  std::optional<bool> any;
  while (!list.empty()) {
    std::string_view item = Next(list, ',');
    const std::string_view coding = Trim(Next(item, ';'));
    if (coding == "gzip" || coding == "x-gzip") return !IsZeroQuality(item);
    if (coding == "*") any = !IsZeroQuality(item);
  }
  return any.value_or(false);
}

HttpReply HttpReply::Of(int status, std::string content_type, std::string body) {
  return {
      status, std::move(content_type), {}, std::make_shared<const std::string>(std::move(body))};
}

}  // namespace tierwatch
