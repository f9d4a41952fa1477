#include "base/labels.h"

#include <fmt/format.h>

#include <algorithm>

namespace tierwatch {
namespace {

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The length of the well-formed UTF-8 sequence that `text` starts with; 0 where there is none.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 && lead <= 0xf4   ? 4
                             : lead >= 0xe0 && lead <= 0xef ? 3
                             : lead >= 0xc2 && lead <= 0xdf ? 2
                                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
  const bool too_large = lead == 0xf4 && byte(1) >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

Labels::Labels(std::initializer_list<Label> labels) : Labels(std::vector<Label>(labels)) {}

Labels::Labels(std::vector<Label> labels) : labels_(std::move(labels)) {
  const auto out_of_place = [](const Label& a, const Label& b) { return a.name >= b.name; };
  if (std::adjacent_find(labels_.begin(), labels_.end(), out_of_place) == labels_.end() &&
      std::none_of(labels_.begin(), labels_.end(), [](const Label& l) { return l.value.empty(); }))
    return;  // nothing to do, as mostly
  std::stable_sort(labels_.begin(), labels_.end(),
                   [](const Label& a, const Label& b) { return a.name < b.name; });
  const auto superseded = [this](const Label& label) {
    const std::size_t next = static_cast<std::size_t>(&label - labels_.data()) + 1;
    return next < labels_.size() && labels_[next].name == label.name;
  };
  std::vector<Label> kept;
  kept.reserve(labels_.size());
  for (Label& label : labels_) {
    if (!superseded(label) && !label.value.empty()) kept.push_back(std::move(label));
  }
  labels_ = std::move(kept);
}

std::string_view Labels::Get(std::string_view name) const {
  for (const Label& label : labels_) {
    if (label.name == name) return label.value;
  }
  return {};
}

void Labels::Set(std::string_view name, std::string_view value) {
  const auto at =
      std::lower_bound(labels_.begin(), labels_.end(), name,
                       [](const Label& label, std::string_view n) { return label.name < n; });
  const bool present = at != labels_.end() && at->name == name;
  if (value.empty()) {
    if (present) labels_.erase(at);
  } else if (present) {
    at->value = value;
  } else {
    labels_.insert(at, Label{std::string(name), std::string(value)});
  }
}

std::uint64_t Labels::Fingerprint() const {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    hash = (hash ^ 0xff) * 1099511628211ULL;
  };
  for (const Label& label : labels_) {
    add(label.name);
    add(label.value);
  }
  return hash;
}

std::string Labels::ToString() const {
  const std::string_view name = Get(kMetricName);
  const bool bare_name = IsLegacyMetricName(name);
  std::string inner = name.empty() || bare_name ? "" : Quote(name);
  for (const Label& label : labels_) {
    if (label.name == kMetricName) continue;
    if (!inner.empty()) inner += ", ";
    inner +=
        (IsLegacyLabelName(label.name) ? label.name : Quote(label.name)) + "=" + Quote(label.value);
  }
  if (!bare_name) return "{" + inner + "}";
  return inner.empty() ? std::string(name) : std::string(name) + "{" + inner + "}";
}

bool IsLegacyLabelName(std::string_view name) {
  return !name.empty() && IsAlpha(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return IsAlpha(c) || IsDigit(c); });
}

bool IsLegacyMetricName(std::string_view name) {
  const auto letter = [](char c) { return IsAlpha(c) || c == ':'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || IsDigit(c); });
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string ToUtf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) {
      clean += "\xef\xbf\xbd";
    } else {
      clean += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = SequenceLength(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    switch (text[i]) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\a':
        quoted += "\\a";
        break;
      case '\b':
        quoted += "\\b";
        break;
      case '\f':
        quoted += "\\f";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\v':
        quoted += "\\v";
        break;
      default:
        if (length == 0 || byte < 0x20 || byte == 0x7f) {
          quoted += fmt::format("\\x{:02x}", byte);
        } else {
          quoted += text.substr(i, length);
        }
    }
    i += std::max<std::size_t>(length, 1);
  }
  return quoted + "\"";
}

}  // namespace tierwatch
