#include "collectors/statement_texts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "collectors/foreign_text.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr std::array<std::string_view, 8> kPlanned{"SELECT", "INSERT", "UPDATE", "DELETE",
                                                   "MERGE",  "WITH",   "VALUES", "TABLE"};

// Behind spaces, comments and opening parentheses; the end where a comment has none.
std::size_t FirstWord(std::string_view text) {
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t\r\n\f\v(", at)) != text.npos) {
    const std::string_view rest = text.substr(at);
    const bool line = rest.starts_with("--"), block = rest.starts_with("/*");
    if (!line && !block) return at;
    const std::size_t end = line ? text.find('\n', at) : text.find("*/", at + 2);
    if (end == text.npos) break;
    at = end + (line ? 1 : 2);
  }
  return text.size();
}

// 'x', E'x' and $$x$$, also where they are but part of a comment.
bool HasQuoted(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') return true;
    if (text[i] != '$') continue;
    if (i + 1 == text.size() || text[i + 1] < '0' || text[i + 1] > '9') return true;
  }
  return false;
}

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::string ShownText(std::string_view text) {
  const std::string_view rest = text.substr(FirstWord(text));
  std::string word(rest.substr(0, rest.find_first_of(" \t\r\n\f\v(;'\"$-/*")));
  std::transform(word.begin(), word.end(), word.begin(), Upper);
  const bool planned = std::find(kPlanned.begin(), kPlanned.end(), word) != kPlanned.end();
  if (planned && !HasQuoted(text)) {
    return LabelText(text, kLongestStatementText);
  }
  return LabelText(word, 32) + " …";
}

void StatementTexts::Keep(const std::map<StatementKey, StatementCost>& named) {
  const std::size_t gone =
      std::erase_if(texts_, [&](const auto& text) { return !named.contains(text.first); });
  missing_.clear();
  for (const auto& [key, cost] : named) {
    if (!texts_.contains(key)) missing_.push_back(key);
  }
  if (gone > 0) Publish();
}

void StatementTexts::Learn(const Rows& rows) {
  for (StatementKey& key : missing_) texts_.emplace(std::move(key), "");
  missing_.clear();
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const RowReader row(rows, i);
    const auto known = texts_.find({row.Label("database"), row.Text("queryid")});
    if (known != texts_.end() && row.Raw("text")) known->second = ShownText(row.Text("text"));
  }
  Publish();
}

void StatementTexts::Publish() {
  std::vector<StatementText> all;
  for (const auto& [key, text] : texts_) {
    if (!text.empty()) all.push_back({key.database, key.queryid, text});
  }
  known_ = std::make_shared<std::vector<StatementText>>(std::move(all));
}

}  // namespace tierwatch
