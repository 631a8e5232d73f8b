#include "generator/shrink/failure.h"

#include <algorithm>
#include <utility>

#include "generator/base/text.h"

namespace playload {
namespace {

const Comparison* Find(const Verdict& verdict, const std::string& output) {
  const auto found = std::find_if(verdict.outputs.begin(), verdict.outputs.end(),
                                  [&](const Comparison& c) { return c.name == output; });
  return found == verdict.outputs.end() ? nullptr : &*found;
}

}  // namespace

std::string Failure::Text() const { return output + "/" + kFlawNames[static_cast<unsigned>(flaw)]; }

std::vector<Failure> FailuresOf(const Verdict& verdict) {
  std::vector<std::pair<std::uint64_t, Failure>> found;
  for (const Comparison& comparison : verdict.outputs) {
    for (unsigned f = 0; f < kFlaws; ++f) {
      if (comparison.flaws[f] == 0) continue;
      found.push_back({comparison.flaws[f], {comparison.name, static_cast<Flaw>(f)}});
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Failure> failures;
  failures.reserve(found.size());
  for (auto& [count, failure] : found) failures.push_back(std::move(failure));
  return failures;
}

bool Shows(const Verdict& verdict, const Failure& failure) {
  const Comparison* const comparison = Find(verdict, failure.output);
  return comparison != nullptr && comparison->flaw(failure.flaw) > 0;
}

const FlawExample* ExampleOf(const Verdict& verdict, const Failure& failure) {
  const Comparison* const comparison = Find(verdict, failure.output);
  if (comparison == nullptr) return nullptr;
  const auto& examples = comparison->examples[static_cast<unsigned>(failure.flaw)];
  return examples.empty() ? nullptr : &examples.front();
}

Result<Failure> ParseFailure(std::string_view text, const Verdict& verdict) {
  std::vector<std::string> names;
  for (const Failure& failure : FailuresOf(verdict)) {
    names.push_back(failure.Text());
    if (names.back() == text) return failure;
  }
  return Invalid(Quoted(text) + " is no failure of this run" +
                 DidYouMean(std::string(text), names));
}

}  // namespace playload
