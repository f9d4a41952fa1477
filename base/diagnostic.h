// Findings in something that a person wrote: each with its place, all of them at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tierwatch {

/// A place in a file; lines and columns count from 1, 0 where unknown.
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
  std::string ToString() const;  // "rules.yml:12:5"
};

struct Diagnostic {
  Location where;
  std::string message;  // what was found and what was expected
  std::string ToString() const { return where.ToString() + ": " + message; }
};

/// Collects findings while reading goes on. Not thread-safe.
class Diagnostics {
 public:
  void Add(Location where, std::string message) {
    list_.push_back({std::move(where), std::move(message)});
  }
  bool empty() const { return list_.empty(); }
  const std::vector<Diagnostic>& list() const { return list_; }
  /// One finding a line, in the order of files and lines.
  std::string ToString() const;

 private:
  std::vector<Diagnostic> list_;
};

/// The candidate that is most like `word`, "" where none is near (Levenshtein distance over a third
/// of its length).
std::string_view Nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace tierwatch
