// The file of a snapshot: a magic word, then sections with a kind, a length and a checksum, the
// last of which says that it is the last.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace tierwatch::series {

inline constexpr std::array<char, 8> kSnapshotMagic = {'t', 'i', 'e', 'r', 's', 'n', 'a', '1'};

enum class SectionKind : std::uint32_t { kEnd = 0, kBlock = 1, kColumn = 2 };

/// Writes one section where the file stands; false where that fails.
bool PutSection(SectionKind kind, std::span<const std::uint8_t> content, std::FILE* file);

/// Writes beside `path` and takes its place when all is on the disk; until then, and where anything
/// fails, what was there stays. Not thread-safe.
class SnapshotWriter {
 public:
  static Result<SnapshotWriter> Create(const std::string& path);
  SnapshotWriter(SnapshotWriter&&) = default;
  SnapshotWriter& operator=(SnapshotWriter&&) = delete;
  ~SnapshotWriter();

  void Put(SectionKind kind, std::span<const std::uint8_t> content);
  /// Errors of any Put are told here.
  Result<void> Finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  SnapshotWriter(std::FILE* file, const std::string& path) : file_(file), path_(path) {}
  std::string TemporaryPath() const { return path_ + ".tmp"; }

  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
  bool failed_ = false;
};

struct Section {
  SectionKind kind = SectionKind::kEnd;
  std::vector<std::uint8_t> content;
};

/// Reads what SnapshotWriter wrote, from the beginning of an open file.
class SnapshotReader {
 public:
  /// `file` must outlive the reader.
  explicit SnapshotReader(std::FILE* file) : file_(file) {}
  /// The next section; an empty one of kind kEnd is the last. Errors: the bytes are not a snapshot,
  /// or damaged.
  Result<Section> Next();

 private:
  bool Read(void* data, std::size_t size) { return std::fread(data, 1, size, file_) == size; }

  std::FILE* file_;
  bool started_ = false;
};

}  // namespace tierwatch::series
