#include "collectors/lsn_history.h"

#include <algorithm>
#include <charconv>

namespace tierwatch {
namespace {

std::optional<std::uint32_t> ParseHex32(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Lsn> ParseLsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = ParseHex32(text.substr(0, slash));
  const auto low = ParseHex32(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return (Lsn{*high} << 32) | *low;
}

void LsnHistory::Add(SteadyTime time, Lsn lsn) {
  if (!samples_.empty() && lsn < samples_.back().lsn) samples_.clear();
  // Seen again it is no news: the age of an LSN counts from when it was first there.
  if (!samples_.empty() && lsn == samples_.back().lsn) return;
  if (samples_.size() == kMostSamples) Thin();
  samples_.push_back({time, lsn});
}

void LsnHistory::Thin() {
  std::deque<At> kept;
  const std::size_t half = samples_.size() / 2;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    if (i >= half || i % 2 == 0) kept.push_back(samples_[i]);
  }
  samples_ = std::move(kept);
}

std::optional<Lsn> LsnHistory::Last() const {
  if (samples_.empty()) return std::nullopt;
  return samples_.back().lsn;
}

std::optional<LsnHistory::Lag> LsnHistory::LagOf(Lsn replayed, SteadyTime now) const {
  if (samples_.empty()) return std::nullopt;
  const auto missing = std::upper_bound(samples_.begin(), samples_.end(), replayed,
                                        [](Lsn lsn, const At& at) { return lsn < at.lsn; });
  if (missing == samples_.end()) return Lag{};
  const double seconds = std::chrono::duration<double>(now - missing->time).count();
  return Lag{std::max(0.0, seconds), missing == samples_.begin(), missing->time};
}

}  // namespace tierwatch
