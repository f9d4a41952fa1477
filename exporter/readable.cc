#include "exporter/readable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tierwatch {
namespace {

constexpr std::string_view kUnknown = "—";

// Three significant digits, no exponent, no trailing zeros.
std::string Short(double value) {
  const double size = std::fabs(value);
  const int decimals = size >= 99.95 || size == 0 ? 0 : size >= 9.995 ? 1 : 2;
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

std::string Scaled(double value, double step, const std::array<std::string_view, 6>& units) {
  if (std::isnan(value)) return std::string(kUnknown);
  if (std::isinf(value)) return value > 0 ? "∞" : "-∞";
  std::size_t unit = 0;
  while (std::fabs(value) >= step && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  return units[unit].empty() ? Short(value) : Short(value) + " " + std::string(units[unit]);
}

}  // namespace

std::string FormatRatio(double value) {
  return std::isfinite(value) ? Short(value * 100) + " %" : std::string(kUnknown);
}

std::string FormatBytes(double value) {
  return Scaled(value, 1024, {"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

std::string FormatCount(double value) { return Scaled(value, 1000, {"", "k", "M", "G", "T", "P"}); }

std::string FormatSeconds(double value) {
  if (std::isnan(value)) return std::string(kUnknown);
  if (std::isinf(value)) return value > 0 ? "∞" : "-∞";
  const double size = std::fabs(value);
  if (size == 0) return "0 s";
  if (size < 1e-3) return Short(value * 1e6) + " µs";
  if (size < 1) return Short(value * 1e3) + " ms";
  if (size < 60) return Short(value) + " s";
  const auto total = static_cast<std::int64_t>(std::min(size, 1e15));
  const char* sign = value < 0 ? "-" : "";
  if (total < 3600) return fmt::format("{}{} min {} s", sign, total / 60, total % 60);
  if (total < 86'400) return fmt::format("{}{} h {} min", sign, total / 3600, total / 60 % 60);
  return fmt::format("{}{} d {} h", sign, total / 86'400, total / 3600 % 24);
}

}  // namespace tierwatch
