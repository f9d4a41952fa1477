#include "collectors/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "collectors/foreign_text.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxValues = 200'000;

// ~1 is a slash and ~0 a tilde.
std::string Unescape(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    text += !escape ? token[i] : token[++i] == '1' ? '/' : '~';
  }
  return text;
}

}  // namespace

// Takes the parser's events, so that limits hold while the text is read and not when it is all in
// memory.
class JsonBuilder {
 public:
  // The names and the signatures are nlohmann's SAX interface.
  bool null() { return Put({}) != nullptr; }
  bool boolean(bool value) { return Scalar(Json::Kind::kBool, &Json::bool_, value); }
  bool number_integer(std::int64_t value) { return Float(static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) { return Float(static_cast<double>(value)); }
  bool number_float(double value, const std::string&) { return Float(value); }
  bool string(std::string& value) {
    return Scalar(Json::Kind::kText, &Json::text_, std::move(value));
  }
  bool binary(std::vector<std::uint8_t>&) { return false; }
  bool start_object(std::size_t) { return Open(Json::Kind::kMap); }
  bool start_array(std::size_t) { return Open(Json::Kind::kList); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool key(std::string& name) {
    open_.back()->members_.emplace_back(std::move(name), Json{});
    return true;
  }
  bool parse_error(std::size_t offset, const std::string&, const nlohmann::json::exception&) {
    error_ = Error{fmt::format("not JSON at byte {}", offset), Reason::kParse};
    return false;
  }

  Result<Json> Take() && {
    if (error_) return *std::move(error_);
    return std::move(root_);
  }

 private:
  template <class T>
  bool Scalar(Json::Kind kind, T Json::*member, T value) {
    Json json;
    json.kind_ = kind;
    json.*member = std::move(value);
    return Put(std::move(json)) != nullptr;
  }

  bool Float(double value) { return Scalar(Json::Kind::kNumber, &Json::number_, value); }

  bool Open(Json::Kind kind) {
    if (open_.size() == kMaxDepth) {
      error_ = Error{fmt::format("JSON of over {} levels", kMaxDepth), Reason::kLimit};
      return false;
    }
    Json json;
    json.kind_ = kind;
    Json* placed = Put(std::move(json));
    if (placed != nullptr) open_.push_back(placed);
    return placed != nullptr;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  // A parent's vector may grow only while none of its children is open, so the pointers in open_
  // stay valid.
  Json* Put(Json json) {
    if (++values_ > kMaxValues) {
      error_ = Error{fmt::format("JSON of over {} values", kMaxValues), Reason::kLimit};
      return nullptr;
    }
    Json* place = &root_;
    if (!open_.empty()) {
      Json& parent = *open_.back();
      place = parent.kind_ == Json::Kind::kList ? &parent.items_.emplace_back()
                                                : &parent.members_.back().second;
    }
    *place = std::move(json);
    return place;
  }

  Json root_;
  std::vector<Json*> open_;
  std::size_t values_ = 0;
  std::optional<Error> error_;
};

Result<Json> Json::Parse(std::string_view text) {
  JsonBuilder builder;
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return std::move(builder).Take();
}

const Json& Json::operator[](std::string_view key) const {
  static const Json kAbsent;
  const auto found = std::find_if(members_.rbegin(), members_.rend(),
                                  [key](const auto& member) { return member.first == key; });
  return found == members_.rend() ? kAbsent : found->second;
}

bool Json::IsPointer(std::string_view text) {
  if (text.empty()) return true;
  for (std::size_t at = text.find('~'); at != std::string_view::npos; at = text.find('~', at + 1)) {
    if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) return false;
  }
  return text[0] == '/';
}

const Json& Json::At(std::string_view pointer) const {
  static const Json kAbsent;
  if (!IsPointer(pointer)) return kAbsent;
  const Json* at = this;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    const std::string_view token = pointer.substr(0, end);
    pointer.remove_prefix(end);
    at = at->kind_ == Kind::kList ? at->Element(token) : &(*at)[Unescape(token)];
    if (at == nullptr) return kAbsent;
  }
  return *at;
}

// The element of a list at a decimal index without leading zeros; null where there is none.
const Json* Json::Element(std::string_view token) const {
  std::size_t index = 0;
  const char* end = token.data() + token.size();
  const auto [stop, code] = std::from_chars(token.data(), end, index);
  const bool number = code == std::errc{} && stop == end && (token == "0" || token[0] != '0');
  return number && index < items_.size() ? &items_[index] : nullptr;
}

std::optional<double> Json::Number() const {
  if (kind_ == Kind::kNumber && std::isfinite(number_)) return number_;
  if (kind_ == Kind::kText) return ParseNumber(text_);
  return std::nullopt;
}

std::optional<bool> Json::Bool() const {
  if (kind_ == Kind::kBool) return bool_;
  if (kind_ == Kind::kText && (text_ == "true" || text_ == "false")) return text_ == "true";
  return std::nullopt;
}

std::optional<std::string> Json::Text() const {
  if (kind_ != Kind::kText || text_.empty()) return std::nullopt;
  return LabelText(text_);
}

std::optional<TimestampMs> Json::Time() const {
  constexpr double kYear10000 = 253'402'300'800'000;
  if (kind_ == Kind::kText) {
    if (const Result<TimestampMs> time = ParseTimestamp(text_); time.ok()) return *time;
  }
  const std::optional<double> number = Number();
  if (!number || *number < 0 || *number >= kYear10000) return std::nullopt;
  return static_cast<TimestampMs>(*number);
}

}  // namespace tierwatch
