#include "alerts/series/source.h"

#include <algorithm>
#include <unordered_map>

namespace tierwatch::series {
namespace {

// New series that are added under one lock.
constexpr std::size_t kSlice = 2048;
// A block narrower than that takes new series however many of its own have ended.
constexpr std::uint32_t kNarrow = 64;

class Router {
 public:
  Router(Source& source, const RoutingRequest& request, SeriesTable& table)
      : source_(source), request_(request), table_(table) {}

  // False: the table must change for it.
  bool Find(std::size_t position) {
    const SeriesId id = table_.Find(request_.sets[position]);
    if (id == kNoSeries) return false;
    const Home home = table_.home(id);
    if (!IsLoose(position)) {
      if (home.block == Home::kNone) return false;
      if (source_.blocks.contains(home.block) && TakeIfRoom(id, position)) return true;
    }
    ColumnPtr column = table_.column(id);
    return column != nullptr && TakeLoose(id, std::move(column), position);
  }

  void Add(std::size_t position) {
    if (Find(position)) return;
    const LabelPairs labels = request_.sets[position];
    SeriesId id = table_.Find(labels);
    const bool fresh = id == kNoSeries, loose = IsLoose(position);
    if (fresh &&
        (table_.size() >= request_.max_series || labels.size() > SeriesTable::kMaxLabels)) {
      refused_.push_back({position, kNoSeries});
    } else if (loose || (!fresh && table_.home(id).block != Home::kNone)) {
      if (fresh) id = table_.Add(labels, Home());
      TakeLoose(id, table_.AddColumn(id), position);
    } else {
      const Home home = NextHome();
      if (!fresh) table_.SetHome(id, home);
      if (fresh) id = table_.Add(labels, home);
      source_.blocks[home.block]->AddColumn(id);
      Take(id, position);
    }
  }

  void Finish() {
    // Of many streams, a batch says nothing about the blocks that it doesn't write to.
    for (const Route& former : source_.routes) {
      if (!source_.many_streams) RouteOf(former.number);
    }
    for (Route& route : routes_) SetLiving(route);
    std::vector<ColumnPtr> ended_loose;
    for (const LooseRoute& former : source_.loose) {
      const bool stays = std::ranges::any_of(
          loose_, [&](const LooseRoute& route) { return route.column == former.column; });
      if (!stays && request_.marks_ends) ended_loose.push_back(former.column);
    }
    source_.routes = std::move(routes_);
    source_.loose = std::move(loose_);
    source_.ended_loose = std::move(ended_loose);
    source_.refused = std::move(refused_);
  }

 private:
  bool IsLoose(std::size_t position) const {
    return position < request_.loose.size() && request_.loose[position];
  }

  Route& RouteOf(std::uint32_t block) {
    const auto [at, fresh] = route_of_.try_emplace(block, routes_.size());
    if (fresh) routes_.push_back({source_.blocks.at(block), block, {}, 0, {}});
    return routes_[at->second];
  }

  // The sample of the batch goes there, if not one before it did.
  void Take(SeriesId id, std::size_t position) {
    const Home home = table_.home(id);
    Route& route = RouteOf(home.block);
    if (route.positions.size() <= home.column)
      route.positions.resize(home.column + 1u, Route::kNowhere);
    if (route.positions[home.column] == Route::kNowhere) {
      route.positions[home.column] = static_cast<std::uint32_t>(position);
      ++route.samples;
    } else {
      refused_.push_back({position, id});
    }
  }

  // False: the block has a later row already, but the series no sample as late.
  bool TakeIfRoom(SeriesId id, std::size_t position) {
    const Home home = table_.home(id);
    const Block& block = *source_.blocks.at(home.block);
    if (block.last_time() < request_.time) {
      Take(id, position);
      return true;
    }
    const std::optional<Newest> newest = block.Newest(home.column);
    const bool late = newest && newest->time >= request_.time;
    if (late) refused_.push_back({position, id});
    return late;
  }

  bool TakeLoose(SeriesId id, ColumnPtr column, std::size_t position) {
    const Home home = table_.home(id);
    loose_.push_back({position, id, std::move(column),
                      home.block == Home::kNone ? nullptr : table_.block(home.block), home.column});
    return true;
  }

  // A block where most series have ended takes no new ones, so that rows don't get wide for
  // nothing.
  bool TakesMore(std::uint32_t number) const {
    const auto at = source_.blocks.find(number);
    if (at == source_.blocks.end()) return false;
    const Block& block = *at->second;
    return block.last_time() < request_.time &&
           (block.columns() < kNarrow || block.live_columns() * 2 >= block.columns());
  }

  Home NextHome() {
    std::uint32_t& growing = source_.growing;
    // Streams of one source may meet in a block only where a batch of both writes to it.
    if (!TakesMore(growing) || (source_.many_streams && !route_of_.contains(growing))) {
      growing = Home::kNone;
      for (const Route& route : routes_) {
        if (TakesMore(route.number)) growing = route.number;
      }
    }
    if (growing == Home::kNone) {
      auto block = std::make_shared<Block>();
      growing = table_.AddBlock(block);
      source_.blocks.emplace(growing, std::move(block));
    }
    return {growing, source_.blocks.at(growing)->columns()};
  }

  // Columns that the batch has live on; others have ended, with the next row or with the last one.
  void SetLiving(Route& route) {
    Block& block = *route.block;
    route.positions.resize(block.columns(), Route::kNowhere);
    for (std::uint32_t column = 0; column < block.columns(); ++column) {
      if (route.positions[column] != Route::kNowhere) {
        block.SetLastRow(column, Block::kLive);
      } else if (block.IsLive(column)) {
        block.SetLastRow(column, block.next_row() - (request_.marks_ends ? 0 : 1));
        if (request_.marks_ends) route.ended.push_back(column);
      }
    }
  }

  Source& source_;
  const RoutingRequest& request_;
  SeriesTable& table_;
  std::vector<Route> routes_;
  std::unordered_map<std::uint32_t, std::size_t> route_of_;  // by the block's number
  std::vector<LooseRoute> loose_;
  std::vector<NoRoute> refused_;
};

}  // namespace

void SetRoutes(Source& source, const RoutingRequest& request, SeriesTable& table,
               std::shared_mutex& mutex) {
  if (request.time <= source.time) source.many_streams = true;
  Router router(source, request, table);
  std::vector<std::size_t> rest;
  {
    const std::shared_lock lock(mutex);
    for (std::size_t i = 0; i < request.sets.size(); ++i) {
      if (!router.Find(i)) rest.push_back(i);
    }
  }
  for (std::size_t begin = 0; begin < rest.size(); begin += kSlice) {
    const std::size_t end = std::min(begin + kSlice, rest.size());
    const std::unique_lock lock(mutex);
    table.Change();
    for (std::size_t i = begin; i < end; ++i) router.Add(rest[i]);
    table.Sort();
  }
  router.Finish();
}

}  // namespace tierwatch::series
