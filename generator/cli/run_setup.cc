#include "generator/cli/run_setup.h"

#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <thread>

#include "generator/base/system.h"
#include "generator/base/text.h"
#include "generator/cli/http_flags.h"
#include "generator/cli/verify_flags.h"
#include "generator/mutants/weave.h"
#include "generator/pace/plan.h"
#include "generator/run/spec_text.h"
#include "personas/load.h"
#include "scenarios/load.h"
#include "transports/file/stdout_transport.h"

namespace playload {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kMaxThreads = 1'024;
constexpr std::uint64_t kMaxShards = 1'000'000;
// Of `serve`.
constexpr const char* kServedScenario = "fraud-and-overload";
constexpr std::int64_t kServedMilliRate = 100'000;
constexpr const char* kServedAt = "127.0.0.1:8000";
// Below the 10 s after which some who send SIGTERM send SIGKILL.
constexpr std::int64_t kServeDrainNs = 5 * kNsPerSecond;

std::vector<Flag> RunFlags() {
  std::vector<Flag> flags = {
      {"to", "DESTINATION",
       "where the events go: kafka://HOST:PORT[,HOST:PORT], kafka://embedded (a broker inside this "
       "process), http://ADDRESS:PORT (served there), file:DIR, stdout, null; repeat it for "
       "several",
       true},
      {"rate", "RATE",
       "events per second: 500, 20k, 1.5M, 0.5, or max; default: the scenario's plan"},
      {"duration", "TIME", "length of the run: 90s, 10m, 30d; default: the scenario's"},
      {"events", "N", "end after N events (with --duration: whichever comes first)"},
      {"seed", "N", "the same seed gives the same events; drawn, printed and recorded if absent"},
      {"players", "N", "size of the population; default: the scenario's"},
      {"persona", "FILE", "a persona of your own, in place of the one of its name", true},
      {"weave", "RULES",
       "weave probes of these rules into the population: a built-in rule set, or a file of one; "
       "instead of the scenario's own 'probes'",
       true},
      {"weave-rate", "RATE",
       "probes begun per second, of players and of servers each (default: few enough to change "
       "little)"},
      {"clock", "live|virtual", "wait for each event's instant, or never wait (default: live)"},
      {"pacing", "sleep|spin",
       "between events, give the core away or keep it: spin sends each event within a microsecond "
       "or so of its instant, and takes a core per destination (default: sleep)"},
      {"start", "INSTANT", "of the first event, 2026-01-01T00:00:00Z; default: now"},
      {"event-types", "strict|extended",
       "player events of the document alone, or all (default: strict)"},
      {"timestamp-precision", "s|ms|us|naive",
       "of event_timestamp (default: s); naive: microseconds without Z, as the original wrote "
       "them"},
      {"id-prefix", "TEXT", "makes all ids unlike another run's: player_TEXT_1"},
      {"shard", "I/N",
       "only part I (from 0) of N of the events; rates and lengths stay the whole's"},
      {"player", "ID", "print the history of one player alone, on stdout"},
      {"type", "KINDS", "only these kinds on stdout: player, purchase, server"},
      {"topic", "USUAL=OTHER", "another name for a topic: player-events=my-topic", true},
      {"create-topics", "partitions=N,replication=N", "make missing Kafka topics"},
      {"kafka", "KEY=VALUE", "a property of librdkafka", true},
      {"kafka-config", "FILE", "properties of librdkafka from a file; the place for secrets"},
      {"connect-timeout", "TIME", "how long to wait for Kafka at the start (default: 30s)"},
      {"drain-timeout", "TIME", "how long to wait for acknowledgements at the end (default: 30s)"},
      {"compress", "zstd|gzip", "the files of file:DIR"},
      {"threads", "N",
       "that make the events of each destination; never changes one (default: all cores, one less "
       "where a plan paces)"},
      {"run-dir", "DIR", "the run's own folder (default: playload-runs/<run id>)"},
      {"checkpoints", "SIZE|off",
       "how much may be kept in the run directory so that slices of a long run can be made again "
       "quickly: 128MiB (the default), 1GiB"},
      {"pipeline", "", "run the reference pipeline beside it, on the same Kafka"},
      {"verify", "KAFKA",
       "verify what the pipeline puts out, live, on the run's Kafka or on kafka://HOST:PORT; exit "
       "code 99 if it is wrong",
       false, "://"},
      {"verify-timeout", "TIME",
       "how long nothing may come after the run before what is missing is missing (30s)"},
      {"hold", "TIME", "keep the embedded Kafka and http:// up this long after the run"},
      {"quiet", "", "no progress"},
  };
  const std::vector<Flag> verify = VerifyFlags();
  flags.insert(flags.end() - 2, verify.begin(), verify.end());
  const std::vector<Flag> http = HttpFlags();
  flags.insert(flags.end() - 1, http.begin(), http.end());
  return flags;
}

std::vector<Flag> ServeFlags() {
  std::vector<Flag> flags = {
      {"listen", "ADDRESS:PORT",
       "where to serve (default: 127.0.0.1:8000); port 0 takes a free one"},
      {"rate", "RATE",
       "events per second: 500, 20k, 1.5M, 0.5, or max; default: 100, whatever the scenario's "
       "plan"},
      {"duration", "TIME", "length of the run: 90s, 10m, 30d; default: without end"},
      {"drain-timeout", "TIME", "how long to wait for slow readers at the end (default: 5s)"},
  };
  for (const Flag& flag : RunFlags()) {
    // What is about other destinations, or stands above.
    static const std::set<std::string_view> kOthers = {"to",
                                                       "rate",
                                                       "duration",
                                                       "player",
                                                       "type",
                                                       "topic",
                                                       "create-topics",
                                                       "kafka",
                                                       "kafka-config",
                                                       "connect-timeout",
                                                       "verify",
                                                       "drain-timeout",
                                                       "compress",
                                                       "pipeline",
                                                       "hold",
                                                       "verify-timeout",
                                                       "rules",
                                                       "only",
                                                       "delivery",
                                                       "isolation",
                                                       "locate",
                                                       "threshold"};
    if (!kOthers.contains(flag.name)) flags.push_back(flag);
  }
  return flags;
}

std::uint64_t DrawSeed() {
  std::uint64_t seed = 0;
  // Blocks only before the system's first boot is over; 8 bytes come whole.
  while (getrandom(&seed, sizeof(seed), 0) != static_cast<ssize_t>(sizeof(seed))) {
  }
  return seed >> 11;  // 53 bits: every reader of JSON keeps them
}

Result<std::uint64_t> ReadCount(const Flags& flags, std::string_view name, std::uint64_t min,
                                std::uint64_t max) {
  const std::string text = flags.Text(name);
  const Result<std::uint64_t> count = ParseCount(text);
  if (!count) return flags.Wrong(name, count.error().message());
  if (*count < min || *count > max) {
    return flags.Wrong(
        name, Quoted(text) + " is not from " + FormatCount(min) + " to " + FormatCount(max));
  }
  return *count;
}

Status ReadShard(const Flags& flags, RunSpec* spec) {
  if (!flags.Has("shard")) return {};
  const std::string text = flags.Text("shard");
  std::uint32_t index = 0;
  std::uint32_t of = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, index);
  const bool slash = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  const auto second = slash ? std::from_chars(first.ptr + 1, end, of) : first;
  if (!slash || second.ec != std::errc() || second.ptr != end) {
    return flags.Wrong("shard", Quoted(text) + " is not I/N, as in 0/4");
  }
  if (of < 1 || of > kMaxShards || index >= of) {
    return flags.Wrong("shard", Quoted(text) + ": shards of N are 0/N to N-1/N, N up to " +
                                    FormatCount(kMaxShards));
  }
  spec->shard = index;
  spec->shards = of;
  return {};
}

