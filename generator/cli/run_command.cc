#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "generator/base/system.h"
#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/memory.h"
#include "generator/cli/output.h"
#include "generator/cli/perform.h"
#include "generator/cli/run_setup.h"
#include "generator/run/progress.h"
#include "generator/stream/player_history.h"

namespace playload {
namespace {

// Lines of a kind that --type names. The name of an event is the first thing in its line.
bool Wanted(std::string_view line, const std::array<bool, kKinds>& kinds) {
  if (line.starts_with("{\"event_name\":\"player_action\"")) return kinds[0];
  if (line.starts_with("{\"event_name\":\"transaction\"")) return kinds[1];
  return kinds[2];
}

Status PrintPlayer(const RunSetup& setup) {
  Progress progress(Progress::StyleFor(setup.quiet, STDERR_FILENO, std::getenv("TERM")),
                    STDERR_FILENO);
  RunSpec spec = setup.run.spec;
  if (!setup.run.start_given) spec.start_ns = UtcNow() / 1'000'000 * 1'000'000;
  Output output;
  std::uint64_t events = 0;
  const Status made = PlayerHistory(spec, *setup.player, [&](std::string_view line) {
    // Not before it is certain that this run has such a player.
    if (events++ == 0) progress.Note(Headline(setup));
    return !Wanted(line, setup.run.destinations.kinds) || output.Write(line);
  });
  Status flushed = output.Flush();
  if (!made.ok()) return {made.code(), "--player: " + made.message()};
  if (events == 0) {  // an empty answer looks like a mistake
    progress.Note(Headline(setup));
    progress.Say(*setup.player + " does nothing in this run's " + FormatCount(spec.end) +
                 " events; a longer --events has more");
  }
  return flushed;
}

}  // namespace

Status RunCommand(const Flags& flags, const Invocation& invocation) {
  const Result<RunSetup> setup = ReadRunSetup(flags, invocation.environment, SetupOf::kRun);
  if (!setup) return setup.error();
  if (Status s = CheckMemory(*setup); !s.ok()) return s;
  return setup->player ? PrintPlayer(*setup) : Perform(*setup);
}

}  // namespace playload
