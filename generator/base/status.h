// Status and Result: what can go wrong outside our own code (flags, files, scenarios, brokers) is a
// value, never an exception. The code says which exit code the command line ends with; the message
// is one line: what, where as file:line, what would be right.
//
// Threads: value types.

#pragma once

#include <cassert>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace playload {

// The documented exit codes (docs/exit-codes.md).
enum class Code : int {
  kOk = 0,
  kVerification = 99,
  kUnreachable = 102,
  kInvalid = 104,
  kInterrupted = 105,
  kCannotListen = 106,
  kDestination = 107,
  kInternal = 109,
};

class [[nodiscard]] Status {
 public:
  Status() = default;  // success: one null pointer
  Status(Code code, std::string message)
      : error_(std::make_shared<const Error>(Error{code, std::move(message)})) {}

  [[nodiscard]] bool ok() const { return error_ == nullptr; }
  [[nodiscard]] Code code() const { return error_ ? error_->code : Code::kOk; }
  [[nodiscard]] const std::string& message() const {
    static const std::string kNone;
    return error_ ? error_->message : kNone;
  }

 private:
  struct Error {
    Code code;
    std::string message;
  };
  std::shared_ptr<const Error> error_;
};

inline Status Invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

// A value or an error; the member names are those of std::expected.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Status error) : error_(std::move(error)) { assert(!error_.ok()); }  // NOLINT

  [[nodiscard]] bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] const Status& error() const { return error_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status error_;
};

}  // namespace playload