Result<std::vector<Persona>> ReadPersonas(const Flags& flags) {
  std::vector<Persona> personas;
  for (const std::string& file : flags.Texts("persona")) {
    Result<Persona> persona = LoadPersonaFile(file);
    if (!persona) return persona.error();
    for (const Persona& other : personas) {
      if (other.name == persona->name) {
        return flags.Wrong(
            "persona", file + " and " + other.file + " are both called " + Quoted(persona->name));
      }
    }
    personas.push_back(std::move(*persona));
  }
  return personas;
}

// A persona that was given and that the scenario has no use for would do nothing, unnoticed.
Status CheckPersonasUsed(const Flags& flags, const std::vector<Persona>& personas,
                         const Scenario& scenario) {
  for (const Persona& persona : personas) {
    const bool used = std::any_of(scenario.personas.begin(), scenario.personas.end(),
                                  [&](const Persona& other) { return other.file == persona.file; });
    if (used) continue;
    std::string names;
    for (const Persona& other : scenario.personas) {
      names += (names.empty() ? "" : ", ") + other.name;
    }
    return flags.Wrong("persona", persona.file + ": scenario " + Quoted(scenario.name) +
                                      " has no persona " + Quoted(persona.name) +
                                      "; it has: " + names);
  }
  return {};
}

