// How long work is ended from outside: by a deadline or since nobody wants its result any more.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/result.h"

namespace tierwatch {

/// Asked now and then by long work, which ends with the error that it gives. May be empty.
using Interrupt = std::function<std::optional<Error>()>;

/// Interrupts once `budget` has passed from now on, or a stop is requested. `clock` outlives it.
Interrupt After(const Clock& clock, Millis budget, std::stop_token stop = {});

}  // namespace tierwatch
