// Random PromQL: expressions derived from a weighted grammar, which is a table (grammar_table.cc).
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/promql/choices.h"

namespace tierwatch {

/// A version of Prometheus: 242 is 2.42, 314 is 3.14.
using PromqlVersion = int;

/// One way to write a symbol. `$name` in the text stands for a symbol of the grammar, `$$` for a
/// dollar; the rest is PromQL as it is.
struct Production {
  std::string_view symbol;
  unsigned weight;  // among the productions of its symbol
  std::string_view text;
  PromqlVersion since = 0;      // the first version that knows it …
  PromqlVersion until = 9'999;  // … and the last
};
std::span<const Production> PromqlProductions();

/// A symbol written out: a tree, so that a part of it can be looked at or replaced.
struct Derivation {
  const Production* production = nullptr;
  std::vector<Derivation> children;  // one for each `$name`, in the order of the text

  std::string Text() const;
  /// The text with some nodes written by `rewrite`, which gives nothing ("") for all others.
  using Rewrite = std::function<std::string(const Derivation&)>;
  std::string Text(const Rewrite& rewrite) const;
  /// Calls `visit` for this node and all below it, parents first.
  void Visit(const std::function<void(const Derivation&)>& visit) const;
};

/// The productions that a version knows.
class Grammar {
 public:
  explicit Grammar(PromqlVersion version);

  /// Writes a symbol out. `depth` bounds the height of the tree as far as the grammar can be bound.
  Derivation Derive(std::string_view symbol, Choices& choices, int depth) const;
  /// `whole` with one node replaced: by a part of itself, or by the smallest that can stand there.
  std::vector<Derivation> Simpler(const Derivation& whole) const;

 private:
  struct Alternative {
    const Production* production;
    std::vector<std::string_view> symbols;
    int height;  // of the lowest tree
  };
  using Alternatives = std::vector<Alternative>;

  void MeasureHeights();
  int HeightOf(std::string_view symbol) const;
  Derivation Smallest(std::string_view symbol) const;

  std::map<std::string_view, Alternatives> symbols_;
};

}  // namespace tierwatch
