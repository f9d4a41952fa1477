// The story that the demo tells on the terminal: what broke, who was paged, and how it ended.
#pragma once

#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "demo/faults.h"
#include "demo/short_rules.h"
#include "demo/webhook_printer.h"

namespace tierwatch {

/// Thread-safe: faults and pages are told by threads of their own. Colours only on a terminal.
class DemoStory {
 public:
  /// `alerts`: the names that the story is about. `out` and `clock` outlive the story.
  DemoStory(std::vector<std::string> alerts, std::FILE* out, const Clock& clock);

  /// A line without a time.
  void Say(std::string_view line);
  void TellFault(const demo::Fault& fault, bool began);
  void TellPage(const demo::Page& page);

  /// How many of the alerts have fired and all their pages since resolved.
  std::size_t Done() const;
  std::size_t expected() const { return alerts_.size(); }
  /// The alerts that are not done yet: "HighLatency, LowHitRate".
  std::string Missing() const;

 private:
  struct Told {
    int fired = 0;
    int resolved = 0;
  };
  bool IsDone(const std::string& alert) const;
  void Write(std::string_view text);

  const std::vector<std::string> alerts_;
  std::FILE* const out_;
  const bool colours_;
  const Clock& clock_;
  const SteadyTime start_;
  mutable std::mutex mutex_;
  std::map<std::string, Told, std::less<>> told_;
};

}  // namespace tierwatch
