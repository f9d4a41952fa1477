#include "base/time_zone.h"

#include <absl/time/time.h>
#include <fmt/format.h>

#include <algorithm>

namespace tierwatch {

struct TimeZone::Data {
  absl::TimeZone zone;
};

Result<TimeZone> TimeZone::Load(const std::string& name) {
  TimeZone zone;
  if (name.empty() || name == "UTC") return zone;
  absl::TimeZone loaded;
  // The library would open paths; names of zones are made of these characters.
  const bool is_name =
      name.size() <= 100 && name.front() != '/' && name.find("..") == std::string::npos &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '/' || c == '_' || c == '-' || c == '+';
      });
  if (name == "Local") {
    loaded = absl::LocalTimeZone();
  } else if (!is_name || !absl::LoadTimeZone(name, &loaded)) {
    return Error{fmt::format("unknown time zone \"{}\"", name), Reason::kParse};
  }
  zone.data_ = std::make_shared<const Data>(Data{loaded});
  return zone;
}

TimeZone::Offset TimeZone::At(TimestampMs time) const {
  if (!data_) return {};
  const absl::TimeZone::CivilInfo info = data_->zone.At(absl::FromUnixMillis(time));
  return {info.offset, info.zone_abbr};
}

}  // namespace tierwatch
