// Which series satisfy matchers: the inverted index first, then their labels one by one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "alerts/series/matcher.h"
#include "alerts/series/queryable.h"
#include "alerts/series/series_table.h"
#include "alerts/series/symbols.h"
#include "base/result.h"

namespace tierwatch::series {

/// Ids, ascending. A regular expression is evaluated once for each value that it is asked about.
/// The table must be locked. Error: that of `interrupt`.
Result<std::vector<SeriesId>> FindSeries(const SeriesTable& table, const Symbols& symbols,
                                         std::span<const Matcher> matchers,
                                         const Interrupt& interrupt);

/// True where what the same matchers found in `epoch` is still right: no series that has one of
/// the labels that they demand came, went or moved. `empty`: they found nothing.
bool StillHolds(const SeriesTable& table, const Symbols& symbols, std::span<const Matcher> matchers,
                std::uint64_t epoch, bool empty);

}  // namespace tierwatch::series
