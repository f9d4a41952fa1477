#include "alerts/series/float_histogram_merge.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace tierwatch::series {
namespace {

/// Buckets under way together with what rounding has taken from them; `lost` is null where nobody
/// asks.
struct Lane {
  Buckets* buckets;
  std::vector<double>* lost;

  double* LostAt(std::size_t i) const { return lost == nullptr ? nullptr : &(*lost)[i]; }
};

/// Adds a bucket to the end of `to`, or into its last bucket if that has the same index.
void Append(Lane to, std::int32_t index, double count, double lost) {
  if (to.buckets->empty() || to.buckets->index.back() != index) {
    to.buckets->index.push_back(index);
    to.buckets->count.push_back(count);
    if (to.lost != nullptr) to.lost->push_back(lost);
    return;
  }
  const std::size_t last = to.buckets->size() - 1;
  Accumulate(count, to.buckets->count[last], to.LostAt(last));
  if (to.lost != nullptr) Accumulate(lost, to.buckets->count[last], to.LostAt(last));
}

/// Renumbers buckets by a function that never descends; those that fall together are added up.
template <class NewIndex>
void Regroup(Lane lane, const NewIndex& new_index) {
  Buckets grouped;
  std::vector<double> lost;
  const Lane to{&grouped, lane.lost == nullptr ? nullptr : &lost};
  for (std::size_t i = 0; i < lane.buckets->size(); ++i) {
    const double* taken = lane.LostAt(i);
    Append(to, new_index(lane.buckets->index[i]), lane.buckets->count[i], taken ? *taken : 0);
  }
  *lane.buckets = std::move(grouped);
  if (lane.lost != nullptr) *lane.lost = std::move(lost);
}

/// Adds `other`, from bucket `from` on, times `sign`.
void AddBuckets(Lane lane, const Buckets& other, std::size_t from, double sign) {
  Buckets& into = *lane.buckets;
  if (from == 0 && into.index == other.index) {
    if (lane.lost == nullptr) {  // the loop a compiler makes vectors of
      for (std::size_t i = 0; i < into.size(); ++i) into.count[i] += sign * other.count[i];
      return;
    }
    for (std::size_t i = 0; i < into.size(); ++i) {
      Accumulate(sign * other.count[i], into.count[i], lane.LostAt(i));
    }
    return;
  }
  Buckets merged;
  merged.index.reserve(into.size() + other.size());
  merged.count.reserve(into.size() + other.size());
  std::vector<double> lost;
  const Lane to{&merged, lane.lost == nullptr ? nullptr : &lost};
  std::size_t i = 0;
  std::size_t j = from;
  while (i < into.size() || j < other.size()) {
    const bool mine = j == other.size() || (i < into.size() && into.index[i] <= other.index[j]);
    if (mine) {
      const double* taken = lane.LostAt(i);
      Append(to, into.index[i], into.count[i], taken ? *taken : 0);
      ++i;
    } else {
      Append(to, other.index[j], sign * other.count[j], 0);
      ++j;
    }
  }
  into = std::move(merged);
  if (lane.lost != nullptr) *lane.lost = std::move(lost);
}

/// How many of the first buckets end inside the zero bucket.
std::size_t InsideZero(const Buckets& buckets, int schema, double threshold) {
  std::size_t n = 0;
  while (n < buckets.size() && ExponentialBound(buckets.index[n], schema) <= threshold) ++n;
  return n;
}

/// How many of the first buckets begin inside the zero bucket.
std::size_t BegunInZero(const Buckets& buckets, int schema, double threshold) {
  std::size_t n = 0;
  while (n < buckets.size() &&
         ExponentialBound(std::int64_t{buckets.index[n]} - 1, schema) < threshold) {
    ++n;
  }
  return n;
}

/// The least zero threshold from `threshold` on that ends in no populated bucket.
double ThresholdOutsideBuckets(const FloatHistogram& histogram, double threshold) {
  for (bool grown = true; grown;) {
    grown = false;
    for (const Buckets* side : {&histogram.positive, &histogram.negative}) {
      const std::size_t begun = BegunInZero(*side, histogram.schema, threshold);
      if (begun == 0 || side->count[begun - 1] == 0) continue;
      const double upper = ExponentialBound(side->index[begun - 1], histogram.schema);
      grown |= upper > threshold;
      threshold = std::max(threshold, upper);
    }
  }
  return threshold;
}

/// Moves the buckets that begin inside a threshold into the zero bucket, which becomes that wide.
void WidenZeroBucket(FloatHistogram& histogram, FloatHistogram* lost, double threshold) {
  double* lost_zero = lost == nullptr ? nullptr : &lost->zero_count;
  for (Buckets FloatHistogram::*side : {&FloatHistogram::positive, &FloatHistogram::negative}) {
    Buckets& buckets = histogram.*side;
    const auto begun =
        static_cast<std::ptrdiff_t>(BegunInZero(buckets, histogram.schema, threshold));
    for (std::ptrdiff_t i = 0; i < begun; ++i) {
      const auto at = static_cast<std::size_t>(i);
      Accumulate(buckets.count[at], histogram.zero_count, lost_zero);
      if (lost != nullptr) Accumulate((lost->*side).count[at], histogram.zero_count, lost_zero);
    }
    buckets.index.erase(buckets.index.begin(), buckets.index.begin() + begun);
    buckets.count.erase(buckets.count.begin(), buckets.count.begin() + begun);
    if (lost == nullptr) continue;
    std::vector<double>& taken = (lost->*side).count;
    taken.erase(taken.begin(), taken.begin() + begun);
  }
  histogram.zero_threshold = threshold;
}

/// The zero count `other` would have with the threshold both can agree on, which `into` gets.
double ReconcileZeroBuckets(FloatHistogram& into, FloatHistogram* lost,
                            const FloatHistogram& other) {
  double threshold = std::max(into.zero_threshold, other.zero_threshold);
  // A threshold that suits one may cut a bucket of the other, so they take turns until it suits
  // both.
  for (double before = -1; before < threshold;) {
    before = threshold;
    if (threshold > other.zero_threshold) threshold = ThresholdOutsideBuckets(other, threshold);
    if (threshold > into.zero_threshold) threshold = ThresholdOutsideBuckets(into, threshold);
  }
  if (threshold > into.zero_threshold) WidenZeroBucket(into, lost, threshold);
  double other_zero = other.zero_count;
  if (!(threshold > other.zero_threshold)) return other_zero;
  for (const Buckets* side : {&other.positive, &other.negative}) {
    const std::size_t begun = BegunInZero(*side, other.schema, threshold);
    for (std::size_t i = 0; i < begun; ++i) other_zero += side->count[i];
  }
  return other_zero;
}

ResetHint CombineHints(ResetHint a, ResetHint b, CombineInfo& info) {
  if (a == b) return a;
  if (a == ResetHint::kGauge || b == ResetHint::kGauge) return ResetHint::kGauge;
  info.hint_collision = a != ResetHint::kUnknown && b != ResetHint::kUnknown;
  return ResetHint::kUnknown;
}

using Bounds = std::shared_ptr<const std::vector<double>>;

Bounds SharedBounds(std::span<const double> a, std::span<const double> b) {
  std::vector<double> shared;
  std::ranges::set_intersection(a, b, std::back_inserter(shared));
  return std::make_shared<const std::vector<double>>(std::move(shared));
}

/// Which bucket of bounds `to` holds bucket i of bounds `from`, whose bounds are a superset.
auto ToBounds(std::span<const double> from, std::span<const double> to) {
  return [from, to](std::int32_t index) {
    if (index < 0 || static_cast<std::size_t>(index) >= from.size()) {
      return static_cast<std::int32_t>(to.size());
    }
    const auto bound = std::ranges::lower_bound(to, from[static_cast<std::size_t>(index)]);
    return static_cast<std::int32_t>(bound - to.begin());
  };
}

Lane LaneOf(FloatHistogram& histogram, FloatHistogram* lost, Buckets FloatHistogram::*side) {
  return {&(histogram.*side), lost == nullptr ? nullptr : &(lost->*side).count};
}

void MergeCustom(FloatHistogram& into, FloatHistogram* lost, const FloatHistogram& other,
                 double sign, CombineInfo& info) {
  const Lane lane = LaneOf(into, lost, &FloatHistogram::positive);
  if (into.custom_bounds == other.custom_bounds ||
      std::ranges::equal(into.bounds(), other.bounds())) {
    AddBuckets(lane, other.positive, 0, sign);
    return;
  }
  info.bounds_reconciled = true;
  const Bounds shared = SharedBounds(into.bounds(), other.bounds());
  Regroup(lane, ToBounds(into.bounds(), *shared));
  Buckets theirs = other.positive;
  Regroup({&theirs, nullptr}, ToBounds(other.bounds(), *shared));
  AddBuckets(lane, theirs, 0, sign);
  into.custom_bounds = shared;
}

Buckets Tail(const Buckets& buckets, std::size_t from) {
  const auto offset = static_cast<std::ptrdiff_t>(from);
  return {{buckets.index.begin() + offset, buckets.index.end()},
          {buckets.count.begin() + offset, buckets.count.end()}};
}

void MergeExponential(FloatHistogram& into, FloatHistogram* lost, const FloatHistogram& other,
                      double sign) {
  const double other_zero = ReconcileZeroBuckets(into, lost, other);
  Accumulate(sign * other_zero, into.zero_count, lost == nullptr ? nullptr : &lost->zero_count);
  const int schema = std::min(into.schema, other.schema);
  for (Buckets FloatHistogram::*side : {&FloatHistogram::positive, &FloatHistogram::negative}) {
    const Lane lane = LaneOf(into, lost, side);
    const auto coarser = [schema](int from) {
      return [schema, from](std::int32_t index) { return CoarserIndex(index, from, schema); };
    };
    if (into.schema > schema) Regroup(lane, coarser(into.schema));
    if (other.schema == schema) {
      AddBuckets(lane, other.*side, InsideZero(other.*side, schema, into.zero_threshold), sign);
      continue;
    }
    // What began inside a widened zero bucket has been counted there, though the coarser bucket may
    // reach out of it.
    const bool widened = into.zero_threshold > other.zero_threshold;
    Buckets theirs = Tail(
        other.*side, widened ? BegunInZero(other.*side, other.schema, into.zero_threshold) : 0);
    Regroup({&theirs, nullptr}, coarser(other.schema));
    AddBuckets(lane, theirs, InsideZero(theirs, schema, into.zero_threshold), sign);
  }
  into.schema = schema;
}

/// Whether some bucket of `before` holds more than the same bucket of `now`. Both ascend.
bool AnyFell(const Buckets& now, std::size_t now_from, const Buckets& before,
             std::size_t before_from) {
  std::size_t i = now_from;
  for (std::size_t j = before_from; j < before.size(); ++j) {
    while (i < now.size() && now.index[i] < before.index[j]) ++i;
    const bool present = i < now.size() && now.index[i] == before.index[j];
    if (present ? now.count[i] < before.count[j] : before.count[j] != 0) return true;
  }
  return false;
}

bool CustomReset(const FloatHistogram& now, const FloatHistogram& before) {
  if (std::ranges::equal(now.bounds(), before.bounds())) {
    return AnyFell(now.positive, 0, before.positive, 0);
  }
  const Bounds shared = SharedBounds(now.bounds(), before.bounds());
  Buckets mine = now.positive;
  Buckets theirs = before.positive;
  Regroup({&mine, nullptr}, ToBounds(now.bounds(), *shared));
  Regroup({&theirs, nullptr}, ToBounds(before.bounds(), *shared));
  return AnyFell(mine, 0, theirs, 0);
}

bool ExponentialReset(const FloatHistogram& now, const FloatHistogram& before) {
  if (now.schema > before.schema || now.zero_threshold < before.zero_threshold) return true;
  FloatHistogram widened = before;
  if (now.zero_threshold > before.zero_threshold) {
    if (ThresholdOutsideBuckets(before, now.zero_threshold) != now.zero_threshold) return true;
    WidenZeroBucket(widened, nullptr, now.zero_threshold);
  }
  if (now.zero_count < widened.zero_count) return true;
  if (now.schema < widened.schema) widened.ReduceResolution(now.schema);
  for (Buckets FloatHistogram::*side : {&FloatHistogram::positive, &FloatHistogram::negative}) {
    if (AnyFell(now.*side, InsideZero(now.*side, now.schema, now.zero_threshold), widened.*side,
                InsideZero(widened.*side, now.schema, now.zero_threshold))) {
      return true;
    }
  }
  return false;
}

}  // namespace

