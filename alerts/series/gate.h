// A door that many may pass at once, and that can be closed while nobody is inside.
#pragma once

#include <atomic>
#include <utility>

namespace tierwatch::series {

/// Thread-safe. Unlike a shared lock, a pass may be given back by another thread, and closing never
/// waits: so it takes part in no deadlock.
class Gate {
 public:
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_) gate_->inside_.fetch_sub(1, std::memory_order_release);
    }

   private:
    Gate* gate_;
  };

  /// Waits while the gate is closed.
  Pass Enter() {
    int inside = inside_.load(std::memory_order_relaxed);
    while (true) {
      if (inside == kClosed) {
        inside_.wait(kClosed, std::memory_order_relaxed);
        inside = inside_.load(std::memory_order_relaxed);
      } else if (inside_.compare_exchange_weak(inside, inside + 1, std::memory_order_acquire)) {
        return Pass(*this);
      }
    }
  }
  /// False where somebody is inside.
  bool TryClose() {
    int nobody = 0;
    return inside_.compare_exchange_strong(nobody, kClosed, std::memory_order_acquire);
  }
  void Open() {
    inside_.store(0, std::memory_order_release);
    inside_.notify_all();
  }

 private:
  static constexpr int kClosed = -1;
  std::atomic<int> inside_ = 0;
};

}  // namespace tierwatch::series
