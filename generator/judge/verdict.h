// Verdict: what the comparison of a run with what its pipeline produced has found, as numbers,
// examples, a JSON document (verdict.json) and a text for people.
//
// For each output and input: expected = matched + missing + wrong, and what was read is
// matched + wrong + unexpected + duplicate + unreadable + may + foreign.
//
// Threads: value types and pure functions.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/judge/explanations.h"
#include "generator/judge/latency.h"
#include "generator/run/thresholds.h"

namespace playload {

class JsonText;

// What a pipeline promises about its outputs, as its owner declares it.
enum class Delivery : std::uint8_t {
  kExactlyOnce,
  kAtLeastOnce,  // an output may come again, exactly as it was; never may one be wrong
};
inline constexpr int kDeliveries = 2;
inline constexpr const char* kDeliveryNames[kDeliveries] = {"exactly-once", "at-least-once"};

enum class Flaw : std::uint8_t {
  kMissing,     // expected, and nothing came for it
  kUnexpected,  // came, and nothing calls for it
  kDuplicate,   // came again, and was not allowed to
  kWrong,       // came for an expected one, with other content or out of order
  kUnreadable,  // came, stands for nothing expected, and is no output at all: no JSON object, or
                // without one of its fields, or about nobody
};
inline constexpr int kFlaws = 5;
inline constexpr const char* kFlawNames[kFlaws] = {"missing", "unexpected", "duplicate", "wrong",
                                                   "unreadable"};
inline constexpr std::size_t kExamples = 10;  // kept of each

struct FlawExample {
  std::string key;
  std::string expected;  // "" where nothing was
  std::string got;       // "" where nothing came
};

// One output or one input topic.
struct Comparison {
  std::string name;
  std::uint64_t expected = 0;  // certain ones only
  std::uint64_t matched = 0;
  std::array<std::uint64_t, kFlaws> flaws{};
  // Came, and may have come or not: caused by events whose delivery is not known, or a repeat that
  // the declared delivery allows. Never a flaw.
  std::uint64_t may = 0;
  std::uint64_t repeats = 0;  // of `may`: those repeats
  // Came, with ids of a run of another --id-prefix, or of another shard. Not judged.
  std::uint64_t foreign = 0;
  std::array<std::vector<FlawExample>, kFlaws> examples;
  Delivery delivery = Delivery::kExactlyOnce;  // what was promised; Add() goes by it
  std::optional<Explanations> causes;          // of the flaws, where they were looked for

  [[nodiscard]] std::uint64_t flaw(Flaw f) const { return flaws[static_cast<unsigned>(f)]; }
  // All that was read.
  [[nodiscard]] std::uint64_t seen() const {
    return matched + flaw(Flaw::kWrong) + flaw(Flaw::kUnexpected) + flaw(Flaw::kDuplicate) +
           flaw(Flaw::kUnreadable) + may + foreign;
  }
  [[nodiscard]] bool passed() const {
    for (const std::uint64_t count : flaws) {
      if (count != 0) return false;
    }
    return true;
  }
  // Counts `times` of a flaw, or as `may` what the delivery allows; `example` is asked for only
  // while there are fewer than kExamples.
  template <typename MakeExample>
  void Add(Flaw f, std::uint64_t times, MakeExample example) {
    if (times == 0) return;
    if (f == Flaw::kDuplicate && delivery == Delivery::kAtLeastOnce) {
      may += times;
      repeats += times;
      return;
    }
    const auto i = static_cast<unsigned>(f);
    flaws[i] += times;
    if (examples[i].size() < kExamples) examples[i].push_back(example());
  }
};

// The rules that say what was expected.
struct VerdictRules {
  std::string name;
  std::string file;    // where they were read
  std::string sha256;  // of the text
  std::string text;
};

struct Verdict {
  std::string run_id;
  std::string from;       // where the outputs were read, without secrets
  std::string isolation;  // Kafka: read_committed or read_uncommitted; "" elsewhere
  Delivery delivery = Delivery::kExactlyOnce;
  std::vector<Comparison> outputs;    // those that were asked for
  std::vector<Comparison> inputs;     // with --inputs
  std::optional<VerdictRules> rules;  // absent where no output was asked for
  // What a reader must know beside the numbers: events that failed, users that were not judged.
  std::vector<std::string> notes;
  std::vector<OutputLatency> latency;
  std::vector<ThresholdResult> thresholds;  // of --threshold

  // Nothing differs and every threshold holds.
  [[nodiscard]] bool passed() const;
};

// Writes further fields of an example: what `history` is for the report.
using FlawHistoryFields =
    std::function<void(const std::string& name, const std::string& key, JsonText* json)>;

// verdict.json, indented, with a newline at its end. `fields` may be empty.
std::string VerdictJson(const Verdict& verdict, const FlawHistoryFields& fields = {});

// The report for people: a table, then of each flaw what it means in one line and its examples,
// each with the lines that `history` gives for (output name, key); `history` may be empty.
using FlawHistory =
    std::function<std::vector<std::string>(const std::string& name, const std::string& key)>;
std::string VerdictText(const Verdict& verdict, const FlawHistory& history);

// RUN_DIR/verdict.json, replaced when it is there: a run may be verified again.
Status WriteVerdict(const std::string& run_dir, const Verdict& verdict,
                    const FlawHistoryFields& fields = {});

}  // namespace playload
