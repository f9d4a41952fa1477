// Snapshots with hostile contents under right checksums: refused, or a store that can be read,
// written to and written out.
//
// The input is a row of sections: kind, size (3 bytes), content.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "alerts/series/snapshot_file.h"
#include "alerts/series/store.h"

namespace tierwatch::series {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// The input as a file that no checksum tells from a real one.
File AsSnapshot(std::span<const std::uint8_t> input) {
  File file(std::tmpfile(), std::fclose);
  if (!file) std::abort();
  std::fwrite(kSnapshotMagic.data(), 1, kSnapshotMagic.size(), file.get());
  while (input.size() >= 4) {
    const std::uint32_t kind = 1 + input[0] % 2;
    const std::size_t size =
        std::min<std::size_t>(input[1] | input[2] << 8 | input[3] << 16, input.size() - 4);
    PutSection(static_cast<SectionKind>(kind), input.subspan(4, size), file.get());
    input = input.subspan(4 + size);
  }
  PutSection(SectionKind::kEnd, {}, file.get());
  std::rewind(file.get());
  return file;
}

void ReadAll(const Store& store) {
  const auto view = store.Open();
  const SeriesListPtr list = view->Find({}, nullptr, nullptr).value();
  const auto window = std::move(view->Read(list, {})).value();
  SampleBuffer scratch;
  for (std::size_t i = 0; i < list->frame->size(); ++i) {
    const SeriesSamples samples = window->At(i, scratch);
    if (!std::is_sorted(samples.times.begin(), samples.times.end())) std::abort();
  }
}

void Check(std::span<const std::uint8_t> input) {
  const File file = AsSnapshot(input);
  Store store;
  if (!store.ReadSnapshot(file.get()).ok()) {
    if (store.Stats().series > 0) std::abort();
    return;
  }
  ReadAll(store);
  const Sample sample[] = {{Labels{{"a", "b"}}, 1'000'000, 1}, {Labels{{"a", "c"}}, 1'000'000, 1}};
  store.Append("r", sample);
  ReadAll(store);
  store.Prune(8'000'000);
  ReadAll(store);
}

}  // namespace
}  // namespace tierwatch::series

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tierwatch::series::Check({data, size});
  return 0;
}
