#include "alerts/series/column.h"

#include <algorithm>

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

}  // namespace

bool Column::Append(TimestampMs time, double value, const HistogramPtr& histogram,
                    TimestampMs start_time) {
  if (!empty() && time <= newest()) return false;
  AppendSparse(histograms_, times_.size(), histogram);
  AppendSparse(start_times_, times_.size(), start_time);
  times_.push_back(time);
  values_.push_back(value);
  return true;
}

std::size_t Column::Copy(TimestampMs from, TimestampMs to, SampleBuffer& out) const {
  const auto begin = std::lower_bound(times_.begin() + first_, times_.end(), from);
  const auto end = std::upper_bound(begin, times_.end(), to);
  const std::size_t b = begin - times_.begin();
  const std::size_t e = end - times_.begin();
  CopySparse(histograms_, b, e, out.times.size(), out.histograms);
  CopySparse(start_times_, b, e, out.times.size(), out.start_times);
  out.times.insert(out.times.end(), begin, end);
  out.values.insert(out.values.end(), values_.begin() + b, values_.begin() + e);
  return e - b;
}

bool Column::HasBetween(TimestampMs from, TimestampMs to) const {
  const auto at = std::lower_bound(times_.begin() + first_, times_.end(), from);
  return at != times_.end() && *at <= to;
}

std::size_t Column::DropBefore(TimestampMs horizon) {
  const std::size_t kept =
      std::lower_bound(times_.begin() + first_, times_.end(), horizon) - times_.begin();
  const std::size_t dropped = kept - first_;
  first_ = kept;
  // Moving the rest to the front is paid for by at least as many dropped samples.
  if (first_ * 2 >= times_.size()) {
    EraseFront(times_, first_);
    EraseFront(values_, first_);
    EraseFront(histograms_, first_);
    EraseFront(start_times_, first_);
    first_ = 0;
    if (times_.empty()) *this = Column();
  }
  return dropped;
}

bool Column::ended() const {
  const bool histogram = !histograms_.empty() && histograms_.back() != nullptr;
  return !empty() && !histogram && IsStale(values_.back());
}

std::size_t Column::bytes() const {
  return times_.capacity() * sizeof(TimestampMs) + values_.capacity() * sizeof(double) +
         histograms_.capacity() * sizeof(HistogramPtr) +
         start_times_.capacity() * sizeof(TimestampMs);
}

}  // namespace tierwatch::series
