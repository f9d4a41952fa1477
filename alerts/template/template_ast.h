// The parsed form of a template: text, actions and control structures.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "alerts/template/template_value.h"

namespace tierwatch::tmpl {

struct Pipeline;
struct Node;
using NodeList = std::vector<Node>;

struct Dot {};
struct Nil {};
/// `$name`; "$" alone is the data that the template was given.
struct Variable {
  std::string name;
};
struct FunctionName {
  std::string name;
};

/// One word of a command with the fields behind it: `.A.B` is Dot with fields A and B, `(x).A` a
/// pipeline with A.
struct Operand {
  std::variant<Value, Dot, Nil, Variable, FunctionName, std::shared_ptr<const Pipeline>> base;
  std::vector<std::string> fields;
  std::size_t offset = 0;
};

/// A function or method and its arguments, or a single operand. Never empty.
struct Command {
  std::vector<Operand> operands;
};

/// Commands joined by `|`; the value of each is the last argument of the next. An empty one is
/// `range`'s or a template call's absent argument.
struct Pipeline {
  std::vector<std::string> variables;  // declared or assigned, at most two
  bool assigns = false;                // `=` instead of `:=`
  std::vector<Command> commands;
};

struct Text {
  std::string text;
};
struct Action {
  Pipeline pipeline;
};
/// `if`, `with` and `range` differ only in what their pipeline's value does.
struct Branch {
  enum class Kind { kIf, kWith, kRange };
  Kind kind = Kind::kIf;
  Pipeline pipeline;
  NodeList body;
  NodeList otherwise;
};
struct TemplateCall {
  std::string name;
  Pipeline pipeline;
};
struct Break {};
struct Continue {};

struct Node {
  std::variant<Text, Action, Branch, TemplateCall, Break, Continue> kind;
  std::size_t offset = 0;
};

/// A parsed text: its own nodes and every template that it defines.
struct Program {
  NodeList main;
  std::map<std::string, NodeList, std::less<>> templates;
};

}  // namespace tierwatch::tmpl
