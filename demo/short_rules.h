// Rules with shorter durations, so that a demonstration of minutes takes seconds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace tierwatch::demo {

/// A duration that was made shorter, and whose it is: an alert's name, or "" for the range of a
/// selector.
struct Shortened {
  std::string alert;
  Millis from{0};
  Millis to{0};
};

/// The text of a rule or signal file with every `duration:` and `for:` and every range (`[5m]`)
/// divided by `factor`; none gets shorter than a second. Everything else stays as it is. What was
/// changed is added to `shortened`, in the order of the file.
std::string ShortenRules(std::string_view text, int factor, std::vector<Shortened>& shortened);

}  // namespace tierwatch::demo
