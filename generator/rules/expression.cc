#include "generator/rules/expression.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "generator/base/text.h"

namespace playload {
namespace {

// Deeper is nobody's condition, and would need a stack of unknown size.
constexpr int kMostDepth = 50;
constexpr int kMostNodes = 1'000;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A recursive descent, one function for each level of precedence. The first error sticks.
class Parser {
 public:
  Parser(std::string_view text, Kind input, int line) : text_(text), input_(input), line_(line) {
    Advance();
  }

  Result<Expr> Parse() {
    Expr expr = Or();
    if (status_.ok() && token_ != Token::kEnd) Fail("expected the end or an operator");
    if (!status_.ok()) return status_;
    return expr;
  }

 private:
  enum class Token { kEnd, kNumber, kText, kName, kSymbol };
  using Op = Expr::Op;

  void Fail(const std::string& what) {
    if (!status_.ok()) return;
    status_ = Invalid("column " + std::to_string(begin_ + 1) + ": " + what +
                      (token_ == Token::kEnd ? " at the end" : ", not " + Quoted(Here())));
  }
  [[nodiscard]] std::string_view Here() const { return text_.substr(begin_, at_ - begin_); }

  void Advance() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    begin_ = at_;
    if (at_ == text_.size()) {
      token_ = Token::kEnd;
      return;
    }
    const char c = text_[at_];
    if (IsDigit(c)) {
      ReadNumber();
    } else if (c == '"') {
      ReadText();
    } else if (IsLetter(c)) {
      token_ = Token::kName;
      while (at_ < text_.size() &&
             (IsLetter(text_[at_]) || IsDigit(text_[at_]) || text_[at_] == '.')) {
        ++at_;
      }
    } else {
      token_ = Token::kSymbol;
      ++at_;
      const bool two =
          (c == '=' || c == '!' || c == '<' || c == '>') && at_ < text_.size() && text_[at_] == '=';
      if (two) ++at_;
    }
  }

  void ReadNumber() {
    token_ = Token::kNumber;
    while (at_ < text_.size() && (IsDigit(text_[at_]) || text_[at_] == '.')) ++at_;
    const std::string_view digits = Here();
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] =
        std::from_chars(digits.data(), end, number_, std::chars_format::fixed);
    if (error != std::errc() || stop != end || digits.back() == '.') {
      Fail("expected a decimal number such as 5 or 0.25");
    }
  }

  void ReadText() {
    token_ = Token::kText;
    string_.clear();
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
        if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\\')) {
          at_ = std::min(at_ + 1, text_.size());
          return Fail("expected a text in which \\ stands before \" or \\ alone");
        }
      }
      string_ += text_[at_];
    }
    if (at_ == text_.size()) return Fail("expected a text with its second double quote");
    ++at_;
  }

  [[nodiscard]] bool Is(std::string_view word) const {
    return (token_ == Token::kName || token_ == Token::kSymbol) && Here() == word;
  }
  bool Take(std::string_view word) {
    if (!Is(word)) return false;
    Advance();
    return true;
  }

  Expr Lined(Expr expr) {
    if (++nodes_ > kMostNodes) {
      Fail("longer than " + std::to_string(kMostNodes) + " names, numbers and operators");
    }
    expr.line = line_;
    return expr;
  }
  Expr Binary(Op op, Expr a, Expr b) { return Lined(BinaryExpr(op, std::move(a), std::move(b))); }

  Expr Or() {
    Expr left = And();
    while (status_.ok() && Take("or")) left = Binary(Op::kOr, std::move(left), And());
    return left;
  }

  Expr And() {
    Expr left = Not();
    while (status_.ok() && Take("and")) left = Binary(Op::kAnd, std::move(left), Not());
    return left;
  }

  Expr Not() {
    if (!Is("not")) return Comparison();
    const Nested nested(this);
    if (!status_.ok()) return {};
    Advance();
    return Lined(UnaryExpr(Op::kNot, Not()));
  }

  Expr Comparison() {
    static constexpr std::pair<std::string_view, Op> kOperators[] = {
        {"==", Op::kEqual}, {"!=", Op::kNotEqual},     {"<=", Op::kLessEqual},
        {"<", Op::kLess},   {">=", Op::kGreaterEqual}, {">", Op::kGreater}};
    Expr left = Sum();
    for (const auto& [text, op] : kOperators) {
      if (!status_.ok() || !Take(text)) continue;
      left = Binary(op, std::move(left), Sum());
      for (const auto& [again, unused] : kOperators) {
        if (Is(again)) Fail("comparisons do not stand in a row; expected 'and', 'or' or the end");
      }
      return left;
    }
    if (Is("=")) Fail("expected an operator; equal is written ==");
    return left;
  }

  Expr Sum() {
    Expr left = Product();
    while (status_.ok() && (Is("+") || Is("-"))) {
      const Op op = Is("+") ? Op::kAdd : Op::kSubtract;
      Advance();
      left = Binary(op, std::move(left), Product());
    }
    return left;
  }

  Expr Product() {
    Expr left = Unary();
    while (status_.ok() && Take("*")) left = Binary(Op::kMultiply, std::move(left), Unary());
    return left;
  }

  Expr Unary() {
    if (!Is("-")) return Primary();
    const Nested nested(this);
    if (!status_.ok()) return {};
    Advance();
    if (token_ == Token::kNumber) {  // a negative literal
      Expr literal = Primary();
      literal.number = -literal.number;
      return literal;
    }
    return Lined(UnaryExpr(Op::kNegate, Unary()));
  }

  Expr Primary() {
    Expr expr;
    if (token_ == Token::kNumber) {
      expr = NumberExpr(number_);
    } else if (token_ == Token::kText) {
      expr = TextExpr(string_);
    } else if (token_ == Token::kName && !Is("and") && !Is("or") && !Is("not")) {
      const std::string name(Here());
      expr = name == "key"              ? KeyExpr()
             : name == kWindowStartWord ? WindowStartExpr()
             : name == kWindowEndWord   ? WindowEndExpr()
             : IsFieldName(name)        ? FieldExpr(name)
                                        : StateExpr(name);
    } else if (Is("(")) {
      const Nested nested(this);
      if (!status_.ok()) return {};
      Advance();
      expr = Or();
      if (!Is(")")) Fail("expected ')'");
    } else {
      Fail("expected a name, a number, a text in double quotes or '('");
    }
    if (!status_.ok()) return {};
    Advance();
    return Lined(std::move(expr));
  }

  // Paths have a dot, states' names never do.
  [[nodiscard]] bool IsFieldName(const std::string& name) const {
    return name.find('.') != std::string::npos || FindField(input_, name).has_value();
  }

  class Nested {
   public:
    explicit Nested(Parser* parser) : parser_(parser) {
      if (++parser_->depth_ > kMostDepth) {
        parser_->Fail("nested deeper than " + std::to_string(kMostDepth) + " levels");
      }
    }
    ~Nested() { --parser_->depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Parser* parser_;
  };

  const std::string_view text_;
  const Kind input_;
  const int line_;
  std::size_t at_ = 0;     // behind the token
  std::size_t begin_ = 0;  // of the token
  Token token_ = Token::kEnd;
  double number_ = 0;
  std::string string_;
  int depth_ = 0;
  int nodes_ = 0;
  Status status_;
};

}  // namespace

Result<Expr> ParseExpr(std::string_view text, Kind input, int line) {
  return Parser(text, input, line).Parse();
}

}  // namespace playload
