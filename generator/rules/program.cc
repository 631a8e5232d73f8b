#include "generator/rules/program.h"

namespace playload {
namespace {

double ToDouble(std::uint64_t word) { return std::bit_cast<double>(word); }
std::uint64_t ToWord(double number) { return std::bit_cast<std::uint64_t>(number); }

}  // namespace

std::uint64_t Program::Computed(const Node& node, const Scope& scope) const {
  if (node.op == Op::kKey) return scope.key;
  if (node.op == Op::kWindowStart) return ToWord(scope.window_start_ms);
  if (node.op == Op::kWindowEnd) return ToWord(scope.window_end_ms);
  const std::uint64_t a = Value(node.a, scope);
  if (a == Symbols::kNone) return a;
  const double x = ToDouble(a);
  if (node.op == Op::kNegate) return ToWord(-x);
  const std::uint64_t b = Value(node.b, scope);
  if (b == Symbols::kNone) return b;
  const double y = ToDouble(b);
  return ToWord(node.op == Op::kAdd ? x + y : node.op == Op::kSubtract ? x - y : x * y);
}

bool Program::Combined(const Node& node, const Scope& scope) const {
  if (node.op == Op::kNot) return !Holds(node.a, scope);
  if (node.op == Op::kAnd) return Holds(node.a, scope) && Holds(node.b, scope);
  return Holds(node.a, scope) || Holds(node.b, scope);
}

std::uint32_t Program::Add(const Rule& rule, const Expr& expr, Symbols* symbols,
                           std::uint32_t* needs) {
  Node node;
  node.op = expr.op;
  switch (expr.op) {
    case Op::kNumber:
      node.word = ToWord(expr.number);
      break;
    case Op::kText:
      node.word = symbols->Of(expr.name);
      break;
    case Op::kField:
      node.word = *FindField(rule.input, expr.name);
      *needs |= std::uint32_t{1} << node.word;
      break;
    case Op::kState:
      for (std::size_t i = 0; i < rule.state.size(); ++i) {
        if (rule.state[i].name == expr.name) node.word = i;
      }
      break;
    case Op::kKey:
    case Op::kWindowStart:
    case Op::kWindowEnd:
      break;
    default:
      node.a = Add(rule, expr.of[0], symbols, needs);
      if (expr.of.size() == 2) node.b = Add(rule, expr.of[1], symbols, needs);
      node.text = expr.op >= Op::kEqual && expr.op <= Op::kGreaterEqual &&
                  TypeOf(rule, expr.of[0]) == ExprType::kText;
      break;
  }
  nodes_.push_back(node);
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

}  // namespace playload
