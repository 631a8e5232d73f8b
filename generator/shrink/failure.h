// Failure: which failure of a verification is to be kept while its scenario is made smaller: an
// output and a class of flaws.
//
// Threads: value types and pure functions.

#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/verdict.h"

namespace playload {

struct Failure {
  std::string output;
  Flaw flaw = Flaw::kMissing;

  // "fraud-alerts/unexpected", as ParseFailure() reads it.
  [[nodiscard]] std::string Text() const;
  friend auto operator<=>(const Failure&, const Failure&) = default;
};

// Of the outputs, the most frequent first.
std::vector<Failure> FailuresOf(const Verdict& verdict);

bool Shows(const Verdict& verdict, const Failure& failure);
// The first one that was kept; null where there is none.
const FlawExample* ExampleOf(const Verdict& verdict, const Failure& failure);

// One of the verdict's failures; kInvalid names them.
Result<Failure> ParseFailure(std::string_view text, const Verdict& verdict);

}  // namespace playload
