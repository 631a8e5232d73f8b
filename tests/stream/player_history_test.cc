#include "generator/stream/player_history.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "generator/stream/stream.h"
#include "tests/support/world.h"

namespace playload {
namespace {

void CheckHistories(const RunSpec& spec) {
  StreamOptions options;
  Stream stream(spec, options);
  REQUIRE(stream.Start().ok());
  std::map<std::string, std::string> histories;
  while (Batch* batch = stream.Next()) {
    for (std::uint32_t i = 0; i < batch->count; ++i) {
      if (batch->events[i].kind != Kind::kServer) {
        histories[std::string(batch->key(i))] += batch->line(i);
      }
    }
    stream.Recycle(batch);
  }
  REQUIRE(histories.size() > 700);  // players left and new ones came
  int n = 0;
  for (const auto& [id, lines] : histories) {
    if (n++ % 97 != 0) continue;
    std::string alone;
    CHECK(PlayerHistory(spec, id, [&](std::string_view line) {
            alone += line;
            return true;
          }).ok());
    CHECK(alone == lines);
  }
}

// For every player seen: its history alone is its lines of the whole stream, in order.
TEST_CASE("PlayerHistory: one player alone is that player in the whole stream") {
  Scenario world = test::World(700, {"casual", "whale", "fraudster"});
  world.population.life_sessions = 2;
  RunSpec spec = test::SpecOf(world, 31, 120'000);
  spec.id_prefix = "p";
  for (const bool faults : {false, true}) {
    CAPTURE(faults);
    if (faults) spec.scenario = test::WithFaults(spec.scenario);
    CheckHistories(spec);
  }
}

TEST_CASE("PlayerHistory: an id that the run cannot have is refused with an example") {
  const RunSpec spec = test::SpecOf(test::World(100, {"casual"}), 1, 1'000);
  for (const char* id :
       {"", "player_", "player_0", "player_01", "player_x", "player_1x", "session_5", "1",
        "player_abc_1", "player_-1", "player_+1", "player_99999999999999999999999"}) {
    CAPTURE(id);
    const Status status = PlayerHistory(spec, id, [](std::string_view) { return true; });
    CHECK(status.code() == Code::kInvalid);
    CHECK(status.message().find("player_1") != std::string::npos);
  }
}

}  // namespace
}  // namespace playload
