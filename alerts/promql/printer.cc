// The canonical text of an expression. Source: Prometheus 3.14, promql/parser/printer.go.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "alerts/promql/ast.h"
#include "alerts/promql/functions.h"
#include "base/duration.h"
#include "base/float_text.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

std::string Signed(Millis duration) {
  return duration.count() < 0 ? "-" + FormatDuration(-duration) : FormatDuration(duration);
}

std::string Seconds(double seconds, bool as_duration) {
  if (!as_duration) return FloatText(seconds);
  return Signed(Millis(static_cast<std::int64_t>(std::round(seconds * 1000))));
}

std::string Text(const DurationNode& node) {
  using Kind = DurationNode::Kind;
  const auto infix = [&](const char* op) {
    return Text(*node.lhs) + " " + op + " " + Text(*node.rhs);
  };
  const auto call = [&](const char* name) {
    return fmt::format("{}({}, {})", name, Text(*node.lhs), Text(*node.rhs));
  };
  std::string text;
  switch (node.kind) {
    case Kind::kNumber:
      return Seconds(node.seconds, node.as_duration);
    case Kind::kStep:
      text = "step()";
      break;
    case Kind::kRange:
      text = "range()";
      break;
    case Kind::kNegate:
      text = "-" + Text(*node.rhs);
      break;
    case Kind::kAdd:
      text = infix("+");
      break;
    case Kind::kSub:
      text = infix("-");
      break;
    case Kind::kMul:
      text = infix("*");
      break;
    case Kind::kDiv:
      text = infix("/");
      break;
    case Kind::kMod:
      text = infix("%");
      break;
    case Kind::kPow:
      text = infix("^");
      break;
    case Kind::kMinOf:
      text = call("min_of");
      break;
    case Kind::kMaxOf:
      text = call("max_of");
      break;
  }
  return node.parens ? "(" + text + ")" : text;
}

std::string Text(const Duration& duration) {
  return duration.expr ? Text(*duration.expr) : Signed(duration.value);
}

std::string AtText(const TimeShift& shift) {
  switch (shift.at) {
    case TimeShift::At::kTime:
      return fmt::format(" @ {:.3f}", static_cast<double>(shift.time) / 1000);
    case TimeShift::At::kStart:
      return " @ start()";
    case TimeShift::At::kEnd:
      return " @ end()";
    case TimeShift::At::kNone:
      break;
  }
  return "";
}

std::string OffsetText(const TimeShift& shift) {
  return shift.offset.IsSet() ? " offset " + Text(shift.offset) : "";
}

std::string ExtendedText(const VectorSelector& selector) {
  return selector.anchored ? " anchored" : selector.smoothed ? " smoothed" : "";
}

std::string SelectorText(const VectorSelector& selector) {
  std::vector<std::string> matchers;
  for (const series::Matcher& matcher : selector.matchers) {
    const bool name = matcher.name() == kMetricName &&
                      matcher.type() == series::MatchType::kEqual &&
                      matcher.value() == selector.name && !matcher.value().empty();
    if (!name) matchers.push_back(matcher.ToString());
  }
  if (matchers.empty()) return selector.name.empty() ? "{}" : selector.name;
  std::sort(matchers.begin(), matchers.end());
  return selector.name + "{" + fmt::format("{}", fmt::join(matchers, ",")) + "}";
}

std::string LabelList(const std::vector<std::string>& labels) {
  std::string text;
  for (const std::string& label : labels) {
    text += (text.empty() ? "" : ", ") + (IsLegacyLabelName(label) ? label : Quote(label));
  }
  return text;
}

std::string MatchingText(const VectorMatching& matching) {
  const bool grouped = matching.cardinality == Cardinality::kManyToOne ||
                       matching.cardinality == Cardinality::kOneToMany;
  std::string text;
  if (!matching.labels.empty() || matching.on || grouped) {
    text += fmt::format(" {} ({})", matching.on ? "on" : "ignoring", LabelList(matching.labels));
  }
  if (grouped) {
    const bool left = matching.cardinality == Cardinality::kManyToOne;
    text += fmt::format(" group_{} ({})", left ? "left" : "right", LabelList(matching.include));
  }
  if (matching.fill_left && matching.fill_left == matching.fill_right) {
    return text + " fill (" + FloatTextG(*matching.fill_left, true) + ")";
  }
  if (matching.fill_left) text += " fill_left (" + FloatTextG(*matching.fill_left, true) + ")";
  if (matching.fill_right) text += " fill_right (" + FloatTextG(*matching.fill_right, true) + ")";
  return text;
}

