#include "alerts/series/view.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "alerts/series/find.h"

namespace tierwatch::series {
namespace {

struct Found {
  SeriesId id = 0;
  Home home;
  bool loose = false;
};

std::vector<Found> InOrder(const SeriesTable& table, std::span<const SeriesId> ids) {
  std::vector<Found> found;
  found.reserve(ids.size());
  for (const SeriesId id : ids) {
    const Home home = table.home(id);
    found.push_back({id, home, home.block == Home::kNone || table.HasColumn(id)});
  }
  const auto before = [](const Found& a, const Found& b) {
    return std::tie(a.loose, a.home.block, a.home.column) <
           std::tie(b.loose, b.home.block, b.home.column);
  };
  // As series get their ids when they get their columns, there is mostly nothing to do.
  if (!std::is_sorted(found.begin(), found.end(), before))
    std::sort(found.begin(), found.end(), before);
  return found;
}

void Add(const SeriesTable& table, const Found& found, FoundList& list) {
  if (found.loose) {
    const bool homeless = found.home.block == Home::kNone;
    list.loose.push_back({homeless ? nullptr : table.block(found.home.block), found.home.column,
                          table.column(found.id)});
    return;
  }
  const std::shared_ptr<Block>& block = table.block(found.home.block);
  list.columns.push_back(found.home.column);
  if (list.runs.empty() || list.runs.back().block != block) list.runs.push_back({block, 0});
  list.runs.back().end = list.columns.size();
}

}  // namespace

StoreView::StoreView(Gate::Pass pass, std::shared_ptr<Symbols> symbols, const SeriesTable& table,
                     std::shared_mutex& mutex, std::uint64_t commit, Interrupt interrupt)
    : pass_(std::move(pass)),
      symbols_(std::move(symbols)),
      table_(table),
      mutex_(mutex),
      commit_(commit),
      interrupt_(std::move(interrupt)) {}

bool StoreView::Holds(const FoundList& list, std::span<const Matcher> matchers) const {
  if (!list.reusable || list.frame->symbols() != symbols_) return false;
  const std::uint64_t epoch = list.epoch.load(std::memory_order_relaxed);
  if (epoch == table_.epoch()) return true;
  const std::shared_lock lock(mutex_);
  if (!StillHolds(table_, *symbols_, matchers, epoch, list.size() == 0)) return false;
  list.epoch.store(table_.epoch(), std::memory_order_relaxed);
  return true;
}

std::shared_ptr<FoundList> StoreView::ListOf(std::span<const SeriesId> ids, bool all,
                                             const TimeRange* within) const {
  auto list = std::make_shared<FoundList>();
  std::vector<Found> found = InOrder(table_, ids);
  for (const Found& one : found) Add(table_, one, *list);
  if (within) {
    // Once more without those that have nothing there.
    const FoundWindow window(list, *within, commit_);
    std::size_t i = 0;
    std::erase_if(found, [&](const Found&) { return !window.Has(i++); });
    all = all && found.size() == list->size();
    list = std::make_shared<FoundList>();
    for (const Found& one : found) Add(table_, one, *list);
  }
  std::size_t pairs = 0;
  for (const Found& one : found) pairs += table_.labels(one.id).size();
  FrameBuilder frame(symbols_);
  frame.Reserve(found.size(), pairs);
  for (const Found& one : found) frame.Add(table_.labels(one.id));
  list->frame = frame.Finish(true);
  list->reusable = all;
  list->epoch = table_.epoch();
  return list;
}

Result<SeriesListPtr> StoreView::Find(std::span<const Matcher> matchers, const TimeRange* within,
                                      const SeriesListPtr& former) {
  if (former && Holds(static_cast<const FoundList&>(*former), matchers)) return former;
  const std::shared_lock lock(mutex_);
  Result<std::vector<SeriesId>> ids = FindSeries(table_, *symbols_, matchers, interrupt_);
  if (!ids.ok()) return std::move(ids).error();
  return SeriesListPtr(ListOf(*ids, within == nullptr, within));
}

Result<std::unique_ptr<Window>> StoreView::Read(const SeriesListPtr& list, TimeRange range) {
  auto found = std::static_pointer_cast<const FoundList>(list);
  return std::unique_ptr<Window>(std::make_unique<FoundWindow>(std::move(found), range, commit_));
}

}  // namespace tierwatch::series
