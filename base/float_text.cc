#include "base/float_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace tierwatch {
namespace {

const char* Special(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return nullptr;
}

std::string Chars(double value, std::chars_format format) {
  char buffer[400];  // the longest: 'f' of the least denormal
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr;
  return {buffer, end};
}

}  // namespace

std::string FloatText(double value) {
  if (const char* special = Special(value)) return special;
  return Chars(value, std::chars_format::fixed);
}

std::string FloatTextG(double value, bool large) {
  if (const char* special = Special(value)) return special;
  if (value == 0) return std::signbit(value) ? "-0" : "0";
  std::string scientific = Chars(value, std::chars_format::scientific);
  const std::size_t e = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + e + 1);
  const auto digits = static_cast<int>(std::count_if(scientific.begin(), scientific.begin() + e,
                                                     [](char c) { return c >= '0' && c <= '9'; }));
  // Go: with the shortest form, an integer of more than 6 digits keeps its digits up to 21 of them.
  const int limit = large ? 21 : digits > exponent && digits > 6 ? digits : 6;
  if (exponent < -4 || exponent >= (large ? limit : std::min(limit, 21))) return scientific;
  return Chars(value, std::chars_format::fixed);
}

std::string FloatLabel(double value) {
  std::string text = FloatTextG(value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

}  // namespace tierwatch