void Accumulate(double value, double& sum, double* lost) {
  const double total = sum + value;
  if (lost != nullptr) {
    if (std::isinf(total)) {
      *lost = 0;
    } else if (std::abs(sum) >= std::abs(value)) {
      *lost += (sum - total) + value;
    } else {
      *lost += (value - total) + sum;
    }
  }
  sum = total;
}

FloatHistogram LostOf(const FloatHistogram& histogram) {
  FloatHistogram lost = histogram;
  lost.zero_count = lost.count = lost.sum = 0;
  std::ranges::fill(lost.positive.count, 0.0);
  std::ranges::fill(lost.negative.count, 0.0);
  return lost;
}

CombineInfo Merge(FloatHistogram& into, FloatHistogram* lost, const FloatHistogram& other,
                  double sign) {
  CombineInfo info;
  if (into.UsesCustomBuckets() != other.UsesCustomBuckets()) {
    info.incompatible = true;
    return info;
  }
  into.reset_hint = CombineHints(into.reset_hint, other.reset_hint, info);
  Accumulate(sign * other.count, into.count, lost == nullptr ? nullptr : &lost->count);
  Accumulate(sign * other.sum, into.sum, lost == nullptr ? nullptr : &lost->sum);
  if (into.UsesCustomBuckets()) {
    MergeCustom(into, lost, other, sign, info);
  } else {
    MergeExponential(into, lost, other, sign);
  }
  return info;
}

