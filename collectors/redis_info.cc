#include "collectors/redis_info.h"

#include <fmt/format.h>

#include <algorithm>

#include "collectors/foreign_text.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMaxKeys = 20'000;
constexpr std::size_t kMaxFields = 64;

// Cuts the part up to `separator` off the front of `rest`.
std::string_view Cut(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

}  // namespace

Result<RedisInfo> RedisInfo::Parse(std::string_view text) {
  RedisInfo info;
  while (!text.empty()) {
    std::string_view line = Cut(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("# ")) {
      if (info.sections_.size() < kMaxFields) info.sections_.insert(line.substr(2));
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) continue;
    if (info.values_.size() == kMaxKeys) {
      return Error{fmt::format("INFO has over {} keys", kMaxKeys), Reason::kLimit};
    }
    info.values_.try_emplace(line.substr(0, colon), line.substr(colon + 1));
  }
  if (info.values_.empty()) return Error{"INFO has no key", Reason::kParse};
  return info;
}

std::optional<std::string_view> RedisInfo::Text(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::optional<double> RedisInfo::Number(std::string_view key) const {
  return ParseNumber(Text(key).value_or(""));
}

RedisInfo::Fields RedisInfo::WithPrefix(std::string_view prefix) const {
  Fields found;
  for (auto at = values_.lower_bound(prefix); at != values_.end() && at->first.starts_with(prefix);
       ++at) {
    if (at->first.size() > prefix.size())
      found.emplace_back(at->first.substr(prefix.size()), at->second);
  }
  return found;
}

RedisInfo::Fields RedisInfo::ParseFields(std::string_view value) {
  Fields fields;
  while (!value.empty() && fields.size() < kMaxFields) {
    const std::string_view part = Cut(value, ',');
    const std::size_t equals = part.find('=');
    if (equals != std::string_view::npos)
      fields.emplace_back(part.substr(0, equals), part.substr(equals + 1));
  }
  return fields;
}

std::optional<std::string_view> RedisInfo::Text(const Fields& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const auto& field) { return field.first == name; });
  if (found == fields.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::optional<double> RedisInfo::Number(const Fields& fields, std::string_view name) {
  return ParseNumber(Text(fields, name).value_or(""));
}

}  // namespace tierwatch