// Players and rate change the scenario itself, so that the manifest's text says what was run.
Status ApplyToScenario(const Flags& flags, SetupOf command, RunSpec* spec) {
  Scenario& scenario = spec->scenario;
  bool changed = false;
  if (flags.Has("players")) {
    const Result<std::uint64_t> players = ReadCount(flags, "players", 1, 1'000'000'000);
    if (!players) return players.error();
    scenario.population.players = *players;
    changed = true;
  }
  if (flags.Has("rate")) {
    const std::string text = flags.Text("rate");
    if (text == "max") {
      spec->rate_max = true;
    } else {
      const Result<std::int64_t> rate = ParseRate(text);
      if (!rate) return flags.Wrong("rate", rate.error().message() + ", or max");
      scenario.plan = {Stage{*rate, *rate, 0}};
      changed = true;
    }
  } else if (command == SetupOf::kServe) {
    scenario.plan = {Stage{kServedMilliRate, kServedMilliRate, 0}};
    changed = true;
  }
  // What the loader would refuse in a file is refused here too, in its words.
  if (changed) {
    Result<Scenario> again =
        ParseScenario(scenario.name + " with these flags", ResolvedText(scenario), {});
    if (!again) return again.error();
  }
  return {};
}

// --weave and --weave-rate, and what the scenario asks for itself.
Status Weave(const Flags& flags, Scenario* scenario) {
  WeaveRequest& weave = scenario->weave;
  if (flags.Has("weave")) {
    if (scenario->compat) {
      return flags.Wrong("weave",
                         "compat draws every event uniformly: nobody there could follow "
                         "a probe's script");
    }
    weave = WeaveRequest();
    std::set<std::string> seen;
    for (const std::string& rules : flags.Texts("weave")) {
      if (!seen.insert(rules).second) {
        return flags.Wrong("weave", Quoted(rules) + " is given twice");
      }
      weave.sources.push_back({rules, 0});
    }
  }
  if (flags.Has("weave-rate")) {
    const Result<std::int64_t> rate = ParseRate(flags.Text("weave-rate"));
    if (!rate) return flags.Wrong("weave-rate", rate.error().message());
    // What the environment says for all runs may be of no use for this one.
    if (weave.sources.empty() && flags.Given("weave-rate")) {
      return flags.Wrong("weave-rate", "there are no probes to weave; add --weave RULES");
    }
    weave.milli_rate = *rate;
    weave.share_parts = 0;
  }
  if (Status s = WeaveProbes(scenario); !s.ok()) {
    return flags.Has("weave") ? flags.Wrong("weave", s.message()) : s;
  }
  return {};
}

Status ReadClock(const Flags& flags, bool* start_given, RunSpec* spec) {
  if (flags.Has("clock")) {
    const Result<Clock> clock = ParseClock(flags.Text("clock"));
    if (!clock) return flags.Wrong("clock", clock.error().message());
    spec->clock = *clock;
  }
  if (flags.Has("start")) {
    const Result<std::int64_t> start = ParseInstant(flags.Text("start"));
    if (!start) return flags.Wrong("start", start.error().message());
    spec->start_ns = *start;
    *start_given = true;
  }
  if (!spec->rate_max) return {};
  if (spec->clock == Clock::kVirtual) {
    return flags.Wrong("rate",
                       "max and --clock virtual exclude each other: under the virtual clock "
                       "the rate is what shapes the timestamps; it never waits anyhow");
  }
  if (*start_given) {
    return flags.Wrong("start",
                       "has no meaning with --rate max: nothing is planned, events carry "
                       "the instant at which they are made");
  }
  return {};
}

Status ReadCheckpoints(const Flags& flags, CheckpointOptions* options) {
  if (!flags.Has("checkpoints")) return {};
  const std::string text = flags.Text("checkpoints");
  options->most_bytes = 0;
  if (text == "off") return {};
  constexpr std::uint64_t kMost = 1'024;  // of either unit
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  const std::string_view unit(read.ptr, static_cast<std::size_t>(end - read.ptr));
  if (read.ec != std::errc() || number < 1 || number > kMost || (unit != "MiB" && unit != "GiB")) {
    return flags.Wrong("checkpoints",
                       Quoted(text) + " is neither 'off' nor a size from 1MiB to 1024GiB");
  }
  options->most_bytes = number << (unit == "MiB" ? 20 : 30);
  return {};
}

Status ReadPacing(const Flags& flags, RunSetup* setup) {
  if (!flags.Has("pacing")) return {};
  const Result<Pacing> pacing = ParsePacing(flags.Text("pacing"));
  if (!pacing) return flags.Wrong("pacing", pacing.error().message());
  setup->run.pacing = *pacing;
  // What the environment says for all runs may be of no use for this one.
  if (IsPaced(setup->run.spec) || !flags.Given("pacing")) return {};
  return flags.Wrong("pacing", std::string("says how to wait for the instants of events, and ") +
                                   (setup->run.spec.rate_max ? "--rate max plans none"
                                                             : "--clock virtual never waits"));
}

Status ReadEnd(const Flags& flags, SetupOf command, RunSpec* spec) {
  std::int64_t duration = 0;
  if (flags.Has("duration")) {
    const Result<std::int64_t> given = ReadDuration(flags, "duration", 1, 0);
    if (!given) return given.error();
    duration = *given;
  } else if (!flags.Has("events") && command != SetupOf::kServe) {
    duration = spec->scenario.duration_ns;
  }
  if (flags.Has("events")) {
    const Result<std::uint64_t> events = ReadCount(flags, "events", 1, std::uint64_t{1} << 59);
    if (!events) return events.error();
    spec->end = *events;
  }
  if (spec->rate_max) {
    spec->run_ns = duration;
  } else if (duration > 0) {
    spec->end = std::min(spec->end, Plan(spec->scenario.plan).DueBefore(duration));
  }
  if (spec->clock == Clock::kVirtual && spec->end == RunSpec::kNoEnd) {
    return Invalid("--clock virtual never waits, so it needs an end: --duration or --events" +
                   (command == SetupOf::kServe
                        ? ""
                        : " (" + Quoted(spec->scenario.name) + " has no duration of its own)"));
  }
  return {};
}

// Instants are nanoseconds in 64 bits, which end in 2262; a rule's windows reach 30 years further
// than an event.
Status CheckLastInstant(const RunSpec& spec, bool start_given) {
  constexpr std::int64_t kLatest = 8'204'803'200'000'000'000;  // 2230-01-01T00:00:00Z
  if (spec.rate_max || spec.end == RunSpec::kNoEnd || spec.end == 0) return {};
  const std::int64_t last = Plan(spec.scenario.plan).PlannedAt(spec.end - 1);
  if (last < kLatest - (start_given ? spec.start_ns : UtcNow())) return {};
  return Invalid("by its plan the run would go on beyond " + FormatInstant(kLatest) +
                 "; give it fewer --events, a shorter --duration, a higher --rate or an earlier "
                 "--start");
}

Status ReadForms(const Flags& flags, RunSpec* spec) {
  if (flags.Has("event-types")) {
    const Result<EventTypes> types = ParseEventTypes(flags.Text("event-types"));
    if (!types) return flags.Wrong("event-types", types.error().message());
    spec->event_types = *types;
  }
  if (flags.Has("timestamp-precision")) {
    const Result<TimestampForm> form = ParseTimestampForm(flags.Text("timestamp-precision"));
    if (!form) return flags.Wrong("timestamp-precision", form.error().message());
    spec->timestamp_form = *form;
  }
  if (flags.Has("id-prefix")) {
    spec->id_prefix = flags.Text("id-prefix");
    if (const Status valid = CheckIdPrefix(spec->id_prefix); !valid.ok()) {
      return flags.Wrong("id-prefix", valid.message());
    }
  }
  return {};
}

Status ReadSpec(const Flags& flags, SetupOf command, RunSetup* setup) {
  RunSpec& spec = setup->run.spec;
  const Result<std::vector<Persona>> personas = ReadPersonas(flags);
  if (!personas) return personas.error();
  Result<Scenario> scenario = LoadScenario(
      flags.arguments().empty() ? kServedScenario : flags.arguments().front(), *personas);
  if (!scenario) return scenario.error();
  spec.scenario = std::move(*scenario);
  if (Status s = CheckPersonasUsed(flags, *personas, spec.scenario); !s.ok()) return s;
  if (Status s = ApplyToScenario(flags, command, &spec); !s.ok()) return s;
  if (Status s = Weave(flags, &spec.scenario); !s.ok()) return s;
  if (Status s = ReadClock(flags, &setup->run.start_given, &spec); !s.ok()) return s;
  if (Status s = ReadPacing(flags, setup); !s.ok()) return s;
  if (Status s = ReadEnd(flags, command, &spec); !s.ok()) return s;
  if (Status s = CheckLastInstant(spec, setup->run.start_given); !s.ok()) return s;
  if (Status s = ReadShard(flags, &spec); !s.ok()) return s;
  if (Status s = ReadForms(flags, &spec); !s.ok()) return s;
  if (flags.Has("seed")) {
    const Result<std::uint64_t> seed = ReadCount(flags, "seed", 0, ~std::uint64_t{0});
    if (!seed) return seed.error();
    spec.seed = *seed;
  } else {
    spec.seed = DrawSeed();
    setup->seed_drawn = true;
  }
  return {};
}

bool Any(const std::vector<Address>& to, Address::Scheme scheme) {
  return std::any_of(to.begin(), to.end(),
                     [scheme](const Address& address) { return address.scheme == scheme; });
}

// --listen of `serve`, --to of the others.
Status ReadDestinations(const Flags& flags, SetupOf command, RunSetup* setup) {
  if (command == SetupOf::kServe) {
    const Result<ListenAddress> listen =
        ParseListenAddress(flags.Has("listen") ? flags.Text("listen") : kServedAt);
    if (!listen) return flags.Wrong("listen", listen.error().message());
    Address address;
    address.scheme = Address::Scheme::kHttp;
    address.text = "http://" + listen->text();
    address.http = *listen;
    setup->run.to.push_back(std::move(address));
    return {};
  }
  std::set<std::string> seen;
  for (const std::string& to : flags.Texts("to")) {
    Result<Address> address = ParseAddress(to);
    if (!address) return address.error();
    if (!seen.insert(to).second) return flags.Wrong("to", Quoted(to) + " is given twice");
    setup->run.to.push_back(std::move(*address));
  }
  return {};
}

// Flags on the command line that would do nothing for these destinations. What the environment says
// for all runs may be of no use for this one.
Status CheckUse(const Flags& flags, const RunSetup& setup) {
  const std::vector<Address>& to = setup.run.to;
  if (!Any(to, Address::Scheme::kHttp)) {
    for (const Flag& flag : HttpFlags()) {
      if (!flags.Given(flag.name)) continue;
      return flags.Wrong(flag.name, "is for http:// destinations; there is none");
    }
  }
  if (!Any(to, Address::Scheme::kKafka)) {
    for (const char* name :
         {"kafka", "kafka-config", "create-topics", "connect-timeout", "pipeline", "verify"}) {
      if (!flags.Given(name)) continue;
      return flags.Wrong(name, "is for kafka:// destinations; there is none");
    }
  }
  if (flags.Given("compress") && !Any(to, Address::Scheme::kFile)) {
    return flags.Wrong("compress", "is for file:DIR destinations; there is none");
  }
  if (flags.Given("type") && !Any(to, Address::Scheme::kStdout) && !setup.player) {
    return flags.Wrong("type", "limits what is printed on stdout; add --to stdout");
  }
  if (flags.Given("hold") && std::none_of(to.begin(), to.end(), [](const Address& address) {
        return address.kafka.embedded || address.scheme == Address::Scheme::kHttp;
      })) {
    return flags.Wrong("hold",
                       "keeps kafka://embedded and http:// up; neither is a destination here");
  }
  return {};
}

Status ReadHttp(const Flags& flags, SetupOf command, RunSetup* setup) {
  RunOptions& run = setup->run;
  const bool serves = Any(run.to, Address::Scheme::kHttp);
  // What the environment says of servers is of no use for a run without one.
  const std::vector<Flag> http_flags = HttpFlags();
  if (!serves && std::none_of(http_flags.begin(), http_flags.end(),
                              [&](const Flag& flag) { return flags.Given(flag.name); })) {
    return {};
  }
  Result<HttpSettings> http = ReadHttpSettings(flags);
  if (!http) return http.error();
  run.destinations.http = std::move(*http);
  if (command == SetupOf::kServe) {
    run.stay_ns = RunOptions::kUntilSignal;
  } else if (serves) {
    run.stay_ns = setup->hold_ns;
  }
  return CheckWhoMayRead(flags, command == SetupOf::kServe ? "listen" : "to", run.to);
}

// --verify, and what is about it.
Status ReadVerification(const Flags& flags, SetupOf command, RunSetup* setup) {
  const std::string verify = flags.Text("verify");
  setup->verify = !verify.empty() && verify != "false";
  if (setup->verify && verify != "true") {
    const Result<KafkaAddress> address = ParseKafkaUrl(verify);
    if (!address) {
      return flags.Wrong("verify", address.error().message() +
                                       "; the outputs of a run are read from Kafka, as in "
                                       "--verify=kafka://localhost:9092");
    }
    if (address->embedded) {
      return flags.Wrong("verify",
                         "kafka://embedded lives in the run that sends to it: --verify alone "
                         "reads from it");
    }
    setup->verify_at = *address;
  }
  // The --rules of `mutants` are its own.
  if (!setup->verify && command != SetupOf::kMutants) {
    std::vector<Flag> about = VerifyFlags();
    about.push_back({"verify-timeout", "", ""});
    for (const Flag& flag : about) {
      if (!flags.Given(flag.name)) continue;
      return flags.Wrong(flag.name, "is about what --verify finds; add --verify");
    }
    return {};
  }
  VerifyOptions& options = setup->verification;
  options.settings = setup->run.destinations.kafka;
  options.connect_timeout = setup->run.destinations.connect_timeout;
  const Result<std::int64_t> timeout =
      ReadDuration(flags, "verify-timeout", 1'000'000, 30 * kNsPerSecond);
  if (!timeout) return timeout.error();
  options.timeout = std::chrono::milliseconds(*timeout / 1'000'000);
  return ReadVerifyFlags(flags, &options);
}

Status ReadSending(const Flags& flags, const char* const* environment, SetupOf command,
                   RunSetup* setup) {
  RunOptions& run = setup->run;
  DestinationOptions& options = run.destinations;
  if (Status s = ReadDestinations(flags, command, setup); !s.ok()) return s;

  // Of the reference pipeline's outputs, and of those that other rules name.
  std::vector<std::string> usual = TopicsToRename({});
  const Result<std::optional<RuleSet>> rules = ReadRules(flags);
  if (!rules) return rules.error();
  if (*rules) {
    for (const std::string& output : (*rules)->Outputs()) {
      if (std::find(usual.begin(), usual.end(), output) == usual.end()) usual.push_back(output);
    }
  }
  Result<std::map<std::string, std::string>> topics = ReadTopics(flags, usual);
  if (!topics) return topics.error();
  options.topics = std::move(*topics);
  Result<KafkaSettings> kafka = ReadKafkaSettings(flags, flags.Texts("kafka"), environment);
  if (!kafka) return kafka.error();
  setup->warnings = kafka->warnings();
  options.kafka = std::move(*kafka);
  if (flags.Has("create-topics")) {
    const Result<KafkaTopicShape> shape = ParseTopicShape(flags.Text("create-topics"));
    if (!shape) return flags.Wrong("create-topics", shape.error().message());
    options.create_topics = *shape;
  }
  const Result<std::int64_t> connect =
      ReadDuration(flags, "connect-timeout", 1'000'000, 30 * kNsPerSecond);
  if (!connect) return connect.error();
  options.connect_timeout = std::chrono::milliseconds(*connect / 1'000'000);
  const Result<std::int64_t> drain = ReadDuration(
      flags, "drain-timeout", 0, command == SetupOf::kServe ? kServeDrainNs : 30 * kNsPerSecond);
  if (!drain) return drain.error();
  run.drain_timeout_ns = *drain;
  const Result<std::int64_t> hold = ReadDuration(flags, "hold", 0, 0);
  if (!hold) return hold.error();
  setup->hold_ns = *hold;
  if (Status s = ReadHttp(flags, command, setup); !s.ok()) return s;
  if (flags.Has("compress")) {
    const Result<Compression> compression = ParseCompression(flags.Text("compress"));
    if (!compression) return flags.Wrong("compress", compression.error().message());
    options.compression = *compression;
  }
  if (flags.Has("type")) {
    const Result<std::array<bool, kKinds>> kinds = ParseKinds(flags.Text("type"));
    if (!kinds) return flags.Wrong("type", kinds.error().message());
    options.kinds = *kinds;
  }
  if (flags.Has("run-dir")) {
    run.run_dir = flags.Text("run-dir");
    if (run.run_dir.empty()) return flags.Wrong("run-dir", "names no folder");
    while (run.run_dir.size() > 1 && run.run_dir.back() == '/') run.run_dir.pop_back();
  }
  if (Status s = ReadCheckpoints(flags, &run.checkpoints); !s.ok()) return s;
  setup->quiet = flags.On("quiet");
  setup->pipeline = flags.On("pipeline");
  if (Status s = ReadVerification(flags, command, setup); !s.ok()) return s;
  if (flags.Has("player")) setup->player = flags.Text("player");
  return {};
}

Status CheckPlayer(const Flags& flags, const RunSetup& setup) {
  if (!setup.player) return {};
  if (setup.run.spec.rate_max) {
    return flags.Wrong("player",
                       "needs a plan; with --rate max the instants are known to no one "
                       "before the run");
  }
  if (setup.run.spec.end == RunSpec::kNoEnd) {
    return flags.Wrong("player", "needs an end: --duration or --events");
  }
  if (flags.Given("pacing")) {
    return flags.Wrong("pacing", "has no meaning with --player, which prints without waiting");
  }
  for (const Address& address : setup.run.to) {
    if (address.scheme != Address::Scheme::kStdout) {
      return flags.Wrong("player", "prints one player's history on stdout; it does not go to " +
                                       Quoted(address.text));
    }
  }
  return {};
}

}  // namespace

