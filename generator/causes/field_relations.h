// FieldRelations: how one field of the records that came relates to what was expected there, in all
// records that differ in it: "is rounded to 2 decimals".
//
// Threads: value types.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace playload {

// A value of a record that holds no others.
struct JsonLeaf {
  enum class Type : std::uint8_t { kNumber, kText, kOther };
  Type type = Type::kOther;
  double number = 0;
  std::string text;  // of kText; of others as JSON

  bool operator==(const JsonLeaf& other) const;
};
using JsonLeaves = std::map<std::string, JsonLeaf>;  // by path, "parameters.cpu_load"

class FieldRelations {
 public:
  // A pair that differs; `expected_all`: the record that was expected.
  void Add(const std::string& path, const JsonLeaf& expected, const JsonLeaf& got,
           const JsonLeaves& expected_all);

  [[nodiscard]] std::uint64_t pairs() const { return pairs_; }
  [[nodiscard]] const std::string& expected() const { return expected_; }
  [[nodiscard]] const std::string& got() const { return got_; }
  // What holds of all pairs; nothing when it is no more than that they differ.
  [[nodiscard]] std::optional<std::string> Telling() const;
  // "is less than expected"
  [[nodiscard]] std::string Vague() const;

 private:
  // Where a relation has a number that is the same in all pairs.
  class Constant {
   public:
    void Add(double value, double tolerance);
    void Never() { holds_ = false; }
    [[nodiscard]] bool holds() const { return holds_ && value_.has_value(); }
    [[nodiscard]] double value() const { return *value_; }

   private:
    std::optional<double> value_;
    bool holds_ = true;
  };

  void AddNumbers(double expected, double got);
  void AddTexts(const std::string& expected, const std::string& got);
  void AddInstants(const std::string& expected, const JsonLeaf& got);

  std::uint64_t pairs_ = 0;
  std::string expected_;  // of the first pair
  std::string got_;
  std::map<std::string, std::uint64_t> holds_;  // in how many pairs
  Constant factor_;
  Constant difference_;
  Constant shift_;                    // of instants, in seconds
  std::optional<std::string> value_;  // that is always the same
  bool same_value_ = true;
  bool expected_varies_ = false;
  std::set<std::string> other_fields_;  // whose expected value it is
  std::uint64_t less_ = 0;
  std::uint64_t more_ = 0;
};

}  // namespace playload
