// Time zones by their names in the IANA database: "Europe/Berlin".
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace tierwatch {

/// Immutable, cheap to copy, thread-safe. UTC where nothing was loaded.
class TimeZone {
 public:
  TimeZone() = default;
  /// Reads the machine's database; "" and "UTC" need none, "Local" is the machine's own zone.
  static Result<TimeZone> Load(const std::string& name);

  struct Offset {
    std::int32_t seconds = 0;  // east of UTC
    std::string abbreviation = "UTC";
  };
  Offset At(TimestampMs time) const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

}  // namespace tierwatch
