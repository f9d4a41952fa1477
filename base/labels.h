// A label set: sorted by name, names unique, no empty values. The identity of a series, an alert, a
// group.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tierwatch {

inline constexpr std::string_view kMetricName = "__name__";

struct Label {
  std::string name;
  std::string value;
  auto operator<=>(const Label&) const = default;
};

/// Immutable but for Set and Remove. An empty value is the same as the label's absence, as in
/// Prometheus.
class Labels {
 public:
  Labels() = default;
  Labels(std::initializer_list<Label> labels);
  /// Sorts, drops empty values; of labels with one name the last wins.
  explicit Labels(std::vector<Label> labels);

  /// The value of `name`, "" where it is absent.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const { return !Get(name).empty(); }
  /// Sets `name`; an empty `value` removes it.
  void Set(std::string_view name, std::string_view value);
  void Remove(std::string_view name) { Set(name, ""); }

  std::size_t size() const { return labels_.size(); }
  bool empty() const { return labels_.empty(); }
  auto begin() const { return labels_.begin(); }
  auto end() const { return labels_.end(); }

  /// FNV-1a, 64 bits, over `name 0xff value 0xff`: Prometheus's fingerprint, the same in every
  /// process.
  std::uint64_t Fingerprint() const;
  /// `name{a="b", c="d"}`, as Prometheus prints a series; `{}` where there is nothing.
  std::string ToString() const;

  auto operator<=>(const Labels&) const = default;

 private:
  std::vector<Label> labels_;
};

struct LabelsHash {
  std::size_t operator()(const Labels& labels) const { return labels.Fingerprint(); }
};

/// True for [a-zA-Z_][a-zA-Z0-9_]*.
bool IsLegacyLabelName(std::string_view name);
/// True for [a-zA-Z_:][a-zA-Z0-9_:]*.
bool IsLegacyMetricName(std::string_view name);
/// True where `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);
/// `text` with every malformed byte replaced by U+FFFD.
std::string ToUtf8(std::string_view text);
/// `text` between double quotes with Go's escapes, as Prometheus prints label values.
std::string Quote(std::string_view text);

}  // namespace tierwatch