const CommandSyntax& RunSyntax() {
  static const CommandSyntax kSyntax = {
      "run",
      "SCENARIO",
      "send a scenario to one or more destinations",
      "Sends a scenario (the name of a built-in one, or a YAML file) to one or more destinations, "
      "each "
      "event at its planned instant, and accounts for every one of them.",
      RunFlags(),
      1,
      1,
      "Every flag may also come from the environment: PLAYLOAD_RATE=5k for --rate 5k.\n"
      "First Ctrl-C: stop, flush, summary, exit code 105. Second: at once, still with counts.\n"};
  return kSyntax;
}

const CommandSyntax& ServeSyntax() {
  static const CommandSyntax kSyntax = {
      "serve",
      "[SCENARIO]",
      "serve a scenario over HTTP: streams and polled endpoints",
      "Serves a scenario (the name of a built-in one, or a YAML file; default: fraud-and-overload) "
      "to whoever asks over HTTP, until Ctrl-C: a live stream as SSE, NDJSON or JSON, and "
      "endpoints "
      "to poll. GET / shows them all. For the scenario's own plan, or other destinations beside "
      "it: "
      "playload run SCENARIO --to http://127.0.0.1:8000 --to ...",
      ServeFlags(),
      0,
      1,
      "Every flag may also come from the environment: PLAYLOAD_LISTEN=[::1]:8000.\n"
      "First Ctrl-C: stop, let readers have what was sent, summary; exit code 105, or 0 when the "
      "run\n"
      "had an end and had come to it. Second: at once, still with counts.\n"};
  return kSyntax;
}

