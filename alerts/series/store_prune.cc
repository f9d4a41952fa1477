// What the store forgets: samples by age and by bytes, series without samples, texts without
// series.
#include <algorithm>
#include <limits>

#include "alerts/series/store.h"

namespace tierwatch::series {
namespace {

// A source that was silent for that long has its tail packed.
constexpr TimestampMs kSilent = 600'000;
// Blocks of fewer columns aren't worth to be rid of forgotten ones.
constexpr std::uint32_t kWide = 64;
// Garbage of fewer bytes isn't worth a new table of texts.
constexpr std::size_t kMuchText = 1 << 20;

std::uint32_t Forgotten(const Block& block) {
  std::uint32_t forgotten = 0;
  for (std::uint32_t column = 0; column < block.columns(); ++column)
    forgotten += block.id(column) == Block::kForgotten ? 1 : 0;
  return forgotten;
}

// The source's routes into a block from which forgotten columns were taken.
void Reroute(Source& source, std::uint32_t number, const std::shared_ptr<Block>& fresh) {
  const Block& former = *source.blocks[number];
  for (Route& route : source.routes) {
    if (route.number != number) continue;
    std::vector<std::uint32_t> positions;
    for (std::uint32_t column = 0; column < former.columns(); ++column) {
      if (former.id(column) != Block::kForgotten) positions.push_back(route.positions[column]);
    }
    route.positions = std::move(positions);
    route.block = fresh;
  }
  source.blocks[number] = fresh;
}

}  // namespace

std::vector<std::shared_ptr<Source>> Store::Sources() const {
  const std::lock_guard lock(sources_mutex_);
  std::vector<std::shared_ptr<Source>> sources;
  for (const auto& [key, source] : sources_) sources.push_back(source);
  return sources;
}

// Takes series that have no rows left out of the table, or lets them live on in their columns. The
// source is locked.
void Store::RemoveSeries(Source& source, const std::vector<SeriesId>& ids) {
  const std::unique_lock lock(table_mutex_);
  table_.Change();
  std::vector<SeriesId> gone;
  for (const SeriesId id : ids) {
    const ColumnPtr column = table_.column(id);
    if (!column || column->CloseIfEmpty()) {
      gone.push_back(id);
    } else {
      table_.SetHome(id, Home());
    }
  }
  table_.Change();
  table_.Remove(gone);
  std::vector<std::uint32_t> empty;
  for (const auto& [number, block] : source.blocks) {
    const std::uint32_t forgotten = Forgotten(*block);
    if (forgotten == block->columns()) {
      empty.push_back(number);
    } else if (forgotten * 2 > block->columns() && block->columns() >= kWide) {
      const std::shared_ptr<Block> fresh = block->WithoutForgotten();
      table_.ReplaceBlock(number, fresh);
      Reroute(source, number, fresh);
    }
  }
  for (const std::uint32_t number : empty) {
    table_.RemoveBlock(number);
    source.blocks.erase(number);
    if (std::erase_if(source.routes, [&](const Route& r) { return r.number == number; }) > 0)
      source.shaped = false;
  }
}

void Store::DropRows(Source& source, TimestampMs horizon, std::uint64_t& dropped) {
  const std::lock_guard lock(source.mutex);
  std::vector<SeriesId> ids;
  for (const auto& [number, block] : source.blocks) {
    dropped += block->DropBefore(horizon);
    block->Forget(ids);
  }
  if (!ids.empty()) RemoveSeries(source, ids);
}

void Store::DropColumns(TimestampMs horizon, std::uint64_t& dropped) {
  std::vector<std::pair<SeriesId, ColumnPtr>> columns;
  {
    const std::shared_lock lock(table_mutex_);
    columns.assign(table_.columns().begin(), table_.columns().end());
  }
  std::erase_if(columns, [&](const auto& column) {
    dropped += column.second->DropBefore(horizon);
    return column.second->size() > 0;
  });
  if (columns.empty()) return;
  const std::unique_lock lock(table_mutex_);
  table_.Change();
  std::vector<SeriesId> gone;
  for (const auto& [id, column] : columns) {
    // While nobody held the lock, the series may have gone, and another one come.
    if (table_.column(id) != column || !column->CloseIfEmpty()) continue;
    if (table_.home(id).block == Home::kNone) {
      gone.push_back(id);
    } else {
      table_.RemoveColumn(id);
    }
  }
  table_.Change();
  table_.Remove(gone);
}

std::uint64_t Store::DropBefore(TimestampMs horizon) {
  std::uint64_t dropped = 0;
  for (const std::shared_ptr<Source>& source : Sources()) DropRows(*source, horizon, dropped);
  DropColumns(horizon, dropped);
  samples_ -= dropped;
  return dropped;
}

// Packs what silent sources left, has others look again for what found no good place the last time,
// and forgets sources that have nothing.
void Store::RetireSources(TimestampMs now) {
  const auto silent = [&](const Source& source) { return source.time < now - kSilent; };
  for (const std::shared_ptr<Source>& source : Sources()) {
    const std::lock_guard lock(source->mutex);
    if (!source->loose.empty() || !source->refused.empty()) source->shaped = false;
    for (const auto& [number, block] : source->blocks) {
      if (silent(*source)) block->Settle(true);
    }
  }
  const std::lock_guard lock(sources_mutex_);
  std::erase_if(sources_, [&](const auto& item) {
    Source& source = *item.second;
    const std::unique_lock source_lock(source.mutex, std::try_to_lock);
    if (!source_lock) return false;  // it is being written to
    source.gone = source.blocks.empty() && (source.loose.empty() || silent(source));
    return source.gone;
  });
}

TimestampMs Store::Oldest() const {
  TimestampMs oldest = std::numeric_limits<TimestampMs>::max();
  for (const std::shared_ptr<Source>& source : Sources()) {
    const std::lock_guard lock(source->mutex);
    for (const auto& [number, block] : source->blocks)
      oldest = std::min(oldest, block->Oldest().value_or(oldest));
  }
  const std::shared_lock lock(table_mutex_);
  for (const auto& [id, column] : table_.columns()) oldest = std::min(oldest, column->oldest());
  return oldest;
}

void Store::Prune(TimestampMs now) {
  if (options_.retention.count() > 0) DropBefore(now - options_.retention.count());
  // Gives up the oldest eighth of what is kept until the rest fits.
  while (options_.max_bytes > 0 && Stats().bytes > options_.max_bytes && samples_ > 0) {
    const TimestampMs oldest = Oldest();
    if (oldest == std::numeric_limits<TimestampMs>::max()) break;
    const TimestampMs horizon = oldest >= now ? oldest + 1 : oldest + (now - oldest) / 8 + 1;
    dropped_for_bytes_ += DropBefore(horizon);
  }
  RetireSources(now);
  RenewSymbols();
}

// Texts are numbered anew where most of them belong to no series any more and nobody holds numbers.
void Store::RenewSymbols() {
  const std::unique_lock lock(table_mutex_);
  const std::size_t used = table_.index().labels() + table_.index().Names().size();
  if (symbols_->bytes() < kMuchText || symbols_->size() < 2 * used) return;
  if (!symbols_gate_.TryClose()) return;
  auto fresh = std::make_shared<Symbols>();
  table_.Change();
  table_.Renumber([&](Symbol symbol) { return fresh->Intern(symbols_->Text(symbol)); });
  symbols_ = std::move(fresh);
  symbols_gate_.Open();
}

}  // namespace tierwatch::series
