#include "tests/support/promql/grammar.h"

#include <algorithm>
#include <cassert>

namespace tierwatch {
namespace {

constexpr int kUnknownHeight = 1'000;

bool InName(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

// Calls `plain` for the pieces of PromQL and `symbol` for the names between them; `$$` is a dollar.
template <class Plain, class Symbol>
void Walk(std::string_view text, Plain plain, Symbol symbol) {
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    plain(text.substr(0, dollar));
    if (dollar == std::string_view::npos) return;
    text.remove_prefix(dollar + 1);
    std::size_t length = 0;
    while (length < text.size() && InName(text[length])) ++length;
    if (length == 0) {
      plain("$");
      length = 1;
    } else {
      symbol(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
}

std::vector<std::string_view> SymbolsOf(std::string_view text) {
  std::vector<std::string_view> symbols;
  Walk(
      text, [](std::string_view) {}, [&](std::string_view name) { symbols.push_back(name); });
  return symbols;
}

// All trees that are `whole` with `node` or one below it replaced by what `replacements` gives for
// it.
void ReplaceOne(Derivation& whole, Derivation& node,
                const std::function<void(const Derivation&,
                                         const std::function<void(Derivation)>&)>& replacements,
                std::vector<Derivation>& results) {
  const Derivation original = node;
  replacements(original, [&](Derivation replacement) {
    node = std::move(replacement);
    results.push_back(whole);
  });
  node = original;
  for (Derivation& child : node.children) ReplaceOne(whole, child, replacements, results);
}

}  // namespace

std::string Derivation::Text() const {
  return Text([](const Derivation&) { return std::string(); });
}

std::string Derivation::Text(const Rewrite& rewrite) const {
  if (std::string other = rewrite(*this); !other.empty()) return other;
  std::string text;
  auto child = children.begin();
  Walk(
      production->text, [&](std::string_view piece) { text += piece; },
      [&](std::string_view) { text += (child++)->Text(rewrite); });
  return text;
}

void Derivation::Visit(const std::function<void(const Derivation&)>& visit) const {
  visit(*this);
  for (const Derivation& child : children) child.Visit(visit);
}

Grammar::Grammar(PromqlVersion version) {
  for (const Production& production : PromqlProductions()) {
    if (version < production.since || version > production.until) continue;
    symbols_[production.symbol].push_back(
        {&production, SymbolsOf(production.text), kUnknownHeight});
  }
  MeasureHeights();
}

int Grammar::HeightOf(std::string_view symbol) const {
  const auto at = symbols_.find(symbol);
  assert(at != symbols_.end());
  int height = kUnknownHeight;
  for (const Alternative& alternative : at->second) height = std::min(height, alternative.height);
  return height;
}

void Grammar::MeasureHeights() {
  for (bool changed = true; changed;) {
    changed = false;
    for (auto& [name, alternatives] : symbols_) {
      for (Alternative& alternative : alternatives) {
        int height = 0;
        for (const std::string_view symbol : alternative.symbols)
          height = std::max(height, HeightOf(symbol));
        changed = changed || height + 1 < alternative.height;
        alternative.height = std::min(alternative.height, height + 1);
      }
    }
  }
}

Derivation Grammar::Derive(std::string_view symbol, Choices& choices, int depth) const {
  const Alternatives& all = symbols_.at(symbol);
  const int allowed = std::max(depth, HeightOf(symbol));
  std::uint32_t total = 0;
  for (const Alternative& alternative : all)
    if (alternative.height <= allowed) total += alternative.production->weight;
  std::uint32_t choice = choices.Below(total);
  for (const Alternative& alternative : all) {
    if (alternative.height > allowed) continue;
    if (choice >= alternative.production->weight) {
      choice -= alternative.production->weight;
      continue;
    }
    Derivation derivation{alternative.production, {}};
    for (const std::string_view child : alternative.symbols)
      derivation.children.push_back(Derive(child, choices, depth - 1));
    return derivation;
  }
  assert(false);
  return {};
}

Derivation Grammar::Smallest(std::string_view symbol) const {
  const Alternatives& all = symbols_.at(symbol);
  const auto least = std::min_element(
      all.begin(), all.end(), [](const auto& a, const auto& b) { return a.height < b.height; });
  Derivation derivation{least->production, {}};
  for (const std::string_view child : least->symbols)
    derivation.children.push_back(Smallest(child));
  return derivation;
}

std::vector<Derivation> Grammar::Simpler(const Derivation& whole) const {
  std::vector<Derivation> results;
  Derivation copy = whole;
  const auto replacements = [&](const Derivation& node,
                                const std::function<void(Derivation)>& replace) {
    const std::string_view symbol = node.production->symbol;
    replace(Smallest(symbol));
    for (const Derivation& child : node.children) {
      child.Visit([&](const Derivation& below) {
        if (below.production->symbol == symbol) replace(below);
      });
    }
  };
  ReplaceOne(copy, copy, replacements, results);
  return results;
}

}  // namespace tierwatch
