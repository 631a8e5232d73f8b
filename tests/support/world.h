// A small world for tests: a scenario made in code, independent of the files' format.

#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "generator/stream/spec.h"
#include "personas/load.h"
#include "scenarios/scenario.h"

namespace playload::test {

inline Persona MustLoad(const std::string& name) {
  Result<Persona> persona = BuiltInPersona(name);
  REQUIRE_MESSAGE(persona.has_value(), persona.error().message());
  return *persona;
}

// An even mix of built-in personas; two regions, 20,000 events/s.
inline Scenario World(std::uint64_t players, const std::vector<std::string>& personas) {
  Scenario s;
  s.name = "world";
  s.file = "test";
  s.population.players = players;
  std::int64_t left = kProbabilityOne;
  for (std::size_t i = 0; i < personas.size(); ++i) {
    s.personas.push_back(MustLoad(personas[i]));
    const std::int64_t parts = i + 1 == personas.size()
                                   ? left
                                   : kProbabilityOne / static_cast<std::int64_t>(personas.size());
    left -= parts;
    s.population.mix.push_back({static_cast<int>(i), parts});
  }
  s.population.currencies = {{0, 600'000'000}, {1, 300'000'000}, {3, 100'000'000}};
  s.population.console_parts = 400'000'000;
  s.servers.regions = {{"us-west", 500'000'000}, {"eu-central", 500'000'000}};
  s.servers.virtual_parts = 300'000'000;
  s.plan = {{20'000'000, 20'000'000, 0}};
  return s;
}

// Every kind of data fault, all of them all the time, more of each than anybody would want.
inline Scenario WithFaults(Scenario scenario) {
  const auto add = [&](FaultKind kind, std::int64_t percent) -> FaultIncident& {
    FaultIncident incident;
    incident.name = kFaultKindNames[static_cast<unsigned>(kind)];
    incident.kind = kind;
    incident.share_parts = kProbabilityOne / 100 * percent;
    scenario.faults.push_back(incident);
    return scenario.faults.back();
  };
  add(FaultKind::kDuplicate, 5);
  add(FaultKind::kDrop, 3);
  add(FaultKind::kCorrupt, 20).how = (1u << kCorruptions) - 1;
  FaultIncident& late = add(FaultKind::kLate, 10);
  late.by_least_ns = 1'000'000'000;
  late.by_most_ns = 3'600'000'000'000;
  FaultIncident& skew = add(FaultKind::kClockSkew, 50);
  skew.of = 1u << static_cast<unsigned>(Kind::kServer);
  skew.by_least_ns = 1'000'000'000;
  skew.by_most_ns = 60'000'000'000;
  return scenario;
}

inline RunSpec SpecOf(Scenario scenario, std::uint64_t seed, Position end) {
  RunSpec spec;
  spec.scenario = std::move(scenario);
  spec.seed = seed;
  spec.start_ns = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
  spec.clock = Clock::kVirtual;
  spec.end = end;
  return spec;
}

}  // namespace playload::test