CombineInfo FloatHistogram::Add(const FloatHistogram& other) {
  return Merge(*this, nullptr, other, 1);
}

CombineInfo FloatHistogram::Sub(const FloatHistogram& other) {
  return Merge(*this, nullptr, other, -1);
}

bool FloatHistogram::ReduceResolution(int target_schema) {
  if (UsesCustomBuckets() || target_schema >= schema || target_schema < kMinSchema) return false;
  for (Buckets FloatHistogram::*side : {&FloatHistogram::positive, &FloatHistogram::negative}) {
    Regroup(LaneOf(*this, nullptr, side), [this, target_schema](std::int32_t index) {
      return CoarserIndex(index, schema, target_schema);
    });
  }
  schema = target_schema;
  return true;
}

bool FloatHistogram::DetectReset(const FloatHistogram& previous) const {
  if (reset_hint == ResetHint::kReset) return true;
  if (reset_hint == ResetHint::kNotReset) return false;
  if (count < previous.count) return true;
  if (UsesCustomBuckets() != previous.UsesCustomBuckets()) return true;
  return UsesCustomBuckets() ? CustomReset(*this, previous) : ExponentialReset(*this, previous);
}

ResetHint FloatHistogram::SettledHint(const FloatHistogram* previous) const {
  if (reset_hint != ResetHint::kUnknown || previous == nullptr) return reset_hint;
  return DetectReset(*previous) ? ResetHint::kReset : ResetHint::kNotReset;
}

ResetHint FloatHistogram::StoredHint(const FloatHistogram* previous) const {
  if (reset_hint == ResetHint::kGauge) return reset_hint;
  // A reset begins a new chunk, and so does a new layout; the first sample of a chunk reads back as
  // unknown.
  const bool continues = reset_hint != ResetHint::kReset && previous != nullptr &&
                         previous->reset_hint != ResetHint::kGauge && !previous->IsStale() &&
                         schema == previous->schema && zero_threshold == previous->zero_threshold &&
                         std::ranges::equal(bounds(), previous->bounds());
  if (!continues) return ResetHint::kUnknown;
  FloatHistogram unhinted = *this;
  unhinted.reset_hint = ResetHint::kUnknown;
  return unhinted.DetectReset(*previous) ? ResetHint::kUnknown : ResetHint::kNotReset;
}

}  // namespace tierwatch::series
