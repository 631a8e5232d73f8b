#include "generator/measure/figures.h"

#include <doctest/doctest.h>

namespace playload {

TEST_CASE("Spread: the median, of an even number the mean of the two in the middle") {
  const Spread odd = SpreadOf({9, 1, 5});
  CHECK(odd.median == 5);
  CHECK(odd.least == 1);
  CHECK(odd.most == 9);
  CHECK(SpreadOf({4, 1, 2, 100}).median == 3);
  CHECK(SpreadOf({7}).median == 7);
  CHECK(SpreadOf({}).median == 0);
}

TEST_CASE("Figures: slices are rates, CPU time is of all of them together") {
  Figures figures;
  figures.Add(1'000, 1'000'000, 2'000'000);
  figures.Add(3'000, 1'000'000, 2'000'000);
  figures.Add(7, 0, 1);  // no time, no rate
  const Spread spread = figures.events_per_second();
  CHECK(spread.least == doctest::Approx(1e6));
  CHECK(spread.median == doctest::Approx(2e6));
  CHECK(spread.most == doctest::Approx(3e6));
  CHECK(figures.cpu_us_per_event() == doctest::Approx(1.0));
  CHECK(Figures().cpu_us_per_event() == 0);
}

TEST_CASE("Load: a share of what the machine had, and none where nothing is known") {
  MachineLoad load;
  CHECK_FALSE(load.others().has_value());
  CHECK_FALSE(load.stolen().has_value());
  load.Add({1'000, 100, 50});
  load.Add({3'000, 900, 0});
  CHECK(*load.others() == doctest::Approx(0.25));
  CHECK(*load.stolen() == doctest::Approx(0.0125));
}

TEST_CASE("Machine: at least one core, and a load that is a share") {
  CHECK(ReadMachineFacts().cores >= 1);
  const LoadWatch watch;
  const MachineLoad load = watch.SoFar();
  CHECK(load.others_ns >= 0);
  CHECK(load.others_ns <= load.all_ns);
  CHECK(load.stolen_ns >= 0);
}

}  // namespace playload