const CommandSyntax& PlanSyntax() {
  static const CommandSyntax kSyntax = [] {
    CommandSyntax plan = {
        "plan",
        "SCENARIO",
        "say what a run would do, without starting it",
        "Says what a run would do, without starting it: rates, events and bytes per "
        "topic, memory, expected outputs. Takes the flags of run.",
        RunFlags(),
        1,
        1,
        ""};
    plan.flags.push_back({"json", "", "as JSON"});
    return plan;
  }();
  return kSyntax;
}

Result<std::int64_t> ReadDuration(const Flags& flags, std::string_view name, std::int64_t min_ns,
                                  std::int64_t fallback_ns) {
  if (!flags.Has(name)) return fallback_ns;
  const std::string text = flags.Text(name);
  const Result<std::int64_t> duration = ParseDuration(text);
  if (!duration) return flags.Wrong(name, duration.error().message());
  if (*duration < min_ns) {
    return flags.Wrong(name, Quoted(text) + " is too short; at least " + FormatDuration(min_ns));
  }
  return *duration;
}

Result<KafkaSettings> ReadKafkaSettings(const Flags& flags, std::vector<std::string> properties,
                                        const char* const* environment) {
  KafkaSettings::Input input;
  input.flags = std::move(properties);
  input.config_file = flags.Text("kafka-config");
  input.environment = environment;
  return KafkaSettings::Make(input);
}