std::string OperatorText(const Binary& node) {
  return std::string(OpText(node.op)) + (node.return_bool ? " bool" : "") +
         (node.matching ? MatchingText(*node.matching) : "");
}

std::string HeadText(const Aggregate& node) {
  const std::string op(OpText(node.op));
  if (node.without) return op + " without (" + LabelList(node.grouping) + ") ";
  return node.grouping.empty() ? op : op + " by (" + LabelList(node.grouping) + ") ";
}

std::string SubqueryText(const Subquery& node) {
  return "[" + Text(node.range) + ":" + (node.step.IsSet() ? Text(node.step) : "") + "]" +
         AtText(node.shift) + OffsetText(node.shift);
}

struct Printer {
  std::string operator()(const NumberLiteral& node) {
    return Seconds(node.value, node.as_duration);
  }
  std::string operator()(const StringLiteral& node) { return Quote(node.value); }
  std::string operator()(const VectorSelector& node) {
    return SelectorText(node) + AtText(node.shift) + ExtendedText(node) + OffsetText(node.shift);
  }
  std::string operator()(const MatrixSelector& node) {
    return SelectorText(node.vector) + "[" + Text(node.range) + "]" + ExtendedText(node.vector) +
           AtText(node.vector.shift) + OffsetText(node.vector.shift);
  }
  std::string operator()(const Subquery& node) { return Print(*node.expr) + SubqueryText(node); }
  std::string operator()(const Paren& node) { return "(" + Print(*node.expr) + ")"; }
  std::string operator()(const Unary& node) {
    return (node.negative ? "-" : "+") + Print(*node.expr);
  }
  std::string operator()(const Binary& node) {
    std::string lhs = Print(*node.lhs);
    // A sign before a power is the power's, not the number's: +Inf ^ 2 is +(Inf ^ 2).
    if (node.op == BinaryOp::kPow && lhs == "+Inf") lhs = "Inf";
    return lhs + " " + OperatorText(node) + " " + Print(*node.rhs);
  }
  std::string operator()(const Aggregate& node) {
    return HeadText(node) + "(" + (node.parameter ? Print(*node.parameter) + ", " : "") +
           Print(*node.expr) + ")";
  }
  std::string operator()(const Call& node) {
    std::string args;
    for (const ExprPtr& arg : node.args) args += (args.empty() ? "" : ", ") + Print(*arg);
    return std::string(node.function->name) + "(" + args + ")";
  }
  std::string operator()(const StepInvariant& node) { return Print(*node.expr); }
};

// Prints a node that is too long for a line, each of its parts at a deeper level.
struct PrettyPrinter {
  int level = 0;

  static std::string At(int level, const Expr& expr) {
    constexpr std::size_t kLine = 100;
    std::string text = Print(expr);
    if (text.size() <= kLine) return Indent(level) + text;
    return std::visit(PrettyPrinter{level}, expr.node);
  }
  static std::string Indent(int level) {
    return std::string(2 * static_cast<std::size_t>(level), ' ');
  }
  std::string Deeper(const ExprPtr& expr) const { return At(level + 1, *expr); }

  std::string operator()(const auto& leaf) const { return Indent(level) + Printer{}(leaf); }
  std::string operator()(const Subquery& node) const {
    return At(level, *node.expr) + SubqueryText(node);
  }
  std::string operator()(const Paren& node) const {
    return Indent(level) + "(\n" + Deeper(node.expr) + "\n" + Indent(level) + ")";
  }
  std::string operator()(const Unary& node) const {
    const std::string child = At(level, *node.expr);
    return Indent(level) + (node.negative ? "-" : "+") + child.substr(Indent(level).size());
  }
  std::string operator()(const Binary& node) const {
    return Deeper(node.lhs) + "\n" + Indent(level) + OperatorText(node) + "\n" + Deeper(node.rhs);
  }
  std::string operator()(const Aggregate& node) const {
    const std::string parameter = node.parameter ? Deeper(node.parameter) + ",\n" : "";
    return Indent(level) + HeadText(node) + "(\n" + parameter + Deeper(node.expr) + "\n" +
           Indent(level) + ")";
  }
  std::string operator()(const Call& node) const {
    std::string args;
    for (const ExprPtr& arg : node.args) args += (args.empty() ? "" : ",\n") + Deeper(arg);
    return Indent(level) + std::string(node.function->name) + "(\n" + args + "\n" + Indent(level) +
           ")";
  }
  std::string operator()(const StepInvariant& node) const { return At(level, *node.expr); }
};

}  // namespace

std::string Print(const Expr& expr) { return std::visit(Printer{}, expr.node); }
std::string Pretty(const Expr& expr) { return PrettyPrinter::At(0, expr); }

}  // namespace tierwatch::promql
