#include "alerts/series/frame.h"

#include <algorithm>
#include <string>

namespace tierwatch::series {

void SetValue(std::vector<LabelPair>& labels, Symbol name, Symbol value) {
  const auto at = std::lower_bound(labels.begin(), labels.end(), name,
                                   [](const LabelPair& l, Symbol n) { return l.name < n; });
  const bool present = at != labels.end() && at->name == name;
  if (value == kNoText) {
    if (present) labels.erase(at);
  } else if (present) {
    at->value = value;
  } else {
    labels.insert(at, {name, value});
  }
}

std::uint64_t HashOf(LabelPairs labels) {
  std::uint64_t hash = 0x9e3779b97f4a7c15ULL + labels.size();
  for (const LabelPair& label : labels) {
    hash ^= (std::uint64_t{label.name} << 32) | label.value;
    hash *= 0xff51afd7ed558ccdULL;
    hash ^= hash >> 32;
  }
  return hash;
}

namespace {

template <class AnyLabels>
std::vector<LabelPair> InternedPairs(Symbols& symbols, const AnyLabels& labels) {
  std::vector<LabelPair> pairs;
  pairs.reserve(labels.size());
  for (const auto& label : labels)
    pairs.push_back({symbols.Intern(label.name), symbols.Intern(label.value)});
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

}  // namespace

std::vector<LabelPair> Interned(Symbols& symbols, const Labels& labels) {
  return InternedPairs(symbols, labels);
}

std::vector<LabelPair> Interned(Symbols& symbols, std::span<const LabelView> labels) {
  return InternedPairs(symbols, labels);
}

Labels Spelled(const Symbols& symbols, LabelPairs labels) {
  std::vector<LabelPair> by_name(labels.begin(), labels.end());
  std::ranges::sort(by_name, {}, [&](const LabelPair& label) { return symbols.Text(label.name); });
  std::vector<Label> spelled;
  spelled.reserve(labels.size());
  for (const LabelPair& label : by_name) {
    spelled.push_back(
        {std::string(symbols.Text(label.name)), std::string(symbols.Text(label.value))});
  }
  return Labels(std::move(spelled));
}

FrameBuilder::FrameBuilder(std::shared_ptr<Symbols> symbols) : frame_(std::make_shared<Frame>()) {
  frame_->symbols_ = std::move(symbols);
}

void FrameBuilder::Reserve(std::size_t series, std::size_t pairs) {
  frame_->pairs_.reserve(pairs);
  frame_->ends_.reserve(series);
  frame_->drops_.reserve(series);
}

std::size_t FrameBuilder::Add(LabelPairs labels, bool drops_name) {
  frame_->pairs_.insert(frame_->pairs_.end(), labels.begin(), labels.end());
  frame_->ends_.push_back(static_cast<std::uint32_t>(frame_->pairs_.size()));
  frame_->drops_.push_back(drops_name ? 1 : 0);
  return frame_->size() - 1;
}

void FrameBuilder::Grow() {
  std::vector<std::uint32_t> slots(std::max<std::size_t>(16, slots_.size() * 2));
  const std::size_t mask = slots.size() - 1;
  for (std::uint32_t i = 0; i < frame_->size(); ++i) {
    std::size_t at = HashOf((*frame_)[i]) & mask;
    while (slots[at] != 0) at = (at + 1) & mask;
    slots[at] = i + 1;
  }
  slots_ = std::move(slots);
}

std::pair<std::size_t, bool> FrameBuilder::Insert(LabelPairs labels, bool drops_name) {
  if ((frame_->size() + 1) * 2 > slots_.size()) Grow();
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = HashOf(labels) & mask;
  for (; slots_[at] != 0; at = (at + 1) & mask) {
    const std::size_t known = slots_[at] - 1;
    if (std::ranges::equal((*frame_)[known], labels)) return {known, false};
  }
  const std::size_t fresh = Add(labels, drops_name);
  slots_[at] = static_cast<std::uint32_t>(fresh) + 1;
  return {fresh, true};
}

std::optional<std::size_t> FrameBuilder::Find(LabelPairs labels) const {
  if (slots_.empty()) return std::nullopt;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = HashOf(labels) & mask; slots_[at] != 0; at = (at + 1) & mask) {
    const std::size_t known = slots_[at] - 1;
    if (std::ranges::equal((*frame_)[known], labels)) return known;
  }
  return std::nullopt;
}

FramePtr FrameBuilder::Finish(bool distinct) {
  frame_->distinct_ = distinct || !slots_.empty() || frame_->size() < 2;
  frame_->drops_any_ =
      std::ranges::any_of(frame_->drops_, [](std::uint8_t drops) { return drops != 0; });
  return std::move(frame_);
}

}  // namespace tierwatch::series
