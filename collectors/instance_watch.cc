#include "collectors/instance_watch.h"

#include <cmath>

namespace tierwatch {
namespace {

constexpr double kTolerance = 2;
constexpr int kSettled = 20;

}  // namespace

void InstanceWatch::Observe(double start_seconds) {
  if (!start_) start_ = start_seconds;
  if (std::abs(start_seconds - *start_) <= kTolerance) {
    // start_ stays as it is: following the rounding would let it wander.
    if (++same_in_a_row_ >= kSettled) several_ = false;
    return;
  }
  ++changes_;
  same_in_a_row_ = 1;
  several_ = several_ || start_seconds < *start_;
  start_ = start_seconds;
}

}  // namespace tierwatch
