#include "alerts/series/snapshot_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace tierwatch::series {
namespace {

struct Head {
  std::uint32_t kind = 0;
  std::uint32_t checksum = 0;  // of the kind, the size and the content
  std::uint64_t size = 0;
};

std::uint32_t Checksum(const Head& head, std::span<const std::uint8_t> content) {
  const std::uint64_t about[] = {head.kind, head.size};
  uLong sum = crc32_z(0, reinterpret_cast<const Bytef*>(about), sizeof about);
  if (!content.empty()) sum = crc32_z(sum, content.data(), content.size());
  return static_cast<std::uint32_t>(sum);
}

Error System(std::string_view what, std::string_view path) {
  return Error{fmt::format("{} {}: {}", what, path, std::strerror(errno))};
}

// A file that was renamed is on the disk when its folder is.
bool SyncFolderOf(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const int fd = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

bool Write(const void* data, std::size_t size, std::FILE* file) {
  return size == 0 || std::fwrite(data, 1, size, file) == size;
}

}  // namespace

bool PutSection(SectionKind kind, std::span<const std::uint8_t> content, std::FILE* file) {
  Head head{static_cast<std::uint32_t>(kind), 0, content.size()};
  head.checksum = Checksum(head, content);
  return Write(&head, sizeof head, file) && Write(content.data(), content.size(), file);
}

Result<SnapshotWriter> SnapshotWriter::Create(const std::string& path) {
  const std::string temporary = path + ".tmp";
  std::FILE* const file = std::fopen(temporary.c_str(), "wbe");
  if (file == nullptr) return System("write", temporary);
  SnapshotWriter writer(file, path);
  writer.failed_ = !Write(kSnapshotMagic.data(), kSnapshotMagic.size(), file);
  return writer;
}

SnapshotWriter::~SnapshotWriter() {
  if (!file_) return;
  file_.reset();
  std::remove(TemporaryPath().c_str());
}

void SnapshotWriter::Put(SectionKind kind, std::span<const std::uint8_t> content) {
  failed_ = failed_ || !PutSection(kind, content, file_.get());
}

Result<void> SnapshotWriter::Finish() {
  Put(SectionKind::kEnd, {});
  if (failed_ || std::fflush(file_.get()) != 0 || fsync(fileno(file_.get())) != 0)
    return System("write", TemporaryPath());
  if (std::rename(TemporaryPath().c_str(), path_.c_str()) != 0) return System("rename to", path_);
  file_.reset();
  if (!SyncFolderOf(path_)) return System("sync the folder of", path_);
  return {};
}

Result<Section> SnapshotReader::Next() {
  constexpr std::size_t kPiece = 1 << 20;  // so that a wrong size costs no more than there is
  std::array<char, kSnapshotMagic.size()> magic;
  if (!started_ && (!Read(magic.data(), magic.size()) || magic != kSnapshotMagic))
    return Error{"not a snapshot of series of this version", Reason::kParse};
  started_ = true;
  Head head;
  if (!Read(&head, sizeof head)) return Error{"the file ends too early", Reason::kParse};
  Section section{static_cast<SectionKind>(head.kind), {}};
  while (section.content.size() < head.size) {
    const std::size_t had = section.content.size();
    section.content.resize(had + std::min<std::uint64_t>(kPiece, head.size - had));
    if (!Read(section.content.data() + had, section.content.size() - had))
      return Error{"the file ends within a section", Reason::kParse};
  }
  if (Checksum(head, section.content) != head.checksum)
    return Error{"a checksum is wrong", Reason::kParse};
  if (head.kind > static_cast<std::uint32_t>(SectionKind::kColumn))
    return Error{"an unknown section", Reason::kParse};
  if (section.kind == SectionKind::kEnd && (head.size > 0 || std::fgetc(file_) != EOF))
    return Error{"bytes behind the end", Reason::kParse};
  return section;
}

}  // namespace tierwatch::series
