// What the flags of `run`, `serve` and `plan` mean: one table, one reading.
//
// Threads: pure functions, but for the seed that is drawn from the system where none is given.
// Errors: kInvalid naming the flag.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/cli/flags.h"
#include "generator/judge/verdict.h"
#include "generator/run/run.h"
#include "generator/verify/verify.h"

namespace playload {

const CommandSyntax& RunSyntax();
const CommandSyntax& ServeSyntax();
const CommandSyntax& PlanSyntax();

struct RunSetup {
  RunOptions run;
  bool seed_drawn = false;
  bool quiet = false;
  bool pipeline = false;
  bool verify = false;
  std::optional<KafkaAddress> verify_at;  // --verify kafka://...: not on the run's own Kafka
  VerifyOptions verification;             // of --verify, but for what the run itself decides
  std::int64_t hold_ns = 0;               // --hold
  std::optional<std::string> player;      // --player
  std::vector<std::string> warnings;      // of the Kafka settings
};

// Of the commands run; plan and mutants, which send nothing and so need no --to; serve, whose only
// destination is --listen, and which goes on for ever at 100 events/s where the line does not say
// otherwise.
enum class SetupOf { kRun, kPlan, kServe, kMutants };
Result<RunSetup> ReadRunSetup(const Flags& flags, const char* const* environment, SetupOf command);

// Shared with other commands.
Result<KafkaSettings> ReadKafkaSettings(const Flags& flags, std::vector<std::string> properties,
                                        const char* const* environment);
Result<KafkaTopicShape> ParseTopicShape(std::string_view text);
// --topic USUAL=OTHER, repeated. `usual`: what may be renamed; the profile's topics where nothing
// is said.
Result<std::map<std::string, std::string>> ReadTopics(const Flags& flags);
Result<std::map<std::string, std::string>> ReadTopics(const Flags& flags,
                                                      const std::vector<std::string>& usual);
// The duration of a flag, from `min_ns`; `fallback_ns` where the flag is absent.
Result<std::int64_t> ReadDuration(const Flags& flags, std::string_view name, std::int64_t min_ns,
                                  std::int64_t fallback_ns);

// --threads; where it is absent all cores, or one less where the sender waits for a plan: it makes
// no events then.
Result<int> ReadThreads(const Flags& flags, bool paced);
// OK, or kVerification naming what failed.
Status StatusOf(const Verdict& verdict);
// Adds a note about outputs of which nothing came, or nothing of this run, by the names of their
// topics; `topics` as of VerifyOptions.
void NoteSilence(const std::map<std::string, std::string>& topics, Verdict* verdict);

}  // namespace playload
