#include "alerts/promql/script.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "alerts/promql/promql.h"
#include "alerts/promql/text.h"
#include "base/duration.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Comments become blank lines, and a blank line ends a block.
std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end));
    lines.push_back(line.starts_with('#') ? std::string_view() : line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

class ScriptParser {
 public:
  explicit ScriptParser(std::string_view text) : lines_(Lines(text)) {}

  Script Run() {
    Script script;
    for (; at_ < lines_.size(); ++at_) {
      if (lines_[at_].empty()) continue;
      const int line = static_cast<int>(at_) + 1;
      Result<ScriptCommand> command = Command();
      if (!command.ok()) {
        script.error = command.error();
        script.error_line = line;
        return script;
      }
      command->line = line;
      script.commands.push_back(std::move(command).value());
    }
    return script;
  }

 private:
  Result<ScriptCommand> Command() {
    const std::string_view line = lines_[at_];
    if (line == "clear") return ScriptCommand{0, ScriptClear{}};
    if (line.starts_with("load")) return Load();
    if (line.starts_with("eval")) return Eval();
    return Error{"invalid command " + Quote(line), Reason::kParse};
  }

  // The next line of the block, empty at its end.
  std::string_view NextOfBlock() {
    if (at_ + 1 >= lines_.size() || lines_[at_ + 1].empty()) return {};
    return lines_[++at_];
  }

  Result<ScriptCommand> Load() {
    static const RE2 kPattern(R"(load(_with_nhcb)?\s+(.+?))");
    std::string nhcb, gap;
    if (!RE2::FullMatch(Piece(lines_[at_]), kPattern, &nhcb, &gap))
      return Error{"invalid load command", Reason::kParse};
    const Result<Millis> duration = ParseDuration(gap);
    if (!duration.ok()) return duration.error();
    ScriptLoad load{*duration, !nhcb.empty(), {}};
    std::optional<ScriptStartTimes> starts;
    for (std::string_view line = NextOfBlock(); !line.empty(); line = NextOfBlock()) {
      if (IsStartTimes(line)) {
        Result<ScriptStartTimes> parsed = ParseScriptStartTimes(line);
        if (!parsed.ok()) return parsed.error();
        starts = std::move(parsed).value();
        continue;
      }
      Result<ScriptSeries> series = ParseScriptSeries(line);
      if (!series.ok()) return series.error();
      if (starts &&
          (starts->labels != series->labels || starts->offsets.size() != series->values.size())) {
        return Error{"start times don't fit the series behind them", Reason::kParse};
      }
      load.lines.push_back({std::move(series).value(), {}});
      if (starts) load.lines.back().starts = std::move(starts->offsets);
      starts.reset();
    }
    return ScriptCommand{0, std::move(load)};
  }

  Result<ScriptCommand> Eval() {
    static const RE2 kInstant(
        R"(eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+))");
    static const RE2 kRange(
        R"(eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+))");
    ScriptEval eval;
    eval.line = static_cast<int>(at_) + 1;
    std::string mode, from, to, step;
    const re2::StringPiece line = Piece(lines_[at_]);
    eval.range = RE2::FullMatch(line, kRange, &mode, &from, &to, &step, &eval.expr);
    if (!eval.range && !RE2::FullMatch(line, kInstant, &mode, &from, &eval.expr)) {
      return Error{"invalid evaluation command", Reason::kParse};
    }
    if (!eval.range) to = from;
    if (!Times(from, to, eval.range ? step : "0", eval))
      return Error{"invalid times of an evaluation", Reason::kParse};
    eval.at = eval.start;
    eval.ordered = mode == "ordered";
    eval.fail = mode == "fail";
    eval.warn = mode == "warn";
    eval.info = mode == "info";
    for (std::string_view next = NextOfBlock(); !next.empty(); next = NextOfBlock()) {
      const Result<void> read = EvalLine(next, eval);
      if (!read.ok()) return read.error();
      if (eval.scalar) break;
    }
    return ScriptCommand{0, std::move(eval)};
  }

  static re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

  static bool Times(std::string_view from, std::string_view to, std::string_view step,
                    ScriptEval& eval) {
    const Result<Millis> start = ParseDuration(from), end = ParseDuration(to),
                         interval = ParseDuration(step);
    if (!start.ok() || !end.ok() || !interval.ok() || *end < *start) return false;
    eval.start = start->count();
    eval.end = end->count();
    eval.step = *interval;
    return true;
  }

  static Result<void> EvalLine(std::string_view line, ScriptEval& eval) {
    static const RE2 kRangeVector(R"(expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+))");
    std::string from, to, step;
    if (RE2::FullMatch(Piece(line), kRangeVector, &from, &to, &step)) {
      if (!Times(from, to, step, eval)) return Error{"invalid range vector", Reason::kParse};
      eval.at = eval.end;
      eval.only_instant = true;
      return {};
    }
    constexpr std::string_view kString = "expect string ";
    if (line.starts_with(kString)) {
      eval.text = Unquote(line.substr(kString.size()));
      eval.only_instant = true;
      if (!eval.text) return Error{"expected string literal not valid", Reason::kParse};
      return {};
    }
    for (const auto& [prefix, pattern] :
         {std::pair<std::string_view, bool>{"expected_fail_message", false},
          {"expected_fail_regexp", true}}) {
      if (!eval.fail || !line.starts_with(prefix)) continue;
      ScriptExpectation expectation;
      (pattern ? expectation.pattern : expectation.text) =
          std::string(Trim(line.substr(prefix.size())));
      eval.failures.push_back(std::move(expectation));
      return {};
    }
    if (line.starts_with("expect ")) return Expect(line, eval);
    if (const std::optional<double> number = Number(line)) {
      eval.scalar = number;
      return {};
    }
    Result<ScriptSeries> series = ParseScriptSeries(line);
    if (!series.ok()) return series.error();
    eval.series.push_back(std::move(series).value());
    return {};
  }

  static std::optional<double> Number(std::string_view line) {
    const bool sign = line.starts_with('-') || line.starts_with('+');
    const std::optional<double> number = ParseNumber(line.substr(sign ? 1 : 0));
    if (!number) return std::nullopt;
    return line.starts_with('-') ? -*number : *number;
  }

  static Result<void> Expect(std::string_view line, ScriptEval& eval) {
    static const RE2 kPattern(
        R"(expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?)");
    std::string mode, kind, text;
    if (!RE2::FullMatch(Piece(line), kPattern, &mode, &kind, &text)) {
      return Error{"invalid expect statement " + Quote(line), Reason::kParse};
    }
    ScriptExpectation expectation;
    if (kind == "msg") expectation.text = std::string(Trim(text));
    if (kind == "regex") expectation.pattern = std::string(Trim(text));
    if (mode == "ordered") eval.ordered = true;
    if (mode == "no_warn") eval.no_warn = true;
    if (mode == "no_info") eval.no_info = true;
    if (mode == "fail") eval.fail = true, eval.failures.push_back(expectation);
    if (mode == "warn") eval.warnings.push_back(expectation);
    if (mode == "info") eval.infos.push_back(expectation);
    return {};
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
};

}  // namespace

bool ScriptExpectation::Matches(const std::string& message) const {
  if (text) return *text == message;
  return !pattern || RE2::PartialMatch(message, *pattern);
}

std::string ScriptExpectation::Describe() const {
  return text ? *text : pattern ? "/" + *pattern + "/" : "anything";
}

Script ParseScript(std::string_view text) { return ScriptParser(text).Run(); }

}  // namespace tierwatch::promql