Result<KafkaTopicShape> ParseTopicShape(std::string_view text) {
  KafkaTopicShape shape;
  bool partitions = false;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    int number = 0;
    if (equals != std::string_view::npos) {
      const char* const end = part.data() + part.size();
      const auto parsed = std::from_chars(part.data() + equals + 1, end, number);
      if (parsed.ec != std::errc() || parsed.ptr != end) number = 0;
    }
    const int most = key == "partitions" ? 100'000 : 32'767;
    if ((key != "partitions" && key != "replication") || number < 1 || number > most) {
      return Invalid(Quoted(text) + " is not of the form partitions=6,replication=1");
    }
    if (key == "partitions") {
      shape.partitions = number;
      partitions = true;
    } else {
      shape.replication = number;
    }
  }
  if (!partitions) return Invalid(Quoted(text) + " does not say partitions=N");
  return shape;
}

Result<std::map<std::string, std::string>> ReadTopics(const Flags& flags) {
  return ReadTopics(flags, TopicsToRename({}));
}

Result<std::map<std::string, std::string>> ReadTopics(const Flags& flags,
                                                      const std::vector<std::string>& usual) {
  std::map<std::string, std::string> topics;
  for (const std::string& text : flags.Texts("topic")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return flags.Wrong("topic",
                         Quoted(text) + " is not USUAL=OTHER, as in player-events=my-topic");
    }
    const std::string from = text.substr(0, equals);
    const std::string to = text.substr(equals + 1);
    if (std::find(usual.begin(), usual.end(), from) == usual.end()) {
      return flags.Wrong("topic", Quoted(from) + " is not a topic" + DidYouMean(from, usual));
    }
    const bool valid = !to.empty() && to.size() <= 249 && to != "." && to != ".." &&
                       std::all_of(to.begin(), to.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                       });
    if (!valid) {
      return flags.Wrong("topic",
                         Quoted(to) + " is no name of a topic: 1 to 249 of A-Z a-z 0-9 . _ -");
    }
    if (!topics.emplace(from, to).second) {
      return flags.Wrong("topic", Quoted(from) + " is renamed twice");
    }
  }
  std::set<std::string> names;
  for (const std::string& name : usual) {
    if (!names.insert(TopicFor(topics, name)).second) {
      return flags.Wrong("topic", "two topics would be called " + Quoted(TopicFor(topics, name)));
    }
  }
  return topics;
}

