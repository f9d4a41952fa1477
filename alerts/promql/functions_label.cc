#include <re2/re2.h>

#include <algorithm>
#include <optional>
#include <string>

#include "alerts/promql/functions.h"
#include "alerts/promql/instant.h"
#include "alerts/promql/text.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

using enum ValueType;

Result<std::vector<std::string>> Texts(Evaluator& evaluator, const Call& call, std::size_t from) {
  std::vector<std::string> texts;
  for (std::size_t i = from; i < call.args.size(); ++i) {
    Result<std::string> text = evaluator.String(*call.args[i]);
    if (!text.ok()) return text.error();
    texts.push_back(std::move(text).value());
  }
  return texts;
}

bool ValidLabelName(std::string_view name) { return !name.empty() && IsUtf8(name); }

// Go's regexp.Expand: $1, $name, ${name}; an unknown group is empty, $$ a dollar.
std::string Expand(std::string_view text, const RE2& re2,
                   const std::vector<re2::StringPiece>& groups) {
  const auto group = [&](std::string_view name) -> std::string {
    std::size_t index = groups.size();
    if (std::all_of(name.begin(), name.end(), IsDigit)) {
      index =
          name.size() < 6 ? static_cast<std::size_t>(std::stoi(std::string(name))) : groups.size();
    } else if (const auto at = re2.NamedCapturingGroups().find(std::string(name));
               at != re2.NamedCapturingGroups().end()) {
      index = static_cast<std::size_t>(at->second);
    }
    return index < groups.size() ? std::string(groups[index].data(), groups[index].size()) : "";
  };
  std::string out;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    const bool braces = text.starts_with('{');
    std::size_t end = braces ? 1 : 0;
    while (end < text.size() && (IsAlpha(text[end]) || IsDigit(text[end]))) ++end;
    const std::string_view name = text.substr(braces ? 1 : 0, end - (braces ? 1 : 0));
    if (name.empty() || (braces && (end >= text.size() || text[end] != '}'))) {
      out += '$';  // malformed: taken as it stands
      continue;
    }
    out += group(name);
    text.remove_prefix(end + (braces ? 1 : 0));
  }
  return out;
}

// Gives every series a label anew; `value` tells what from the index, nothing to leave it as it is.
template <class ValueOf>
Result<Value> SetLabels(Evaluator& evaluator, const Expr& expr, StepVector vector,
                        const std::string& target, ValueOf value) {
  Relabelling& memo = evaluator.MemoOf<Relabelling>(expr);
  if (memo.input != vector.frame) {
    const Symbol name = evaluator.symbols()->Intern(target);
    FrameBuilder frame(evaluator.symbols());
    std::vector<LabelPair> labels;
    memo.to.clear();
    memo.input = nullptr;
    for (std::size_t i = 0; i < vector.size(); ++i) {
      if (const auto error = evaluator.Interrupted(i)) return *error;
      const LabelPairs before = (*vector.frame)[i];
      labels.assign(before.begin(), before.end());
      bool drops = vector.frame->DropsName(i);
      if (const std::optional<std::string> text = value(i)) {
        series::SetValue(labels, name, evaluator.symbols()->Intern(*text));
        if (name == series::kNameSymbol) drops = false;
      }
      memo.to.push_back(static_cast<std::uint32_t>(frame.Insert(labels, drops).first));
    }
    if (frame.size() == vector.size()) memo.to.clear();
    memo.frame = frame.Finish();
    memo.input = vector.frame;
  }
  Result<StepVector> moved = evaluator.Move(std::move(vector), memo);
  if (!moved.ok()) return moved.error();
  return Value{std::move(moved).value()};
}

Result<Value> LabelReplace(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const auto texts = Texts(evaluator, call, 1);
  if (!texts.ok()) return texts.error();
  const std::string &target = (*texts)[0], &replacement = (*texts)[1], &source = (*texts)[2],
                    &pattern = (*texts)[3];
  const RE2 re2("^(?s:" + pattern + ")$", RE2::Quiet);
  if (!re2.ok()) return Error{"invalid regular expression in label_replace(): " + pattern};
  if (!ValidLabelName(target))
    return Error{"invalid destination label name in label_replace(): " + target};
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(re2.NumberOfCapturingGroups()) + 1);
  const FramePtr frame = vector->frame;
  const Symbol from = evaluator.symbols()->Intern(source);
  const auto value = [&](std::size_t i) -> std::optional<std::string> {
    const std::string_view text = frame->Text(i, from);
    if (!re2.Match(re2::StringPiece(text.data(), text.size()), 0, text.size(), RE2::ANCHOR_BOTH,
                   groups.data(), static_cast<int>(groups.size())))
      return std::nullopt;
    return Expand(replacement, re2, groups);
  };
  return SetLabels(evaluator, expr, std::move(vector).value(), target, value);
}

