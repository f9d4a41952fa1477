#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <exception>
#include <istream>
#include <map>
#include <sstream>

#include "base/duration.h"
#include "base/labels.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMaxText = 16u << 20;
constexpr std::size_t kMaxNodes = 1'000'000;
constexpr std::size_t kMaxDepth = 100;

// Ends the parse from inside a yaml-cpp callback.
struct Refused {
  Location where;
  std::string message;
};

bool IsNullText(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

}  // namespace

struct YamlNode::Data {
  explicit Data(Location place = {}) : where(std::move(place)) {}
  Kind kind = Kind::kNull;
  std::string text;
  bool quoted = false;
  std::vector<YamlNode> items;
  std::vector<Entry> entries;
  Location where;
  std::size_t weight = 1;  // nodes below and including this one, aliases counted at every use
  std::size_t height = 1;
};

// Builds the tree from yaml-cpp's events, which, unlike its nodes, tell aliases and quotes apart.
class YamlBuilder : public YAML::EventHandler {
 public:
  explicit YamlBuilder(std::string file, Diagnostics& diagnostics)
      : file_(std::move(file)), diagnostics_(diagnostics) {}

  YamlNode root() const { return root_; }

  Location Place(const YAML::Mark& mark) const {
    return mark.is_null() ? Location{file_, 0, 0} : Location{file_, mark.line + 1, mark.column + 1};
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(std::make_shared<YamlNode::Data>(Place(mark)), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto target = anchors_.find(anchor);
    if (target == anchors_.end())
      throw Refused{Place(mark), "an alias stands inside its own anchor"};
    Add(target->second, YAML::NullAnchor, Place(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto data = std::make_shared<YamlNode::Data>();
    data->quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    data->kind =
        !data->quoted && IsNullText(value) ? YamlNode::Kind::kNull : YamlNode::Kind::kScalar;
    data->text = value;
    data->where = Place(mark);
    Add(std::move(data), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kSequence, mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  using DataPtr = std::shared_ptr<const YamlNode::Data>;

  // A sequence or map whose end has not come.
  struct Frame {
    std::shared_ptr<YamlNode::Data> data;
    YAML::anchor_t anchor;
    std::optional<std::string> key;  // of a map, between key and value
    Location key_where;
    std::set<std::string, std::less<>> keys{};
    std::vector<YamlNode> merges{};  // values of `<<`
  };

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (frames_.size() >= kMaxDepth)
      throw Refused{Place(mark), fmt::format("more than {} levels", kMaxDepth)};
    auto data = std::make_shared<YamlNode::Data>();
    data->kind = kind;
    data->where = Place(mark);
    frames_.push_back({std::move(data), anchor, std::nullopt, {}});
  }

  void Close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    for (const YamlNode& merged : frame.merges) Merge(frame, merged);
    Add(std::move(frame.data), frame.anchor);
  }

  void Add(DataPtr data, YAML::anchor_t anchor) {
    const Location where = data->where;
    Add(std::move(data), anchor, where);
  }

  void Add(DataPtr data, YAML::anchor_t anchor, const Location& where) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = data;
    if (frames_.empty()) {
      root_ = YamlNode(std::move(data));
      return;
    }
    Frame& frame = frames_.back();
    YamlNode::Data& parent = *frame.data;
    parent.weight += data->weight;
    parent.height = std::max(parent.height, data->height + 1);
    if (parent.weight > kMaxNodes)
      throw Refused{where, fmt::format("more than {} nodes", kMaxNodes)};
    if (frames_.size() + data->height > kMaxDepth) {
      throw Refused{where, fmt::format("more than {} levels", kMaxDepth)};
    }
    if (parent.kind == YamlNode::Kind::kSequence) {
      parent.items.push_back(YamlNode(std::move(data)));
    } else if (!frame.key) {
      if (data->kind != YamlNode::Kind::kScalar) throw Refused{where, "a key must be text"};
      frame.key = data->text;
      frame.key_where = where;
    } else {
      AddEntry(frame, YamlNode(std::move(data)));
    }
  }

  void AddEntry(Frame& frame, YamlNode value) {
    std::string key = std::move(*frame.key);
    frame.key.reset();
    if (key == "<<") {
      frame.merges.push_back(std::move(value));
      return;
    }
    const bool duplicate = !frame.keys.insert(key).second;
    if (duplicate) {
      diagnostics_.Add(frame.key_where, fmt::format("the key \"{}\" stands here twice", key));
      return;
    }
    frame.data->entries.push_back({std::move(key), frame.key_where, std::move(value)});
  }

  // Keys of `from` that the map does not have itself; `from` may be a map or a list of maps.
  void Merge(Frame& into, const YamlNode& from) {
    if (from.IsSequence()) {
      for (const YamlNode& item : from.items()) Merge(into, item);
      return;
    }
    if (!from.IsMap()) {
      diagnostics_.Add(from.where(),
                       "\"<<\" takes a map or a list of maps, not " + from.Describe());
      return;
    }
    for (const YamlNode::Entry& entry : from.entries()) {
      if (into.keys.insert(entry.key).second) into.data->entries.push_back(entry);
    }
  }

  std::string file_;
  Diagnostics& diagnostics_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, DataPtr> anchors_;
  YamlNode root_;
};

std::optional<YamlNode> YamlNode::Parse(std::string_view text, std::string file,
                                        Diagnostics& diagnostics) {
  if (text.size() > kMaxText) {
    diagnostics.Add({file, 0, 0}, fmt::format("more than {} MiB", kMaxText >> 20));
    return std::nullopt;
  }
  const std::size_t before = diagnostics.list().size();
  YamlBuilder builder(file, diagnostics);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
  } catch (const Refused& refused) {
    diagnostics.Add(refused.where, refused.message);
  } catch (const YAML::Exception& error) {
    diagnostics.Add(builder.Place(error.mark), "not YAML: " + error.msg);
  } catch (const std::exception& error) {
    diagnostics.Add({file, 0, 0}, fmt::format("not YAML: {}", error.what()));
  }
  if (diagnostics.list().size() != before) return std::nullopt;
  if (builder.root().where().file.empty()) {  // an empty document
    return YamlNode(std::make_shared<Data>(Location{file, 1, 1}));
  }
  return builder.root();
}

YamlNode::YamlNode() {
  static const std::shared_ptr<const Data> kNothing = std::make_shared<Data>();
  data_ = kNothing;
}

YamlNode::Kind YamlNode::kind() const { return data_->kind; }
const std::string& YamlNode::text() const { return data_->text; }
bool YamlNode::quoted() const { return data_->quoted; }
const std::vector<YamlNode>& YamlNode::items() const { return data_->items; }
const std::vector<YamlNode::Entry>& YamlNode::entries() const { return data_->entries; }
const Location& YamlNode::where() const { return data_->where; }

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const Entry& entry : data_->entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string YamlNode::Describe() const {
  switch (kind()) {
    case Kind::kNull:
      return "nothing";
    case Kind::kSequence:
      return "a list";
    case Kind::kMap:
      return "a map";
    case Kind::kScalar:
      break;
  }
  constexpr std::size_t kShown = 60;
  return text().size() <= kShown ? fmt::format("\"{}\"", text())
                                 : fmt::format("\"{}…\"", text().substr(0, kShown));
}

std::string YamlNode::Canonical() const {
  std::string all = IsScalar() ? Quote(text()) : IsMap() ? "{" : "[";
  for (const YamlNode& item : items()) all += item.Canonical() + ",";
  for (const Entry& entry : entries())
    all += Quote(entry.key) + ":" + entry.value.Canonical() + ",";
  return all + (IsScalar() ? "" : IsMap() ? "}" : "]");
}

YamlMap::YamlMap(const YamlNode& node, std::string_view what, Diagnostics& diagnostics)
    : node_(node), what_(what), diagnostics_(diagnostics) {
  if (!node.IsMap() && !node.IsNull()) {
    diagnostics_.Add(node.where(), fmt::format("{} must be a map, not {}", what_, node.Describe()));
    finished_ = true;
  }
}

const YamlNode* YamlMap::Get(std::string_view key) {
  known_.emplace(key);
  const YamlNode* value = node_.Find(key);
  return value == nullptr || value->IsNull() ? nullptr : value;
}

const YamlNode* YamlMap::Require(std::string_view key) {
  const YamlNode* value = Get(key);
  if (value == nullptr && !finished_) {
    diagnostics_.Add(Where(key), fmt::format("{} lacks the key \"{}\"", what_, key));
  }
  return value;
}

template <class T, class Parse>
std::optional<T> YamlMap::Scalar(std::string_view key, std::string_view expected, Parse parse) {
  const YamlNode* value = Get(key);
  if (value == nullptr) return std::nullopt;
  if (value->IsScalar()) {
    if (std::optional<T> parsed = parse(*value)) return parsed;
  }
  diagnostics_.Add(value->where(),
                   fmt::format("\"{}\" must be {}, not {}", key, expected, value->Describe()));
  return std::nullopt;
}

std::optional<std::string> YamlMap::String(std::string_view key) {
  return Scalar<std::string>(key, "text",
                             [](const YamlNode& node) { return std::optional(node.text()); });
}

std::optional<bool> YamlMap::Bool(std::string_view key) {
  return Scalar<bool>(key, "true or false", [](const YamlNode& node) -> std::optional<bool> {
    if (node.quoted() || (node.text() != "true" && node.text() != "false")) return std::nullopt;
    return node.text() == "true";
  });
}

std::optional<std::int64_t> YamlMap::Int(std::string_view key) {
  return Scalar<std::int64_t>(
      key, "a whole number", [](const YamlNode& node) -> std::optional<std::int64_t> {
        std::int64_t number = 0;
        const char* end = node.text().data() + node.text().size();
        const auto [stop, status] = std::from_chars(node.text().data(), end, number);
        if (node.quoted() || status != std::errc() || stop != end) return std::nullopt;
        return number;
      });
}

std::optional<std::int64_t> YamlMap::Int(std::string_view key, std::int64_t least,
                                         std::int64_t most) {
  const auto number = Int(key);
  if (!number || (*number >= least && *number <= most)) return number;
  diagnostics_.Add(Where(key), fmt::format("{}: expected {} to {}", key, least, most));
  return std::nullopt;
}

std::optional<double> YamlMap::Number(std::string_view key) {
  return Scalar<double>(key, "a number", [](const YamlNode& node) -> std::optional<double> {
    double number = 0;
    const char* end = node.text().data() + node.text().size();
    const auto [stop, status] = std::from_chars(node.text().data(), end, number);
    if (node.quoted() || status != std::errc() || stop != end || !std::isfinite(number))
      return std::nullopt;
    return number;
  });
}

std::optional<Millis> YamlMap::Duration(std::string_view key) {
  return Scalar<Millis>(key, "a duration such as 15s or 1h30m",
                        [](const YamlNode& node) -> std::optional<Millis> {
                          const Result<Millis> duration = ParseDuration(node.text());
                          return duration.ok() ? std::optional(*duration) : std::nullopt;
                        });
}

std::optional<std::int64_t> YamlMap::Size(std::string_view key) {
  return Scalar<std::int64_t>(key, "a size such as 512MiB",
                              [](const YamlNode& node) -> std::optional<std::int64_t> {
                                const Result<std::int64_t> size = ParseSize(node.text());
                                return size.ok() ? std::optional(*size) : std::nullopt;
                              });
}

std::vector<std::string> YamlMap::Strings(std::string_view key) {
  std::vector<std::string> texts;
  const YamlNode* list = Get(key);
  if (list == nullptr) return texts;
  if (!list->IsSequence()) {
    diagnostics_.Add(list->where(),
                     fmt::format("\"{}\" must be a list of text, not {}", key, list->Describe()));
    return texts;
  }
  for (const YamlNode& item : list->items()) {
    if (item.IsScalar()) {
      texts.push_back(item.text());
    } else {
      diagnostics_.Add(item.where(),
                       fmt::format("an item of \"{}\" must be text, not {}", key, item.Describe()));
    }
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> YamlMap::StringMap(std::string_view key) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const YamlNode* map = Get(key);
  if (map == nullptr) return pairs;
  if (!map->IsMap()) {
    diagnostics_.Add(map->where(),
                     fmt::format("\"{}\" must be a map of text, not {}", key, map->Describe()));
    return pairs;
  }
  for (const YamlNode::Entry& entry : map->entries()) {
    if (entry.value.IsScalar() || entry.value.IsNull()) {
      pairs.emplace_back(entry.key, entry.value.text());
    } else {
      diagnostics_.Add(entry.value.where(), fmt::format("\"{}\" in \"{}\" must be text, not {}",
                                                        entry.key, key, entry.value.Describe()));
    }
  }
  return pairs;
}

const Location& YamlMap::Where(std::string_view key) const {
  for (const YamlNode::Entry& entry : node_.entries()) {
    if (entry.key == key) return entry.where;
  }
  return node_.where();
}

void YamlMap::Finish() {
  if (finished_) return;
  finished_ = true;
  const std::vector<std::string_view> candidates(known_.begin(), known_.end());
  for (const YamlNode::Entry& entry : node_.entries()) {
    if (known_.contains(entry.key)) continue;
    const std::string_view nearest = Nearest(entry.key, candidates);
    diagnostics_.Add(entry.where,
                     nearest.empty() ? fmt::format("unknown key \"{}\" in {}; known: {}", entry.key,
                                                   what_, fmt::join(candidates, ", "))
                                     : fmt::format("unknown key \"{}\" in {}; did you mean \"{}\"?",
                                                   entry.key, what_, nearest));
  }
}

}  // namespace tierwatch
