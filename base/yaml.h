// YAML as a strict tree: every node knows its place, duplicate and unknown keys are errors, aliases
// can't explode. The only user of yaml-cpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/diagnostic.h"
#include "base/result.h"

namespace tierwatch {

/// Immutable; shared by value cheaply. Merge keys (`<<`) and anchors are resolved.
class YamlNode {
 public:
  enum class Kind { kNull, kScalar, kSequence, kMap };
  struct Entry;

  /// Reads the first document of `text`; `file` names it in findings. Limits: 16 MiB of text, 100
  /// levels, 1,000,000 nodes after aliases are expanded. Any finding is added to `diagnostics`, and
  /// nothing returned.
  static std::optional<YamlNode> Parse(std::string_view text, std::string file,
                                       Diagnostics& diagnostics);

  YamlNode();  // null, nowhere

  Kind kind() const;
  bool IsNull() const { return kind() == Kind::kNull; }
  bool IsScalar() const { return kind() == Kind::kScalar; }
  bool IsSequence() const { return kind() == Kind::kSequence; }
  bool IsMap() const { return kind() == Kind::kMap; }

  /// The text of a scalar, "" for every other kind.
  const std::string& text() const;
  /// True for a scalar in quotes or a block: it is text, whatever it looks like.
  bool quoted() const;
  const std::vector<YamlNode>& items() const;  // of a sequence
  const std::vector<Entry>& entries() const;   // of a map, in the order of the file
  /// The value of a map's key, nullptr where it is absent.
  const YamlNode* Find(std::string_view key) const;
  const Location& where() const;
  /// "a list", "a map", "nothing", or the scalar in quotes: what an error says it found.
  std::string Describe() const;
  /// All that it holds in one line: the same for equal nodes, wherever they stand.
  std::string Canonical() const;

 private:
  friend class YamlBuilder;
  struct Data;
  explicit YamlNode(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

struct YamlNode::Entry {
  std::string key;
  Location where;
  YamlNode value;
};

/// Reads a map key by key; every getter marks its key as known. `Finish` (or destruction) reports
/// the unknown ones with the nearest known key. A value of the wrong type is reported and the
/// getter answers as if it were absent.
class YamlMap {
 public:
  /// `what` names the map in findings: "receiver". A node that is no map is reported; null reads as
  /// an empty map.
  YamlMap(const YamlNode& node, std::string_view what, Diagnostics& diagnostics);
  ~YamlMap() { Finish(); }
  YamlMap(const YamlMap&) = delete;
  YamlMap& operator=(const YamlMap&) = delete;

  /// The raw value; nullptr where it is absent or null.
  const YamlNode* Get(std::string_view key);
  /// Like Get; absence is reported.
  const YamlNode* Require(std::string_view key);

  std::optional<std::string> String(std::string_view key);
  std::optional<bool> Bool(std::string_view key);  // true or false
  std::optional<std::int64_t> Int(std::string_view key);
  /// What is not `least` to `most` is reported, and nothing.
  std::optional<std::int64_t> Int(std::string_view key, std::int64_t least, std::int64_t most);
  std::optional<double> Number(std::string_view key);
  std::optional<Millis> Duration(std::string_view key);
  std::optional<std::int64_t> Size(std::string_view key);
  std::vector<std::string> Strings(std::string_view key);  // a list of scalars
  std::vector<std::pair<std::string, std::string>> StringMap(
      std::string_view key);  // a map of scalars

  /// Where `key` stands, or the map itself where it is absent.
  const Location& Where(std::string_view key) const;
  const YamlNode& node() const { return node_; }
  Diagnostics& diagnostics() { return diagnostics_; }
  /// Unknown keys are not reported.
  void IgnoreUnknown() { finished_ = true; }
  /// Reports unknown keys, once.
  void Finish();

 private:
  template <class T, class Parse>
  std::optional<T> Scalar(std::string_view key, std::string_view expected, Parse parse);

  const YamlNode& node_;
  std::string what_;
  Diagnostics& diagnostics_;
  std::set<std::string, std::less<>> known_;
  bool finished_ = false;
};

}  // namespace tierwatch
