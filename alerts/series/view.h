// The store as a reader sees it: the series now, and the samples up to the batch that came last
// before it was opened.
#pragma once

#include <cstdint>
#include <memory>
#include <shared_mutex>

#include "alerts/series/found_list.h"
#include "alerts/series/gate.h"
#include "alerts/series/queryable.h"
#include "alerts/series/series_table.h"

namespace tierwatch::series {

class StoreView final : public View {
 public:
  /// `pass` keeps the numbers of texts as they are; `mutex` is that of the table.
  StoreView(Gate::Pass pass, std::shared_ptr<Symbols> symbols, const SeriesTable& table,
            std::shared_mutex& mutex, std::uint64_t commit, Interrupt interrupt);

  const std::shared_ptr<Symbols>& symbols() const override { return symbols_; }
  Result<SeriesListPtr> Find(std::span<const Matcher> matchers, const TimeRange* within,
                             const SeriesListPtr& former) override;
  Result<std::unique_ptr<Window>> Read(const SeriesListPtr& list, TimeRange range) override;

 private:
  bool Holds(const FoundList& list, std::span<const Matcher> matchers) const;
  std::shared_ptr<FoundList> ListOf(std::span<const SeriesId> ids, bool all,
                                    const TimeRange* within) const;

  Gate::Pass pass_;
  std::shared_ptr<Symbols> symbols_;
  const SeriesTable& table_;
  std::shared_mutex& mutex_;
  std::uint64_t commit_;
  Interrupt interrupt_;
};

}  // namespace tierwatch::series
