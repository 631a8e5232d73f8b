// What is kept of records about users whom nothing is expected for (uncalled.h): how many there
// are, and of the first users what examples need.
//
// Memory: that of kExamples users, twice. Threads: a value type.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "generator/judge/odd_records.h"
#include "generator/judge/uncalled.h"
#include "generator/judge/verdict.h"

namespace playload {

// How many records came about strangers (uncalled.h), all of which are flaws, and of each of the
// two classes of flaws what examples need of its first users.
template <typename State>
class Strangers {
 public:
  // What came about a user, of one class.
  struct One {
    State state;
    OddRecords odd;
    std::uint64_t records = 0;
  };

  // What is kept of this user; null where that is nothing.
  One* Add(std::uint64_t user, bool readable) {
    OfClass& of_class = classes_[readable ? 0 : 1];
    ++of_class.records;
    One* const one = of_class.first.Of(user);
    if (one != nullptr) ++one->records;
    return one;
  }

  // Adds the users that something is kept of to `users`, which are sorted then.
  void AddUsers(std::vector<std::uint64_t>* users) const {
    for (const OfClass& of_class : classes_) {
      for (const auto& [user, one] : of_class.first.values()) users->push_back(user);
    }
    std::sort(users->begin(), users->end());
    users->erase(std::unique(users->begin(), users->end()), users->end());
  }
  // Visits what is kept of this user; whether there was something.
  template <typename Visit>
  bool Visited(std::uint64_t user, Visit visit) const {
    bool found = false;
    for (const OfClass& of_class : classes_) {
      const auto one = of_class.first.values().find(user);
      if (one == of_class.first.values().end()) continue;
      visit(one->second);
      found = true;
    }
    return found;
  }
  // Adds the records of all others.
  void AddRest(Comparison* out) const {
    for (const Flaw flaw : {Flaw::kUnexpected, Flaw::kUnreadable}) {
      const OfClass& of_class = classes_[flaw == Flaw::kUnexpected ? 0 : 1];
      std::uint64_t rest = of_class.records;
      for (const auto& [user, one] : of_class.first.values()) rest -= one.records;
      out->Add(flaw, rest, MoreThanAreKept);
    }
  }

 private:
  struct OfClass {
    SmallestKeys<std::uint64_t, One> first;
    std::uint64_t records = 0;
  };
  std::array<OfClass, 2> classes_;  // unexpected, unreadable
};

}  // namespace playload
