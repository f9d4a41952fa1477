#include "alerts/series/found_list.h"

#include <algorithm>
#include <array>
#include <bit>

namespace tierwatch::series {
namespace {

void LeaveOutGaps(SampleBuffer& samples) {
  std::size_t kept = 0;
  while (kept < samples.values.size() && !IsGap(samples.values[kept])) ++kept;
  for (std::size_t i = kept; i < samples.values.size(); ++i) {
    if (IsGap(samples.values[i])) continue;
    samples.values[kept] = samples.values[i];
    samples.times[kept++] = samples.times[i];
  }
  samples.values.resize(kept);
  samples.times.resize(kept);
}

}  // namespace

RowsInWindow::RowsInWindow(const Block& block, TimeRange range, std::uint64_t commit)
    : layout_(block.layout()) {
  range.from = std::max(range.from, layout_->horizon);
  for (const SealedChunkPtr& chunk : layout_->sealed) {
    if (chunk->about().last_time >= range.from && chunk->about().first_time <= range.to)
      AddSealed(*chunk, range, commit);
  }
  for (const auto& chunk : layout_->tail) AddOpen(*chunk, range, commit);
}

void RowsInWindow::AddSealed(const SealedChunk& chunk, TimeRange range, std::uint64_t commit) {
  std::array<TimestampMs, kMaxRun> times;
  chunk.Times(times);
  const auto last = times.begin() + chunk.rows();
  const auto from = std::lower_bound(times.begin(), last, range.from);
  auto to = std::upper_bound(from, last, range.to);
  if (chunk.about().last_commit > commit) {
    std::array<std::uint64_t, kMaxRun> commits;
    chunk.Commits(commits);
    while (to > from && commits[to - times.begin() - 1] > commit) --to;
  }
  if (from == to) return;
  sealed_.push_back({&chunk, static_cast<std::size_t>(from - times.begin()),
                     static_cast<std::size_t>(to - times.begin())});
  sealed_times_.insert(sealed_times_.end(), from, to);
  rows_ += to - from;
}

void RowsInWindow::AddOpen(const TailChunk& chunk, TimeRange range, std::uint64_t commit) {
  std::size_t end = chunk.count.load(std::memory_order_acquire);
  while (end > 0 && (chunk.rows[end - 1].commit > commit || chunk.rows[end - 1].time > range.to))
    --end;
  std::size_t begin = 0;
  while (begin < end && chunk.rows[begin].time < range.from) ++begin;
  if (begin == end) return;
  open_.push_back({&chunk, begin, end});
  rows_ += end - begin;
}

void RowsInWindow::Read(std::uint32_t column, SampleBuffer& out) const {
  out.Clear();
  out.times.resize(rows_);
  out.values.resize(rows_);
  TimestampMs* time = out.times.data();
  double* value = out.values.data();
  const TimestampMs* sealed_time = sealed_times_.data();
  for (const Sealed& piece : sealed_) {
    const std::size_t rows = piece.end - piece.begin;
    if (piece.chunk->Has(column)) {
      std::array<double, kMaxRun> values;
      piece.chunk->Read(column, {values.data(), piece.chunk->rows()});
      value = std::copy_n(values.data() + piece.begin, rows, value);
      time = std::copy_n(sealed_time, rows, time);
    }
    sealed_time += rows;
  }
  for (const Open& piece : open_) {
    if (column >= piece.chunk->stride) continue;
    const double* cell = piece.chunk->cells(piece.begin).data() + column;
    for (std::size_t i = piece.begin; i < piece.end; ++i, cell += piece.chunk->stride) {
      *value++ = *cell;
      *time++ = piece.chunk->rows[i].time;
    }
  }
  out.times.resize(time - out.times.data());
  out.values.resize(out.times.size());
  LeaveOutGaps(out);
}

bool RowsInWindow::Has(std::uint32_t column) const {
  for (const Open& piece : open_) {
    for (std::size_t i = piece.begin; i < piece.end && column < piece.chunk->stride; ++i) {
      if (!IsGap(piece.chunk->cells(i)[column])) return true;
    }
  }
  for (const Sealed& piece : sealed_) {
    if (!piece.chunk->Has(column)) continue;
    if (piece.end - piece.begin == piece.chunk->rows()) return true;
    std::array<double, kMaxRun> values;
    piece.chunk->Read(column, {values.data(), piece.chunk->rows()});
    if (!std::all_of(values.begin() + piece.begin, values.begin() + piece.end, IsGap)) return true;
  }
  return false;
}

bool RowsInWindow::Part(std::span<const std::uint32_t> columns, MatrixPart& part) const {
  columns =
      columns.first(std::ranges::lower_bound(columns, layout_->breaks_size) - columns.begin());
  if (open_.empty() || columns.empty()) return false;
  const Open &first = open_.front(), &last = open_.back();
  part.columns = columns;
  for (const Open& piece : open_) part.rows += piece.end - piece.begin;
  part.first_time = first.chunk->rows[first.begin].time;
  part.last_time = last.chunk->rows[last.end - 1].time;
  part.first_row = first.chunk->cells(first.begin).data();
  part.last_row = last.chunk->cells(last.end - 1).data();
  part.last_width = last.chunk->stride;
  part.complete = sealed_.empty();
  part.last_break = layout_->breaks.get();
  part.first_row_number = first.chunk->first_row + static_cast<std::uint32_t>(first.begin);
  return true;
}

FoundWindow::FoundWindow(FoundListPtr list, TimeRange range, std::uint64_t commit)
    : list_(std::move(list)), range_(range), commit_(commit) {
  rows_.reserve(list_->runs.size());
  parts_.reserve(list_->runs.size());
  std::size_t begin = 0;
  for (const FoundList::Run& run : list_->runs) {
    rows_.emplace_back(*run.block, range, commit);
    MatrixPart part;
    part.first = begin;
    const auto columns = std::span(list_->columns).subspan(begin, run.end - begin);
    if (rows_.back().Part(columns, part)) parts_.push_back(part);
    begin = run.end;
  }
}

const RowsInWindow& FoundWindow::RowsOf(std::size_t i) const {
  const auto run = std::ranges::upper_bound(list_->runs, i, {}, &FoundList::Run::end);
  return rows_[run - list_->runs.begin()];
}

void FoundWindow::ReadLoose(const FoundList::Loose& loose, SampleBuffer& out) const {
  out.Clear();
  if (!loose.block) {
    loose.own->Copy(range_.from, range_.to, commit_, out);
    return;
  }
  SampleBuffer row, own;
  RowsInWindow(*loose.block, range_, commit_).Read(loose.column, row);
  loose.own->Copy(range_.from, range_.to, commit_, own);
  if (own.times.empty()) {
    out = std::move(row);
    return;
  }
  own.histograms.resize(own.times.size());
  own.start_times.resize(own.times.size());
  const auto take = [&](TimestampMs time, double value, HistogramPtr histogram,
                        TimestampMs start_time) {
    out.times.push_back(time);
    out.values.push_back(value);
    out.histograms.push_back(std::move(histogram));
    out.start_times.push_back(start_time);
  };
  // Of two samples of one time, the row's counts.
  for (std::size_t r = 0, o = 0; r < row.times.size() || o < own.times.size();) {
    if (o == own.times.size() || (r < row.times.size() && row.times[r] <= own.times[o])) {
      if (o < own.times.size() && row.times[r] == own.times[o]) ++o;
      take(row.times[r], row.values[r], nullptr, 0);
      ++r;
    } else {
      take(own.times[o], own.values[o], std::move(own.histograms[o]), own.start_times[o]);
      ++o;
    }
  }
}

SeriesSamples FoundWindow::At(std::size_t i, SampleBuffer& scratch) const {
  if (i < list_->columns.size()) {
    RowsOf(i).Read(list_->columns[i], scratch);
  } else {
    ReadLoose(list_->loose[i - list_->columns.size()], scratch);
  }
  return {scratch.times, scratch.values, scratch.histograms, scratch.start_times};
}

bool FoundWindow::Has(std::size_t i) const {
  if (i < list_->columns.size()) return RowsOf(i).Has(list_->columns[i]);
  SampleBuffer scratch;
  return !At(i, scratch).times.empty();
}

}  // namespace tierwatch::series
