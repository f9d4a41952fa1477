// What a snapshot keeps of a block and of a column, as bytes and back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "alerts/series/batch_shape.h"
#include "alerts/series/column.h"
#include "alerts/series/sealed_chunk.h"
#include "alerts/series/symbols.h"
#include "alerts/series/wire.h"

namespace tierwatch::series {

struct BlockImage {
  std::string source;  // the key of who writes it
  TimestampMs source_time = 0;
  LabelSets labels;  // by column; empty where the series is forgotten
  std::vector<SealedChunkPtr> chunks;
};

struct ColumnImage {
  LabelSets labels;  // one
  SampleBuffer samples;
};

/// `symbols` knows the labels; the bytes have their texts.
void Put(const BlockImage& image, const Symbols& symbols, WireWriter& out);
void Put(const ColumnImage& image, const Symbols& symbols, WireWriter& out);

/// Numbers the texts in `symbols`. Nothing where the bytes are not what Put makes of something that
/// a store can hold.
std::optional<BlockImage> TakeBlock(std::span<const std::uint8_t> bytes, Symbols& symbols);
std::optional<ColumnImage> TakeColumn(std::span<const std::uint8_t> bytes, Symbols& symbols);

}  // namespace tierwatch::series
