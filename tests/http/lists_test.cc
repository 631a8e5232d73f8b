// Intrusive lists and the wheel: who is woken, when, and that nobody is in two lists.

#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "transports/http/list.h"
#include "transports/http/wheel.h"

namespace playload {
namespace {

struct WorkLink : Link {};
struct Node : WorkLink {
  explicit Node(int n) : number(n) {}
  int number;
};
using Nodes = List<Node, WorkLink>;

std::vector<int> TakeAll(Nodes& list) {
  std::vector<int> numbers;
  while (Node* node = list.PopFront()) numbers.push_back(node->number);
  return numbers;
}

constexpr std::int64_t kMs = 1'000'000;

TEST_CASE("an element is in one list at most, in the order of its coming") {
  Nodes a, b;
  Node one(1), two(2), three(3);
  a.PushBack(&one);
  a.PushBack(&two);
  a.PushBack(&three);
  b.PushBack(&two);
  CHECK(TakeAll(a) == std::vector{1, 3});
  CHECK(TakeAll(b) == std::vector{2});
  a.PushBack(&one);
  a.PushBack(&two);
  a.PushBack(&one);
  CHECK(TakeAll(a) == std::vector{2, 1});
  CHECK(a.empty());
}

TEST_CASE("a list moves behind another, also an empty one, and can be used again") {
  Nodes a, b;
  Node one(1), two(2), three(3), four(4);
  a.PushBack(&one);
  b.PushBack(&two);
  b.PushBack(&three);
  a.Splice(b);
  CHECK(b.empty());
  b.PushBack(&four);
  a.Splice(b);
  a.Splice(b);
  CHECK(TakeAll(a) == std::vector{1, 2, 3, 4});
}

TEST_CASE("an element that goes leaves its list") {
  Nodes a;
  Node one(1);
  {
    Node gone(2);
    a.PushBack(&gone);
    a.PushBack(&one);
  }
  CHECK(TakeAll(a) == std::vector{1});
}

TEST_CASE("nobody is woken before its time, nor more than two slots after it") {
  std::mt19937 random(7);
  constexpr std::int64_t kStart = 123'456'789'012'345;
  auto wheel = std::make_unique<Wheel<Node, WorkLink>>(kStart);
  struct Timed {
    Timed(int number, std::int64_t at) : node(number), due(at) {}
    Node node;
    std::int64_t due;
    std::int64_t woken = -1;
  };
  std::vector<std::unique_ptr<Timed>> all;
  std::int64_t now = kStart;
  Nodes ready;
  std::size_t woken = 0;
  for (int turn = 0; turn < 20'000; ++turn) {
    if (all.size() < 5'000 && random() % 2 == 0) {
      // Up to 3.9 s, with instants in the past among them.
      const std::int64_t due = now + static_cast<std::int64_t>(random() % 3'900) * kMs - 5 * kMs +
                               static_cast<std::int64_t>(random() % kMs);
      all.push_back(std::make_unique<Timed>(static_cast<int>(all.size()), due));
      wheel->Add(&all.back()->node, due);
    }
    // As the reactor sleeps: until something is due at the latest.
    now = std::min(wheel->next_ns(), now + static_cast<std::int64_t>(random() % (3 * kMs)));
    wheel->Advance(now, &ready);
    while (Node* node = ready.PopFront()) {
      Timed& timed = *all[static_cast<std::size_t>(node->number)];
      REQUIRE(timed.woken == -1);
      timed.woken = now;
      ++woken;
      REQUIRE(now >= timed.due);
    }
  }
  for (int turn = 0; turn < 5'000; ++turn) {
    now += kMs;
    wheel->Advance(now, &ready);
    while (Node* node = ready.PopFront()) {
      all[static_cast<std::size_t>(node->number)]->woken = now;
      ++woken;
    }
  }
  CHECK(woken == all.size());
}

TEST_CASE("an instant beyond the wheel wakes early, to look again; a long sleep wakes all") {
  auto wheel = std::make_unique<Wheel<Node, WorkLink>>(0);
  Node far(1), near(2);
  wheel->Add(&far, 3'600'000 * kMs);
  wheel->Add(&near, 10 * kMs);
  Nodes ready;
  wheel->Advance(9 * kMs, &ready);
  CHECK(ready.empty());
  wheel->Advance(10 * kMs, &ready);
  CHECK(TakeAll(ready) == std::vector{2});
  CHECK(wheel->next_ns() < 5'000 * kMs);
  wheel->Advance(100'000 * kMs, &ready);
  CHECK(TakeAll(ready) == std::vector{1});
  CHECK(wheel->next_ns() == std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace playload