Result<Value> LabelJoin(Evaluator& evaluator, const Expr& expr, const Call& call) {
  const auto texts = Texts(evaluator, call, 1);
  if (!texts.ok()) return texts.error();
  const std::string &target = (*texts)[0], &separator = (*texts)[1];
  std::vector<Symbol> sources;
  for (std::size_t i = 2; i < texts->size(); ++i) {
    if (!ValidLabelName((*texts)[i]))
      return Error{"invalid source label name in label_join(): " + (*texts)[i]};
    sources.push_back(evaluator.symbols()->Intern((*texts)[i]));
  }
  if (!ValidLabelName(target))
    return Error{"invalid destination label name in label_join(): " + target};
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  const FramePtr frame = vector->frame;
  const auto value = [&](std::size_t i) {
    std::string joined;
    for (std::size_t k = 0; k < sources.size(); ++k) {
      if (k > 0) joined += separator;
      joined += frame->Text(i, sources[k]);
    }
    return std::optional(std::move(joined));
  };
  return SetLabels(evaluator, expr, std::move(vector).value(), target, value);
}

// Orders numbers inside of texts by their value: a2 before a10.
int NaturalCompare(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const auto chunk = [](std::string_view text) {
      const bool digits = IsDigit(text[0]);
      std::size_t end = 1;
      while (end < text.size() && IsDigit(text[end]) == digits) ++end;
      return text.substr(0, end);
    };
    const std::string_view x = chunk(a), y = chunk(b);
    if (IsDigit(x[0]) && IsDigit(y[0])) {
      const auto significant = [](std::string_view digits) {
        const std::size_t start = digits.find_first_not_of('0');
        return start == std::string_view::npos ? std::string_view() : digits.substr(start);
      };
      const std::string_view m = significant(x), n = significant(y);
      if (m.size() != n.size()) return m.size() < n.size() ? -1 : 1;
      if (const int order = m.compare(n); order != 0) return order;
      if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
    } else if (const int order = x.compare(y); order != 0) {
      return order;
    }
    a.remove_prefix(x.size());
    b.remove_prefix(y.size());
  }
  return a.empty() ? (b.empty() ? 0 : -1) : 1;
}

template <bool kDescending>
Result<Value> SortByLabel(Evaluator& evaluator, const Expr& expr, const Call& call) {
  if (!evaluator.at_one_step()) {
    evaluator.notes().Warn(
        "PromQL warning: sort is ineffective for range queries since results are always ordered by "
        "labels",
        expr.where);
  }
  const auto names = Texts(evaluator, call, 1);
  if (!names.ok()) return names.error();
  Result<StepVector> vector = evaluator.Vector(*call.args[0]);
  if (!vector.ok()) return vector.error();
  if (!evaluator.ordered()) return Value{std::move(vector).value()};
  std::vector<Labels> labels;
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < vector->size(); ++i) {
    labels.push_back(vector->frame->LabelsOf(i));
    order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const Labels& first = labels[kDescending ? b : a];
    const Labels& second = labels[kDescending ? a : b];
    for (const std::string& name : *names) {
      const int compared = NaturalCompare(first.Get(name), second.Get(name));
      if (compared != 0) return compared < 0;
    }
    return first < second;
  });
  return Value{InOrder(*vector, order)};
}

constexpr Function kFunctions[] = {
    {"info", {kVector, kVector}, 1, kVector, EvaluateInfo, kExperimental},
    {"label_join", {kVector, kString, kString, kString}, kAnyNumber, kVector, LabelJoin},
    {"label_replace", {kVector, kString, kString, kString, kString}, 0, kVector, LabelReplace},
    {"sort_by_label", {kVector, kString}, kAnyNumber, kVector, SortByLabel<false>, kExperimental},
    {"sort_by_label_desc",
     {kVector, kString},
     kAnyNumber,
     kVector,
     SortByLabel<true>,
     kExperimental},
};

}  // namespace

std::span<const Function> LabelFunctions() { return kFunctions; }

}  // namespace tierwatch::promql
