#include "exporter/api/syntax_tree.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "alerts/promql/ast.h"
#include "alerts/promql/functions.h"
#include "alerts/template/go_format.h"

namespace tierwatch::api {
namespace {

using promql::Cardinality;
using promql::ValueType;

std::string_view TypeName(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "vector";
    case ValueType::kMatrix:
      return "matrix";
    case ValueType::kString:
      return "string";
    case ValueType::kNone:
      break;
  }
  return "none";
}

std::string_view CardinalityName(Cardinality cardinality) {
  switch (cardinality) {
    case Cardinality::kManyToOne:
      return "many-to-one";
    case Cardinality::kOneToMany:
      return "one-to-many";
    case Cardinality::kManyToMany:
      return "many-to-many";
    case Cardinality::kOneToOne:
      break;
  }
  return "one-to-one";
}

std::string_view MatchText(series::MatchType type) {
  switch (type) {
    case series::MatchType::kNotEqual:
      return "!=";
    case series::MatchType::kRegexp:
      return "=~";
    case series::MatchType::kNotRegexp:
      return "!~";
    case series::MatchType::kEqual:
      break;
  }
  return "=";
}

struct TreeWriter {
  JsonWriter& json;

  JsonWriter& Begin(std::string_view type) const {
    return json.BeginObject().Key("type").String(type);
  }
  void Child(std::string_view key, const promql::ExprPtr& expr) const {
    json.Key(key);
    if (expr) {
      WriteSyntaxTree(*expr, json);
    } else {
      json.Null();
    }
  }
  void List(std::string_view key, const std::vector<std::string>& texts) const {
    json.Key(key).BeginArray();
    for (const std::string& text : texts) json.String(text);
    json.EndArray();
  }
  void Number(std::string_view key, const std::optional<double>& value) const {
    json.Key(key);
    // JSON has no NaN and no infinity.
    value&& std::isfinite(*value) ? json.Number(*value) : json.Null();
  }
  void Shift(const promql::TimeShift& shift) const {
    using At = promql::TimeShift::At;
    json.Key("offset").Integer(shift.offset.value.count()).Key("timestamp");
    shift.at == At::kTime ? json.Integer(shift.time) : json.Null();
    json.Key("startOrEnd");
    shift.at == At::kStart ? json.String("start")
    : shift.at == At::kEnd ? json.String("end")
                           : json.Null();
  }
  void Selector(const promql::VectorSelector& node) const {
    json.Key("name").String(node.name).Key("matchers").BeginArray();
    for (const series::Matcher& matcher : node.matchers) {
      json.BeginObject().Key("name").String(matcher.name());
      json.Key("value").String(matcher.value());
      json.Key("type").String(MatchText(matcher.type())).EndObject();
    }
    json.EndArray();
    Shift(node.shift);
    json.Key("anchored").Bool(node.anchored).Key("smoothed").Bool(node.smoothed);
  }

  void operator()(const promql::NumberLiteral& node) const {
    Begin("numberLiteral").Key("val").String(tmpl::FormatDouble(node.value, 'f', -1)).EndObject();
  }
  void operator()(const promql::StringLiteral& node) const {
    Begin("stringLiteral").Key("val").String(node.value).EndObject();
  }
  void operator()(const promql::VectorSelector& node) const {
    Begin("vectorSelector");
    Selector(node);
    json.EndObject();
  }
  void operator()(const promql::MatrixSelector& node) const {
    Begin("matrixSelector").Key("range").Integer(node.range.value.count());
    Selector(node.vector);
    json.EndObject();
  }
  void operator()(const promql::Subquery& node) const {
    Begin("subquery");
    Child("expr", node.expr);
    json.Key("range").Integer(node.range.value.count());
    json.Key("step").Integer(node.step.value.count());
    Shift(node.shift);
    json.EndObject();
  }
  void operator()(const promql::Paren& node) const {
    Begin("parenExpr");
    Child("expr", node.expr);
    json.EndObject();
  }
  void operator()(const promql::Unary& node) const {
    Begin("unaryExpr").Key("op").String(node.negative ? "-" : "+");
    Child("expr", node.expr);
    json.EndObject();
  }
  void operator()(const promql::Binary& node) const {
    Begin("binaryExpr").Key("op").String(promql::OpText(node.op));
    Child("lhs", node.lhs);
    Child("rhs", node.rhs);
    json.Key("matching");
    if (node.matching) {
      json.BeginObject().Key("card").String(CardinalityName(node.matching->cardinality));
      List("labels", node.matching->labels);
      json.Key("on").Bool(node.matching->on);
      List("include", node.matching->include);
      json.Key("fillValues").BeginObject();
      Number("lhs", node.matching->fill_left);
      Number("rhs", node.matching->fill_right);
      json.EndObject().EndObject();
    } else {
      json.Null();
    }
    json.Key("bool").Bool(node.return_bool).EndObject();
  }
  void operator()(const promql::Aggregate& node) const {
    Begin("aggregation").Key("op").String(promql::OpText(node.op));
    Child("expr", node.expr);
    Child("param", node.parameter);
    List("grouping", node.grouping);
    json.Key("without").Bool(node.without).EndObject();
  }
  void operator()(const promql::Call& node) const {
    const promql::Function& function = *node.function;
    Begin("call").Key("func").BeginObject().Key("name").String(function.name);
    json.Key("argTypes").BeginArray();
    for (int i = 0; i < function.arg_count(); ++i)
      json.String(TypeName(function.args[static_cast<std::size_t>(i)]));
    json.EndArray().Key("variadic").Integer(function.variadic);
    json.Key("returnType").String(TypeName(function.returns)).EndObject();
    json.Key("args").BeginArray();
    for (const promql::ExprPtr& arg : node.args) WriteSyntaxTree(*arg, json);
    json.EndArray().EndObject();
  }
  void operator()(const promql::StepInvariant& node) const { WriteSyntaxTree(*node.expr, json); }
};

}  // namespace

void WriteSyntaxTree(const promql::Expr& expr, JsonWriter& json) {
  std::visit(TreeWriter{json}, expr.node);
}

}  // namespace tierwatch::api
