// What may be asked of the store: a view, its series and their labels, how large it is.
#include <algorithm>

#include "alerts/series/store.h"
#include "alerts/series/view.h"

namespace tierwatch::series {

std::unique_ptr<View> Store::Open(Interrupt interrupt) const {
  Gate::Pass pass = symbols_gate_.Enter();
  return std::make_unique<StoreView>(std::move(pass), symbols_, table_, table_mutex_,
                                     committed_.load(std::memory_order_acquire),
                                     std::move(interrupt));
}

std::vector<Labels> Store::Series(std::span<const std::vector<Matcher>> sets, TimestampMs from,
                                  TimestampMs to) const {
  const std::unique_ptr<View> view = Open();
  const TimeRange within{from, to};
  const std::vector<Matcher> all;
  std::vector<Labels> result;
  const auto add = [&](std::span<const Matcher> matchers) {
    // Without an interrupt, finding doesn't fail.
    const SeriesListPtr list = std::move(view->Find(matchers, &within, nullptr)).value();
    for (std::size_t i = 0; i < list->frame->size(); ++i)
      result.push_back(list->frame->LabelsOf(i));
  };
  if (sets.empty()) add(all);
  for (const std::vector<Matcher>& matchers : sets) add(matchers);
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

namespace {

std::vector<std::string> Spelled(const Symbols& symbols, std::span<const Symbol> numbers) {
  std::vector<std::string> texts;
  for (const Symbol number : numbers) texts.emplace_back(symbols.Text(number));
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

std::vector<std::string> Store::LabelNames() const {
  const Gate::Pass pass = symbols_gate_.Enter();
  const std::shared_lock lock(table_mutex_);
  return Spelled(*symbols_, table_.index().Names());
}

std::vector<std::string> Store::LabelValues(std::string_view name) const {
  const Gate::Pass pass = symbols_gate_.Enter();
  const std::shared_lock lock(table_mutex_);
  const std::optional<Symbol> known = symbols_->Find(name);
  return known ? Spelled(*symbols_, table_.index().Values(*known)) : std::vector<std::string>();
}

StoreStats Store::Stats() const {
  StoreStats stats;
  const Gate::Pass pass = symbols_gate_.Enter();
  const std::shared_lock lock(table_mutex_);
  for (std::uint32_t number = 0; number < table_.block_limit(); ++number) {
    const std::shared_ptr<Block>& block = table_.block(number);
    if (!block) continue;
    stats.tail_bytes += block->tail_bytes();
    stats.sealed_bytes += block->sealed_bytes();
    stats.sealed_samples += block->sealed_samples();
  }
  for (const auto& [id, column] : table_.columns()) stats.loose_bytes += column->bytes();
  stats.index_bytes = table_.bytes() + symbols_->bytes();
  stats.bytes = stats.index_bytes + stats.tail_bytes + stats.sealed_bytes + stats.loose_bytes;
  stats.series = table_.size();
  stats.samples = samples_;
  stats.refused = refused_;
  stats.dropped_for_bytes = dropped_for_bytes_;
  return stats;
}

}  // namespace tierwatch::series
