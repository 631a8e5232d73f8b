// Explanations: what would make a pipeline put out what came, as far as that was looked for
// (docs/causes.md). generator/causes finds them; a verdict shows them.
//
// Threads: value types and pure functions.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generator/event/record.h"

namespace playload {

class JsonText;

struct Explanation {
  // Events of the run, by their positions and planned instants, from the first to the last.
  struct Place {
    Position first = 0;
    Position last = 0;
    std::int64_t first_ns = 0;  // UTC
    std::int64_t last_ns = 0;

    void Include(const Place& other) {
      if (other.first < first) {
        first = other.first;
        first_ns = other.first_ns;
      }
      if (other.last > last) {
        last = other.last;
        last_ns = other.last_ns;
      }
    }
  };
  // Which events of one key it was.
  struct Example {
    std::string key;
    std::uint64_t events = 0;  // in a row, of the key's; 0: none, it is between two of them
    Place place;
    bool certain = false;  // they are the only ones at this place that explain it
  };

  std::string what;
  std::string rule;
  std::uint64_t explains = 0;  // so many of the differing keys are as if this were so
  // Where not all of the differing keys were tried: how many.
  std::optional<std::uint64_t> tried;
  // Of what is wrong in one place for all keys: so many of the agreeing keys are as if this were
  // so, too; and where not all of them were tried, of how many.
  std::optional<std::uint64_t> agrees;
  std::optional<std::uint64_t> agreeing_tried;
  // Where it is about events:
  std::optional<Place> place;  // of all keys
  std::vector<Example> examples;
};

// What records are like beside those that were expected in their places, whatever the events.
struct RecordFinding {
  std::string what;  // "total_amount is rounded to 2 decimals"
  std::uint64_t records = 0;
  std::uint64_t of = 0;  // so many were looked at
  // Of the first one, where two values tell it: what was expected, and what came.
  std::string expected;
  std::string got;
};

// Of one output.
struct Explanations {
  // The partitions of the input that have the keys with differences, where these are few.
  struct Partitions {
    std::vector<std::uint32_t> differing;
    std::uint32_t of = 0;
    std::uint64_t agreeing = 0;  // keys without differences in them
  };

  std::vector<RecordFinding> records;
  std::optional<Partitions> partitions;
  std::uint64_t differing = 0;     // keys with differences that were looked at
  std::uint64_t agreeing = 0;      // keys without
  std::vector<Explanation> found;  // best first; empty: nothing explains half of the differing keys
};

// For the report: lines, each with a newline, the first one without an indent.
std::string ExplanationsText(const std::string& output, const Explanations& explanations);
// For verdict.json: the value of "causes".
void WriteExplanations(const Explanations& explanations, JsonText* json);

}  // namespace playload
