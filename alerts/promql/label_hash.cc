#include "alerts/promql/label_hash.h"

#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

namespace tierwatch::promql {
namespace {

// XXH64: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
constexpr std::uint64_t kPrime1 = 11400714785074694791ULL;
constexpr std::uint64_t kPrime2 = 14029467366897019727ULL;
constexpr std::uint64_t kPrime3 = 1609587929392839161ULL;
constexpr std::uint64_t kPrime4 = 9650029242287828579ULL;
constexpr std::uint64_t kPrime5 = 2870177450012600261ULL;

template <class T>
std::uint64_t Read(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::uint64_t Round(std::uint64_t accumulator, std::uint64_t lane) {
  return std::rotl(accumulator + lane * kPrime2, 31) * kPrime1;
}

std::uint64_t Xxh64(std::string_view text) {
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = kPrime5;
  if (left >= 32) {
    std::array<std::uint64_t, 4> lanes = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
    for (; left >= 32; left -= 32) {
      for (std::uint64_t& lane : lanes) {
        lane = Round(lane, Read<std::uint64_t>(at));
        at += 8;
      }
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
    for (const std::uint64_t lane : lanes) hash = (hash ^ Round(0, lane)) * kPrime1 + kPrime4;
  }
  hash += text.size();
  for (; left >= 8; left -= 8, at += 8) {
    hash = std::rotl(hash ^ Round(0, Read<std::uint64_t>(at)), 27) * kPrime1 + kPrime4;
  }
  if (left >= 4) {
    hash = std::rotl(hash ^ Read<std::uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
    left -= 4;
    at += 4;
  }
  for (; left > 0; --left, ++at)
    hash = std::rotl(hash ^ Read<unsigned char>(at) * kPrime5, 11) * kPrime1;
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

// A length of up to 254 takes a byte; a longer one 0xff and three, lowest first.
void AppendWithLength(std::string& out, std::string_view text) {
  if (text.size() < 255) {
    out += static_cast<char>(text.size());
  } else {
    out += '\xff';
    for (int shift = 0; shift < 24; shift += 8)
      out += static_cast<char>((text.size() >> shift) & 0xff);
  }
  out += text;
}

}  // namespace

std::uint64_t HashLabels(const Labels& labels) {
  std::string text;
  for (const Label& label : labels) {
    AppendWithLength(text, label.name);
    AppendWithLength(text, label.value);
  }
  return Xxh64(text);
}

}  // namespace tierwatch::promql
