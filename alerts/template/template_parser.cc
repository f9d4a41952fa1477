#include "alerts/template/template_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "alerts/template/go_literal.h"
#include "alerts/template/template_functions.h"

namespace tierwatch::tmpl {
namespace {

constexpr int kMaxDepth = 100;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsLetter(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// What ended a list of nodes.
enum class End { kText, kEnd, kElse };

/// Recursive descent over the characters: whether words touch matters (`$x.Name` is one operand,
/// `$x .Name` two), so there is no token stream in between. The first error ends parsing; every
/// loop looks at `error_`.
class Parser {
 public:
  Parser(std::string_view text, Dialect dialect) : text_(text), dialect_(dialect) {
    if (dialect == Dialect::kRules) {
      for (const auto& variable : kPreludeVariables) variables_.emplace_back(variable[0]);
    }
    variables_.emplace_back("$");
  }

  Parsed<Program> Run() {
    if (Nodes(program_.main) != End::kText) Fail(action_start_, "unexpected {{end}} or {{else}}");
    if (error_) return *error_;
    return std::move(program_);
  }

 private:
  void Fail(std::size_t offset, std::string message) {
    if (!error_) error_ = TextError{std::min(offset, text_.size()), std::move(message)};
  }

  bool Enter() {
    if (++depth_ > kMaxDepth) Fail(at_, fmt::format("nested deeper than {}", kMaxDepth));
    return !error_;
  }

  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  std::string_view Rest() const { return text_.substr(std::min(at_, text_.size())); }
  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  bool Take(std::string_view expected) {
    if (!Rest().starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }

  /// Stands before `}}` or ` -}}`.
  bool AtClose() const {
    return Rest().starts_with("}}") ||
           (Rest().starts_with("-}}") && at_ > 0 && IsSpace(text_[at_ - 1]));
  }

  void Close(std::string_view context) {
    SkipSpace();
    if (error_) return;
    if (!AtClose()) {
      if (at_ >= text_.size()) return Fail(action_start_, "unclosed action");
      return Fail(at_, fmt::format("unexpected {:?} in {}", Rest().substr(0, 1), context));
    }
    const bool trim = Take("-");
    at_ += 2;
    if (trim) SkipSpace();
  }

  /// Reads the text up to the next action into `nodes` and stands behind `{{`; false at the end of
  /// the text.
  bool TextUpToAction(NodeList& nodes) {
    const std::size_t open = text_.find("{{", at_);
    const bool found = open != std::string_view::npos;
    std::string_view piece = text_.substr(at_, found ? open - at_ : std::string_view::npos);
    const std::size_t start = at_;
    at_ = found ? open + 2 : text_.size();
    if (found && Peek() == '-' && IsSpace(Peek(1))) {
      ++at_;
      while (!piece.empty() && IsSpace(piece.back())) piece.remove_suffix(1);
    }
    if (!piece.empty()) nodes.push_back({Text{std::string(piece)}, start});
    if (found) action_start_ = open;
    return found;
  }

  End Nodes(NodeList& nodes) {
    if (!Enter()) return End::kText;
    End end = End::kText;
    while (!error_ && TextUpToAction(nodes)) {
      SkipSpace();
      if (Rest().starts_with("/*")) {
        Comment();
        continue;
      }
      const std::string word = Keyword();
      if (word == "end") {
        Close("end");
        end = End::kEnd;
        break;
      }
      if (word == "else") {
        end = End::kElse;
        break;
      }
      Action_(word, nodes);
    }
    --depth_;
    return end;
  }

  void Comment() {
    const std::size_t end = text_.find("*/", at_);
    if (end == std::string_view::npos) return Fail(at_, "unclosed comment");
    at_ = end + 2;
    Close("comment");
  }

  /// Reads a keyword where one stands, "" otherwise.
  std::string Keyword() {
    std::size_t end = at_;
    while (end < text_.size() && (IsLetter(text_[end]) || IsDigit(text_[end]))) ++end;
    const std::string_view word = text_.substr(at_, end - at_);
    for (std::string_view keyword : {"if", "with", "range", "end", "else", "define", "template",
                                     "block", "break", "continue"}) {
      if (word == keyword) {
        at_ = end;
        return std::string(word);
      }
    }
    return "";
  }

  void Action_(const std::string& word, NodeList& nodes) {
    const std::size_t offset = action_start_;
    if (word == "if") return nodes.push_back({Branch_(Branch::Kind::kIf), offset});
    if (word == "with") return nodes.push_back({Branch_(Branch::Kind::kWith), offset});
    if (word == "range") return nodes.push_back({Branch_(Branch::Kind::kRange), offset});
    if (word == "define") return Define();
    if (word == "template") return nodes.push_back({TemplateCall_(), offset});
    if (word == "block") return nodes.push_back({Block(), offset});
    if (word == "break" || word == "continue") {
      if (loops_ == 0) return Fail(offset, fmt::format("{{{{{}}}}} outside {{{{range}}}}", word));
      Close(word);
      if (word == "break") return nodes.push_back({Break{}, offset});
      return nodes.push_back({Continue{}, offset});
    }
    Pipeline pipeline = Pipeline_("command", false);
    Close("command");
    nodes.push_back({Action{std::move(pipeline)}, offset});
  }

  Branch Branch_(Branch::Kind kind) {
    static constexpr std::string_view kNames[] = {"if", "with", "range"};
    const std::string_view name = kNames[static_cast<int>(kind)];
    const std::size_t offset = action_start_;
    const std::size_t scope = variables_.size();
    Branch branch{kind, Pipeline_(name, kind == Branch::Kind::kRange), {}, {}};
    Close(name);
    loops_ += kind == Branch::Kind::kRange;
    End end = Nodes(branch.body);
    loops_ -= kind == Branch::Kind::kRange;
    if (!error_ && end == End::kElse) end = Else(kind, branch.otherwise);
    if (end != End::kEnd) Fail(offset, fmt::format("{{{{{}}}}} without {{{{end}}}}", name));
    variables_.resize(scope);
    return branch;
  }

  /// Behind `else`: `{{else}}…{{end}}`, or `{{else if …}}` and `{{else with …}}`, which share the
  /// outer `{{end}}`.
  End Else(Branch::Kind kind, NodeList& otherwise) {
    SkipSpace();
    const std::size_t offset = at_;
    const std::string word = AtClose() ? "" : Keyword();
    if (word == "if" || word == "with") {
      const auto inner = word == "if" ? Branch::Kind::kIf : Branch::Kind::kWith;
      if (kind != inner) Fail(offset, fmt::format("unexpected <{}> in else", word));
      if (!Enter()) return End::kText;
      otherwise.push_back({Branch_(inner), offset});
      --depth_;
      return error_ ? End::kText : End::kEnd;
    }
    Close("else");
    const End end = Nodes(otherwise);
    if (end == End::kElse) Fail(action_start_, "expected {{end}}, found {{else}}");
    return end;
  }

  std::string QuotedName(std::string_view context) {
    SkipSpace();
    std::optional<Literal> literal = ReadLiteral(Rest());
    if (!literal || !literal->error.empty() || !literal->value.As<std::string>()) {
      Fail(at_, fmt::format("expected a quoted name in {}", context));
      return "";
    }
    at_ += literal->length;
    return *literal->value.As<std::string>();
  }

  /// Variables of the text around a definition are not seen inside.
  void Body(const std::string& name, std::size_t offset) {
    std::vector<std::string> outer = std::exchange(variables_, {"$"});
    const int loops = std::exchange(loops_, 0);
    NodeList body;
    if (Nodes(body) != End::kEnd)
      Fail(offset, "unexpected end of a definition: {{end}} is missing");
    variables_ = std::move(outer);
    loops_ = loops;
    program_.templates[name] = std::move(body);
  }

  void Define() {
    const std::size_t offset = action_start_;
    if (depth_ > 1)
      return Fail(offset, "unexpected {{define}}: definitions stand at the top level");
    const std::string name = QuotedName("define clause");
    Close("define clause");
    if (!error_) Body(name, offset);
  }

  TemplateCall Block() {
    const std::size_t offset = action_start_;
    TemplateCall call{QuotedName("block clause"), {}};
    call.pipeline = Pipeline_("block clause", false);
    Close("block clause");
    if (!error_) Body(call.name, offset);
    return call;
  }

  TemplateCall TemplateCall_() {
    TemplateCall call{QuotedName("template clause"), {}};
    SkipSpace();
    if (!error_ && !AtClose()) call.pipeline = Pipeline_("template clause", false);
    Close("template clause");
    return call;
  }

  std::string VariableName() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && (IsLetter(text_[end]) || IsDigit(text_[end]))) ++end;
    const std::string name(text_.substr(at_, end - at_));
    at_ = end;
    return name;
  }

  /// `$x :=`, `$x =` or `$i, $x :=` (in range); goes back where the pipeline merely begins with a
  /// variable.
  void Declaration(Pipeline& pipeline, bool range) {
    const std::size_t start = at_;
    std::vector<std::string> names;
    while (Peek() == '$') {
      names.push_back(VariableName());
      SkipSpace();
      if (Take(":=") || Peek() == '=') {
        pipeline.assigns = text_[at_ - 1] != '=';
        if (pipeline.assigns) ++at_;
        pipeline.variables = std::move(names);
        return;
      }
      if (!range || names.size() == 2 || !Take(",")) break;
      SkipSpace();
    }
    at_ = start;
  }

  Pipeline Pipeline_(std::string_view context, bool range) {
    Pipeline pipeline;
    if (!Enter()) return pipeline;
    SkipSpace();
    Declaration(pipeline, range);
    do {
      pipeline.commands.push_back(Command_(context));
    } while (!error_ && Take("|"));
    for (const std::string& name : pipeline.variables) {
      if (pipeline.assigns) {
        CheckVariable(name, at_);
      } else {
        variables_.push_back(name);
      }
    }
    --depth_;
    return pipeline;
  }

  Command Command_(std::string_view context) {
    Command command;
    SkipSpace();
    const std::size_t start = at_;
    while (!error_ && at_ < text_.size() && !AtClose() && Peek() != '|' && Peek() != ')') {
      command.operands.push_back(Operand_(context));
      const std::size_t end = at_;
      SkipSpace();
      if (!error_ && at_ == end && at_ < text_.size() && !AtClose() && Peek() != '|' &&
          Peek() != ')') {
        Fail(at_, fmt::format("unexpected {:?} in operand", Rest().substr(0, 1)));
      }
    }
    if (command.operands.empty()) {
      if (at_ >= text_.size()) {
        Fail(action_start_, "unclosed action");
      } else {
        Fail(start, fmt::format("missing value for {}", context));
      }
    }
    return command;
  }

  void CheckVariable(const std::string& name, std::size_t offset) {
    if (std::find(variables_.begin(), variables_.end(), name) == variables_.end()) {
      Fail(offset, fmt::format("undefined variable {:?}", name));
    }
  }

  Operand Operand_(std::string_view context) {
    Operand operand;
    operand.offset = at_;
    const char c = Peek();
    if (c == '(') {
      ++at_;
      operand.base = std::make_shared<const Pipeline>(Pipeline_("parenthesized pipeline", false));
      SkipSpace();
      if (!error_ && !Take(")")) Fail(operand.offset, "unclosed left paren");
    } else if (c == '$') {
      const std::string name = VariableName();
      CheckVariable(name, operand.offset);
      operand.base = Variable{name};
    } else if (c == '.' && !IsDigit(Peek(1))) {
      operand.base = Dot{};
      if (!IsLetter(Peek(1))) ++at_;
    } else if (IsLetter(c)) {
      operand.base = Word();
    } else if (std::optional<Literal> literal = ReadLiteral(Rest())) {
      if (!literal->error.empty()) Fail(at_, literal->error);
      operand.base = literal->value;
      at_ += literal->length;
    } else {
      Fail(at_, fmt::format("unexpected {:?} in {}", Rest().substr(0, 1), context));
    }
    Fields(operand);
    return operand;
  }

  decltype(Operand::base) Word() {
    const std::size_t start = at_;
    while (IsLetter(Peek()) || IsDigit(Peek())) ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    if (word == "true" || word == "false") return Value{word == "true"};
    if (word == "nil") return Nil{};
    if (FindFunction(dialect_, word) == nullptr)
      Fail(start, fmt::format("function {:?} not defined", word));
    return FunctionName{std::string(word)};
  }

  void Fields(Operand& operand) {
    while (!error_ && Peek() == '.' && IsLetter(Peek(1))) {
      const std::size_t start = ++at_;
      while (IsLetter(Peek()) || IsDigit(Peek())) ++at_;
      operand.fields.emplace_back(text_.substr(start, at_ - start));
    }
    const bool constant =
        std::holds_alternative<Value>(operand.base) || std::holds_alternative<Nil>(operand.base);
    if (constant && !operand.fields.empty()) Fail(operand.offset, "unexpected . after a constant");
  }

  std::string_view text_;
  const Dialect dialect_;
  std::size_t at_ = 0;
  std::size_t action_start_ = 0;
  int depth_ = 0;
  int loops_ = 0;
  std::vector<std::string> variables_;
  Program program_;
  std::optional<TextError> error_;
};

}  // namespace

Parsed<Program> ParseTemplate(std::string_view text, Dialect dialect) {
  return Parser(text, dialect).Run();
}

}  // namespace tierwatch::tmpl
