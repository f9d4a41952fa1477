// Each field of a remote write under each wire type of Protocol Buffers: what a sender may not mean
// is refused, never taken for granted. Fields and types are those of prompb/types.proto and
// io/prometheus/write/v2/types.proto.
#include "exporter/remote_write/message_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <snappy.h>

#include <protozero/pbf_writer.hpp>
#include <string>
#include <vector>

#include "exporter/remote_write/remote_write_request.h"

namespace tierwatch {
namespace {

using Type = protozero::pbf_wire_type;
constexpr Type kVarint = Type::varint, kDouble = Type::fixed64, kText = Type::length_delimited;

struct Field {
  std::vector<std::uint32_t> within;  // numbers of the messages around it, from the outermost
  std::uint32_t number;
  std::vector<Type> types;
};

std::string Write(const Field& field, Type type) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  if (type == Type::varint) writer.add_uint64(field.number, 1);
  if (type == Type::fixed64) writer.add_fixed64(field.number, 1);
  if (type == Type::length_delimited) writer.add_string(field.number, "");
  if (type == Type::fixed32) writer.add_fixed32(field.number, 1);
  for (auto outer = field.within.rbegin(); outer != field.within.rend(); ++outer) {
    std::string around;
    protozero::pbf_writer(around).add_message(*outer, bytes);
    bytes = std::move(around);
  }
  return bytes;
}

void CheckWireTypes(RemoteWriteVersion version, const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    for (const Type type : {kVarint, kDouble, kText, Type::fixed32}) {
      const std::string bytes = Write(field, type);
      std::string body;
      snappy::Compress(bytes.data(), bytes.size(), &body);
      const auto request = ReadRemoteWrite(body, version);
      const std::string where = fmt::format("field {} within {} others, as {}", field.number,
                                            field.within.size(), static_cast<int>(type));
      EXPECT_EQ(request.ok(), std::ranges::count(field.types, type) > 0) << where;
      if (request.ok()) continue;
      EXPECT_EQ(
          request.error().message,
          fmt::format("the body is no message of Protocol Buffers: field {} has the wire "
                      "type {}, not {}",
                      field.number, static_cast<int>(type), static_cast<int>(field.types.front())));
    }
  }
}

std::vector<Field> HistogramFields(std::vector<std::uint32_t> within) {
  std::vector<Field> fields;
  for (const std::uint32_t number : {1, 4, 6, 14, 15, 17})
    fields.push_back({within, number, {kVarint}});
  for (const std::uint32_t number : {2, 3, 5, 7}) fields.push_back({within, number, {kDouble}});
  for (const std::uint32_t number : {9, 12}) fields.push_back({within, number, {kVarint, kText}});
  for (const std::uint32_t number : {10, 13, 16})
    fields.push_back({within, number, {kDouble, kText}});
  for (const std::uint32_t spans : {8, 11}) {
    fields.push_back({within, spans, {kText}});
    std::vector<std::uint32_t> inner = within;
    inner.push_back(spans);
    for (const std::uint32_t number : {1, 2}) fields.push_back({inner, number, {kVarint}});
  }
  return fields;
}

TEST(MessageReader, RefusesWrongWireTypesOfTheFirstVersion) {
  CheckWireTypes(RemoteWriteVersion::k1, {{{}, 1, {kText}},
                                          {{1}, 1, {kText}},
                                          {{1, 1}, 1, {kText}},
                                          {{1, 1}, 2, {kText}},
                                          {{1}, 2, {kText}},
                                          {{1, 2}, 1, {kDouble}},
                                          {{1, 2}, 2, {kVarint}},
                                          {{1}, 4, {kText}}});
  CheckWireTypes(RemoteWriteVersion::k1, HistogramFields({1, 4}));
}

TEST(MessageReader, RefusesWrongWireTypesOfTheSecondVersion) {
  CheckWireTypes(RemoteWriteVersion::k2, {{{}, 4, {kText}},
                                          {{}, 5, {kText}},
                                          {{5}, 1, {kVarint, kText}},
                                          {{5}, 2, {kText}},
                                          {{5, 2}, 1, {kDouble}},
                                          {{5, 2}, 2, {kVarint}},
                                          {{5}, 3, {kText}},
                                          {{5}, 6, {kVarint}}});
  CheckWireTypes(RemoteWriteVersion::k2, HistogramFields({5, 3}));
}

// What is not read may be anything: fields that are not known, exemplars, metadata.
TEST(MessageReader, SkipsFieldsOfAnyWireType) {
  const std::vector<Type> any = {kVarint, kDouble, kText, Type::fixed32};
  CheckWireTypes(RemoteWriteVersion::k1, {{{}, 3, any}, {{1}, 3, any}, {{1, 4}, 99, any}});
  CheckWireTypes(RemoteWriteVersion::k2, {{{}, 1, any}, {{5}, 4, any}, {{5}, 5, any}});
}

}  // namespace
}  // namespace tierwatch
