// A message of Protocol Buffers that anybody may have written: protozero's reader, but that it
// throws where a field has another wire type than is asked for, which protozero takes for granted.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>

namespace tierwatch {

struct WrongWireType : protozero::exception {
  WrongWireType(std::uint32_t field, protozero::pbf_wire_type found,
                protozero::pbf_wire_type expected)
      : text(fmt::format("field {} has the wire type {}, not {}", field,
                         static_cast<unsigned>(found), static_cast<unsigned>(expected))) {}
  const char* what() const noexcept override { return text.c_str(); }
  std::string text;
};

/// After Next() exactly one of Skip() and of what follows it, which throw protozero::exception.
/// What it gives are views of `bytes`.
class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : reader_(bytes.data(), bytes.size()) {}

  bool Next() { return reader_.next(); }
  std::uint32_t Field() const { return reader_.tag(); }
  void Skip() { reader_.skip(); }

  std::string_view Text() {
    const protozero::data_view view = As(Type::length_delimited).get_view();
    return {view.data(), view.size()};
  }
  MessageReader Message() { return MessageReader(Text()); }
  double Double() { return As(Type::fixed64).get_double(); }
  std::int32_t Enum() { return As(Type::varint).get_enum(); }
  std::int32_t Sint32() { return As(Type::varint).get_sint32(); }
  std::int64_t Sint64() { return As(Type::varint).get_sint64(); }
  std::int64_t Int64() { return As(Type::varint).get_int64(); }
  std::uint32_t Uint32() { return As(Type::varint).get_uint32(); }
  std::uint64_t Uint64() { return As(Type::varint).get_uint64(); }

  // Numbers come packed or one by one.
  template <typename Take>
  void Doubles(Take take) {
    if (!Packed()) return take(Double());
    for (const double number : reader_.get_packed_double()) take(number);
  }
  template <typename Take>
  void Sint64s(Take take) {
    if (!Packed()) return take(Sint64());
    for (const std::int64_t number : reader_.get_packed_sint64()) take(number);
  }
  template <typename Take>
  void Uint32s(Take take) {
    if (!Packed()) return take(Uint32());
    for (const std::uint32_t number : reader_.get_packed_uint32()) take(number);
  }

 private:
  using Type = protozero::pbf_wire_type;

  bool Packed() const { return reader_.has_wire_type(Type::length_delimited); }
  protozero::pbf_reader& As(Type expected) {
    if (!reader_.has_wire_type(expected))
      throw WrongWireType(reader_.tag(), reader_.wire_type(), expected);
    return reader_;
  }

  protozero::pbf_reader reader_;
};

}  // namespace tierwatch
