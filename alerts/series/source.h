// One writer of a store, a target or a rule: where each sample of its next batch goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "alerts/series/batch_shape.h"
#include "alerts/series/block.h"
#include "alerts/series/column.h"
#include "alerts/series/series_table.h"

namespace tierwatch::series {

/// What a batch writes into one block.
struct Route {
  static constexpr std::uint32_t kNowhere = NumberSet::kNone;
  std::shared_ptr<Block> block;
  std::uint32_t number = 0;              // of the block
  std::vector<std::uint32_t> positions;  // by column, the place in the batch, or kNowhere
  std::uint32_t samples = 0;             // positions that are somewhere
  std::vector<std::uint32_t> ended;      // columns whose next row marks the end
};

/// A sample of the batch that goes nowhere.
struct NoRoute {
  std::size_t position = 0;
  SeriesId series = kNoSeries;  // that has one of the same time or a later one; else over a limit
};

/// A sample of the batch that goes to a column of its own.
struct LooseRoute {
  std::size_t position = 0;
  SeriesId series = kNoSeries;
  ColumnPtr column;
  std::shared_ptr<const Block> home;  // where the series has samples as well, if any
  std::uint32_t home_column = 0;
};

/// All but the mutex is guarded by it: whoever holds it is the source's one writer.
struct Source {
  std::mutex mutex;
  bool gone = false;  // no longer the source of its key: look again
  std::map<std::uint32_t, std::shared_ptr<Block>> blocks;      // all that are its own, by number
  TimestampMs time = std::numeric_limits<TimestampMs>::min();  // of the newest batch
  bool many_streams = false;  // more than one batch came for a time

  bool shaped = false;  // what follows is that of the last batch
  Shape shape;
  std::vector<Route> routes;
  std::vector<LooseRoute> loose;
  std::vector<ColumnPtr> ended_loose;  // their end is marked with the next batch
  std::vector<NoRoute> refused;
  std::uint32_t growing = Home::kNone;  // the block that takes new series
};

/// What decides about routes, besides the label sets.
struct RoutingRequest {
  const LabelSets& sets;
  std::vector<bool> loose;  // by position; shorter or empty: the rest is not loose
  TimestampMs time = 0;
  bool marks_ends = false;  // what the batch lacks has ended
  std::size_t max_series = 0;
};

/// Gives the source routes for a batch of new shape, adding series as needed. `mutex` is that of
/// the table; it is taken exclusively for a slice of the new series at a time.
void SetRoutes(Source& source, const RoutingRequest& request, SeriesTable& table,
               std::shared_mutex& mutex);

}  // namespace tierwatch::series
