// The script of faults: what breaks when, read from YAML and played onto the links of the tiers.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/diagnostic.h"
#include "demo/link.h"

namespace tierwatch::demo {

/// The tiers of the demo, from the fastest to the slowest.
inline constexpr std::array<std::string_view, 3> kTierNames{"L1-Memory", "L2-Encore", "L3-Redis"};

enum class FaultKind {
  kDown,    // the tier refuses every call
  kErrors,  // a share of the calls to the tier fails
  kSlow,    // every call to the tier takes longer
  kCold,    // everything cached is invalidated again and again
};

struct Fault {
  Millis at{0};        // since the start
  Millis duration{0};  // positive
  FaultKind kind = FaultKind::kDown;
  std::string tier;         // "" for kCold
  double error_ratio = 0;   // of kErrors, above 0 up to 1
  Millis extra_latency{0};  // of kSlow
};

/// In the words of the terminal: "L3-Redis is down".
std::string Describe(const Fault& fault);

/// Reads `faults:`, a list of {at, for, fault: down|errors|slow|cold, tier, ratio, extra_latency}.
/// Nothing where something is wrong; findings go to `diagnostics`.
std::optional<std::vector<Fault>> ParseFaults(std::string_view text, std::string file,
                                              Diagnostics& diagnostics);
/// The demo's own script (demo/faults.yml): each of the four alerts once.
std::string_view DefaultFaults();

/// Plays a script. Driven from outside, so that a test plays it without waiting. Not thread-safe.
class FaultPlayer {
 public:
  struct Stage {
    std::map<std::string, LinkFaults*, std::less<>> links;  // by tier; they outlive the player
    std::function<void()> make_cold;
    std::function<void(const Fault&, bool began)> tell;
  };

  FaultPlayer(std::vector<Fault> script, Stage stage);
  /// Sets the links as the script wants them at `elapsed` since the start; makes cold what is to be
  /// cold.
  void Advance(Millis elapsed);
  /// Every fault has ended.
  bool done() const;

 private:
  struct Played {
    Fault fault;
    bool active = false;
    bool over = false;
  };
  void SetLinks();

  std::vector<Played> script_;
  Stage stage_;
};

}  // namespace tierwatch::demo
