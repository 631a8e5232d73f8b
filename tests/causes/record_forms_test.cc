// Records that are wrong in their form, whatever the events: under which keys they are, and how
// their fields differ.

#include "generator/causes/record_forms.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "generator/causes/field_relations.h"
#include "generator/judge/explanations.h"
#include "tests/causes/causes_world.h"

namespace playload {
namespace {

JsonLeaf Number(double number) { return {JsonLeaf::Type::kNumber, number, ""}; }
JsonLeaf Text(const std::string& text) { return {JsonLeaf::Type::kText, 0, text}; }

struct Values {
  JsonLeaf expected;
  JsonLeaf got;
};

// What is said of field `a`, of which all these pairs came.
std::string Said(const std::vector<Values>& pairs) {
  FieldRelations field;
  for (const Values& pair : pairs) {
    field.Add("a", pair.expected, pair.got, {{"a", pair.expected}, {"b", Number(7)}});
  }
  return field.Telling().value_or("vague: " + field.Vague());
}

// The same function of five numbers.
std::string SaidOf(const std::function<double(double)>& got) {
  std::vector<Values> pairs;
  for (const double x : {2.4901, 104.98004, 0.7312, 33.019, 5.5551}) {
    pairs.push_back({Number(x), Number(got(x))});
  }
  return Said(pairs);
}

TEST_CASE("Numbers that are rounded, cut, scaled, of another sign, or something else") {
  CHECK(SaidOf([](double x) { return std::round(x * 100) / 100; }) == "is rounded to 2 decimals");
  CHECK(SaidOf([](double x) { return std::round(x); }) == "is rounded to a whole number");
  CHECK(SaidOf([](double x) { return std::trunc(x); }) == "is cut to a whole number");
  CHECK(SaidOf([](double x) { return std::trunc(x * 10) / 10; }) == "is cut to 1 decimal");
  CHECK(SaidOf([](double x) { return static_cast<double>(static_cast<float>(x)); }) ==
        "is right in its first 6 or 7 digits: single precision (float)");
  CHECK(SaidOf([](double x) { return x * (1 + 3e-16); }).starts_with("is right but for its last"));
  CHECK(SaidOf([](double x) { return 100 * x; }) == "is 100 times as much");
  CHECK(SaidOf([](double x) { return x / 1000; }) == "is the expected one by 1000");
  CHECK(SaidOf([](double x) { return -x; }) == "has the other sign");
  CHECK(SaidOf([](double x) { return x - 1; }) == "is 1 less");
  CHECK(SaidOf([](double) { return 12.5; }) == "is always 12.5");
  CHECK(SaidOf([](double) { return 7.0; }) == "is always 7");
  CHECK(SaidOf([](double x) { return x * x + 5; }) == "vague: is more than expected");
  CHECK(SaidOf([](double x) { return x / (1 + x); }) == "vague: is less than expected");
  // Of sums of whole cents only the last digits change, of others more.
  CHECK(Said({{Number(0.30000000000000004), Number(0.3)},
              {Number(9.979999999999999), Number(9.98)},
              {Number(1.0049), Number(1)},
              {Number(2.125), Number(2.13)}}) == "is rounded to 2 decimals");
  CHECK(
      Said({{Number(0.30000000000000004), Number(0.3)}, {Number(9.979999999999999), Number(9.98)}})
          .starts_with("is right but for its last digits"));
  // A whole number is not cut to one.
  CHECK(Said({{Number(1), Number(0)},
              {Number(2), Number(1)},
              {Number(3), Number(2)},
              {Number(9), Number(8)}}) == "is 1 less");
  // Too few to tell a pattern.
  CHECK(Said({{Number(3), Number(5)}, {Number(4), Number(6)}}) == "vague: is more than expected");
  CHECK(Said({{Number(3), Text("3")}, {Number(4.5), Text("4.5")}}) == "is the number as text");
  CHECK(Said({{Number(3), {JsonLeaf::Type::kOther, 0, "null"}}}) == "is null");
  CHECK(Said({{Number(3), Number(7)}, {Number(4), Number(7)}}) == "is what b should be");
  CHECK(Said({{Number(1), Number(1000)}, {Number(1), Number(1000)}}) == "is 1000 instead of 1");
}

TEST_CASE("Texts and instants that are almost right") {
  CHECK(Said({{Text("player_1"), Text("PLAYER_1")}, {Text("x"), Text("X")}}) ==
        "is right but for small and capital letters");
  CHECK(Said({{Text("a b"), Text("a b ")}, {Text("c"), Text(" c")}}) ==
        "is right but for blanks around it");
  const auto instants = [](const char* (*zone)(int), const char* tail) {
    std::vector<Values> pairs;
    for (int i = 0; i < 5; ++i) {
      const std::string second = "1" + std::to_string(i);
      pairs.push_back(
          {Text("2026-01-01T10:00:" + second + "Z"), Text(std::string(zone(i)) + second + tail)});
    }
    return Said(pairs);
  };
  CHECK(instants([](int) { return "2026-01-01 10:00:"; }, "") ==
        "is the right instant in another form");
  CHECK(instants([](int) { return "2026-01-01T12:00:"; }, "Z") == "is an instant 2h later");
  CHECK(instants([](int) { return "2026-01-01T09:30:"; }, "Z") == "is an instant 30m earlier");
  CHECK(instants([](int i) { return i % 2 == 0 ? "2026-01-01T10:01:" : "2026-01-01T10:07:"; },
                 "Z") == "is another instant, each time by another difference");
  CHECK(Said({{Text("2026-01-01T00:00:01Z"), Number(1'767'225'601'000)}}) ==
        "is the right instant as a number");
}

// Records of an output, all changed in one way: what is said of them.
std::vector<std::string> RecordsSaid(const Explanations& causes) {
  std::vector<std::string> said;
  for (const RecordFinding& finding : causes.records) said.push_back(finding.what);
  return said;
}

using Saying = std::vector<std::string>;

struct Changed : Incident {
  Explanations Of(const std::function<void(Output*)>& change) const {
    std::vector<Output> came = right;
    for (Output& output : came) change(&output);
    return CausesOfAll(came);
  }
  Explanations CausesOfAll(const std::vector<Output>& came) const {
    const Replay replay(spec, {}, std::nullopt, 2);
    std::set<std::string> examples;
    for (const std::string& key : DifferingKeys(right, came)) {
      if (examples.size() < 10) examples.insert(key);
    }
    const auto causes = CausesOf(replay, rules, "purchase-aggregates", came, examples);
    REQUIRE(causes.has_value());
    return *causes;
  }
};

void Replace(const std::string& what, const std::string& by, std::string* in) {
  in->replace(in->find(what), what.size(), by);
}

TEST_CASE_FIXTURE(Changed, "A field that has another name, is missing, or is one too many") {
  Explanations causes = Of([](Output* o) { Replace("total_amount", "totalAmount", &o->value); });
  CHECK(RecordsSaid(causes) == Saying{"totalAmount stands in the place of total_amount"});
  CHECK(causes.records[0].records == causes.records[0].of);
  CHECK(causes.records[0].of > 30);
  CHECK(causes.found.empty());
  causes = Of([](Output* o) { o->value.insert(o->value.size() - 1, R"(,"at":{"x":1})"); });
  CHECK(RecordsSaid(causes) == Saying{"at.x is there, and should not be"});
  causes = Of([](Output* o) { o->value = R"({"transaction_count":1})"; });
  CHECK(RecordsSaid(causes).front() == "total_amount is not there");
  causes = Of([](Output* o) { o->value = "[" + o->value + "]"; });
  CHECK(RecordsSaid(causes) == Saying{"are lists, and no objects"});
}

TEST_CASE_FIXTURE(Changed, "Records under keys that no output has explain what is missing") {
  Explanations causes = Of([](Output* o) { o->key = "trans_17"; });
  CHECK(RecordsSaid(causes) ==
        Saying{"are under a transaction's id as their key, not under user_data.user_id"});
  CHECK(causes.records[0].got == "trans_17");
  CHECK(causes.found.empty());
  causes = Of([](Output* o) { o->key = "\"" + o->key + "\""; });
  CHECK(RecordsSaid(causes) == Saying{"have quotes around their key: written as JSON?"});
  causes = Of([](Output* o) { Replace("player", "PLAYER", &o->key); });
  CHECK(RecordsSaid(causes) == Saying{"have their key in other letters, small or capital"});
  causes = Of([](Output* o) { o->key += " "; });
  CHECK(RecordsSaid(causes) == Saying{"have blanks around their key"});
}

TEST_CASE_FIXTURE(Changed, "Records of another output are known by their fields") {
  const Explanations causes = Of([](Output* o) {
    o->value = R"({"user_id":")" + o->key + R"(","reason":"Too frequent transactions"})";
  });
  CHECK(RecordsSaid(causes) ==
        Saying{"have the fields of fraud-alerts: written to the wrong topic?"});
}

TEST_CASE_FIXTURE(Changed, "What has nothing in common is said to differ, and where") {
  std::size_t i = 0;
  const Explanations causes = Of([&i](Output* o) {
    o->value = R"({"total_amount":)" + std::to_string(1 + ++i * 7919 % 1000) + R"(.5,)" +
               o->value.substr(o->value.find("\"transaction_count"));
  });
  CHECK(RecordsSaid(causes) == Saying{"total_amount is another"});
}

}  // namespace
}  // namespace playload
