#include "alerts/series/column.h"

#include <algorithm>

#include "alerts/series/float_histogram.h"

namespace tierwatch::series {
namespace {

// Appends to a column that exists only once a value other than the default was seen.
template <class T>
void AppendSparse(std::vector<T>& column, std::size_t size_before, const T& value) {
  if (column.empty() && value == T{}) return;
  column.resize(size_before);
  column.push_back(value);
}

template <class T>
void CopySparse(const std::vector<T>& column, std::size_t begin, std::size_t end,
                std::size_t size_before, std::vector<T>& out) {
  if (column.empty() && out.empty()) return;
  out.resize(size_before);
  if (column.empty()) {
    out.resize(size_before + end - begin);
  } else {
    out.insert(out.end(), column.begin() + begin, column.begin() + end);
  }
}

template <class T>
void EraseFront(std::vector<T>& column, std::size_t count) {
  if (!column.empty()) column.erase(column.begin(), column.begin() + count);
}

std::size_t BytesOf(const HistogramPtr& histogram) {
  if (!histogram) return 0;
  const auto of = [](const Buckets& b) {
    return b.index.capacity() * sizeof b.index[0] + b.count.capacity() * sizeof b.count[0];
  };
  return sizeof *histogram + of(histogram->positive) + of(histogram->negative);
}

}  // namespace

void SampleBuffer::Clear() {
  times.clear();
  values.clear();
  histograms.clear();
  start_times.clear();
}

Column::Taken Column::Append(TimestampMs time, double value, const HistogramPtr& histogram,
                             TimestampMs start_time, std::uint64_t commit) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Taken::kClosed;
  if (!times_.empty() && time <= times_.back()) return Taken::kTooOld;
  AppendSparse(histograms_, times_.size(), histogram);
  AppendSparse(start_times_, times_.size(), start_time);
  times_.push_back(time);
  values_.push_back(value);
  commits_.push_back(commit);
  return Taken::kYes;
}

std::size_t Column::Copy(TimestampMs from, TimestampMs to, std::uint64_t commit,
                         SampleBuffer& out) const {
  const std::lock_guard lock(mutex_);
  const auto begin = std::lower_bound(times_.begin() + first_, times_.end(), from);
  const auto end = std::upper_bound(begin, times_.end(), to);
  const std::size_t b = begin - times_.begin();
  std::size_t e = end - times_.begin();
  while (e > b && commits_[e - 1] > commit) --e;
  CopySparse(histograms_, b, e, out.times.size(), out.histograms);
  CopySparse(start_times_, b, e, out.times.size(), out.start_times);
  out.times.insert(out.times.end(), times_.begin() + b, times_.begin() + e);
  out.values.insert(out.values.end(), values_.begin() + b, values_.begin() + e);
  return e - b;
}

std::size_t Column::DropBefore(TimestampMs horizon) {
  const std::lock_guard lock(mutex_);
  const std::size_t kept =
      std::lower_bound(times_.begin() + first_, times_.end(), horizon) - times_.begin();
  const std::size_t dropped = kept - first_;
  first_ = kept;
  // Moving the rest to the front is paid for by at least as many dropped samples.
  if (first_ > 0 && first_ * 2 >= times_.size()) {
    EraseFront(times_, first_);
    EraseFront(values_, first_);
    EraseFront(commits_, first_);
    EraseFront(histograms_, first_);
    EraseFront(start_times_, first_);
    first_ = 0;
  }
  return dropped;
}

bool Column::CloseIfEmpty() {
  const std::lock_guard lock(mutex_);
  closed_ = closed_ || times_.size() == first_;
  return closed_;
}

std::size_t Column::size() const {
  const std::lock_guard lock(mutex_);
  return times_.size() - first_;
}

std::optional<Newest> Column::Newest() const {
  const std::lock_guard lock(mutex_);
  if (times_.empty()) return std::nullopt;
  return series::Newest{times_.back(), values_.back(),
                        histograms_.empty() ? nullptr : histograms_.back()};
}

TimestampMs Column::oldest() const {
  const std::lock_guard lock(mutex_);
  return times_.size() == first_ ? std::numeric_limits<TimestampMs>::max() : times_[first_];
}

std::size_t Column::bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t bytes =
      sizeof *this + times_.capacity() * sizeof(TimestampMs) + values_.capacity() * sizeof(double) +
      commits_.capacity() * sizeof(std::uint64_t) + histograms_.capacity() * sizeof(HistogramPtr) +
      start_times_.capacity() * sizeof(TimestampMs);
  if (!histograms_.empty()) bytes += histograms_.size() * BytesOf(histograms_.back());
  return bytes;
}

}  // namespace tierwatch::series
