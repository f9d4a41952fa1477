#include "base/text_file.h"

#include <glob.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace tierwatch {
namespace {

constexpr std::size_t kMaxFileBytes = 16u << 20;

}  // namespace

Result<std::string> ReadTextFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return Error{"is a directory"};
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{std::strerror(errno)};
  std::string text;
  std::array<char, 1 << 14> piece;
  while (file.read(piece.data(), piece.size()) || file.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMaxFileBytes) return Error{"larger than 16 MiB", Reason::kLimit};
  }
  if (file.bad()) return Error{"can't be read"};
  return text;
}

std::vector<std::string> ExpandGlob(const std::string& pattern) {
  std::vector<std::string> files;
  glob_t found{};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return files;
}

}  // namespace tierwatch
