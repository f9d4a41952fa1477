// Files for tests: the source tree's fixtures and temporary folders.
#pragma once

#include <string>

namespace tierwatch {

/// The whole content of a file; an absent file fails the test.
std::string ReadFile(const std::string& path);
/// The path of something in the source tree: SourcePath("tests/fixtures/redis/info.txt").
std::string SourcePath(const std::string& relative);

/// A fresh folder that is removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  /// Writes a file below the folder and gives its path.
  std::string Write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

}  // namespace tierwatch
