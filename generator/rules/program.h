// Program: the expressions of a rule, ready to run over facts; private to the incremental
// evaluator.
//
// Threads: constant once everything is added.

#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "generator/rules/evaluator.h"
#include "generator/rules/keyed_state.h"

namespace playload {

// What names stand for. Words: as in keyed_state.h.
struct Scope {
  const EventFacts& facts;  // of no meaning in the answer of a window that closes
  std::uint64_t key;
  const StateWords& state;
  // Of such an answer; milliseconds since 1970.
  double window_start_ms = 0;
  double window_end_ms = 0;
};

class Program {
 public:
  // Takes an expression in; what Value() and Holds() know it by. Adds the fields that it reads to
  // `needs`. REQUIRES: `rule` passed CheckRules(), and all names are its own.
  std::uint32_t Add(const Rule& rule, const Expr& expr, Symbols* symbols, std::uint32_t* needs);

  // Symbols::kNone: none.
  [[nodiscard]] std::uint64_t Value(std::uint32_t at, const Scope& scope) const {
    const Node& node = nodes_[at];
    switch (node.op) {
      case Op::kField:
        return scope.facts.values[node.word];
      case Op::kState:
        return scope.state[node.word];
      case Op::kNumber:
      case Op::kText:
        return node.word;
      default:
        return Computed(node, scope);
    }
  }

  // Of a condition.
  [[nodiscard]] bool Holds(std::uint32_t at, const Scope& scope) const {
    const Node& node = nodes_[at];
    if (node.op < Op::kEqual || node.op > Op::kGreaterEqual) return Combined(node, scope);
    const std::uint64_t a = Value(node.a, scope);
    const std::uint64_t b = Value(node.b, scope);
    if (a == Symbols::kNone || b == Symbols::kNone) return false;
    if (node.text) return (a == b) == (node.op == Op::kEqual);
    return Compare(node.op, std::bit_cast<double>(a), std::bit_cast<double>(b));
  }

 private:
  using Op = Expr::Op;

  // All in one array; operands are indices.
  struct Node {
    Op op = Op::kNumber;
    bool text = false;  // a comparison of two texts
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    std::uint64_t word = 0;  // a literal's value; index of a field or state
  };

  static bool Compare(Op op, double x, double y) {
    switch (op) {
      case Op::kEqual:
        return x == y;
      case Op::kNotEqual:
        return x != y;
      case Op::kLess:
        return x < y;
      case Op::kLessEqual:
        return x <= y;
      case Op::kGreater:
        return x > y;
      default:
        return x >= y;
    }
  }

  [[nodiscard]] std::uint64_t Computed(const Node& node, const Scope& scope) const;
  [[nodiscard]] bool Combined(const Node& node, const Scope& scope) const;

  std::vector<Node> nodes_;
};

}  // namespace playload