Result<int> ReadThreads(const Flags& flags, bool paced) {
  if (!flags.Has("threads")) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    return std::max(1, paced ? cores - 1 : cores);
  }
  const Result<std::uint64_t> threads = ReadCount(flags, "threads", 1, kMaxThreads);
  if (!threads) return threads.error();
  return static_cast<int>(*threads);
}

Result<RunSetup> ReadRunSetup(const Flags& flags, const char* const* environment, SetupOf command) {
  RunSetup setup;
  if (Status s = ReadSending(flags, environment, command, &setup); !s.ok()) return s;
  if (Status s = ReadSpec(flags, command, &setup); !s.ok()) return s;
  if (!IsPaced(setup.run.spec)) setup.run.destinations.kafka.UseFullSpeedDefaults();
  const Result<int> threads = ReadThreads(flags, setup.run.spec.paced());
  if (!threads) return threads.error();
  setup.run.threads = *threads;
  if (Status s = CheckPlayer(flags, setup); !s.ok()) return s;
  if (command != SetupOf::kRun) return setup;
  if (setup.run.to.empty() && !setup.player) {
    return Invalid(
        "--to is missing: say where the events go, as in --to stdout, --to file:events, "
        "--to kafka://localhost:9092 or --to kafka://embedded");
  }
  if (Status s = CheckUse(flags, setup); !s.ok()) return s;
  return setup;
}

}  // namespace playload
