#include "generator/verify/finished_run.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "generator/base/text.h"
#include "generator/replay/walker.h"
#include "generator/run/json_file.h"
#include "generator/simulate/model.h"

namespace playload {

namespace {

constexpr const char* kPolled = "polled";
constexpr std::size_t kMostSummaryBytes = std::size_t{64} << 20;

}  // namespace

Result<FedBy> FindFedBy(const Manifest& manifest, const std::string& name) {
  const auto& all = manifest.destinations;
  std::vector<FedBy> found;
  std::string names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool http = all[i].to.starts_with("http://");
    if (name == kPolled ? http : all[i].to == name) found.push_back({i, name == kPolled});
    names += (names.empty() ? "" : ", ") + all[i].to;
    if (http && names.find(kPolled) == std::string::npos) names += std::string(", ") + kPolled;
  }
  if (found.size() == 1) return found.front();
  if (!found.empty()) {
    return Invalid("--fed-by " + name + ": the run had several such destinations");
  }
  return Invalid("--fed-by " + Quoted(name) + " is no destination of this run; it had: " + names);
}

namespace {

// The events that were handed out by the polled endpoints, none of which were lost to our
// knowledge.
Result<FinishedRun> LoadPolled(const std::string& run_dir, const Manifest& manifest,
                               std::size_t destination, int threads) {
  const ManifestDestination& server = manifest.destinations[destination];
  if (!server.polled) {
    return Invalid(run_dir + ": it is not known what was polled, for the run did not end in order");
  }
  FinishedRun run;
  run.spec = manifest.spec;
  run.walker = WalkPolled(manifest.spec, *server.polled, threads);
  run.replay = std::make_shared<const Replay>(manifest.spec, std::vector<std::int64_t>(),
                                              server.polled, threads);
  run.ledger.to = server.to;
  run.ledger.topics = server.topics;
  run.ledger.generated = run.ledger.fates[0] = *server.polled;
  return run;
}

}  // namespace

Result<FinishedRun> LoadRun(const std::string& run_dir, const FedBy& fed_by, int threads) {
  const std::size_t destination = fed_by.destination;
  if (fed_by.polled) {
    const Result<Manifest> manifest = ReadManifest(run_dir);
    if (!manifest) return manifest.error();
    return LoadPolled(run_dir, *manifest, destination, threads);
  }
  Result<RunSpec> spec = SpecFromManifest(run_dir, destination);
  if (!spec) return spec.error();
  Result<std::vector<LedgerEntry>> ledger = ReadLedger(run_dir);
  if (!ledger) return ledger.error();
  if (destination >= ledger->size()) {
    return Invalid(run_dir + "/ledger.json: fewer destinations than in manifest.json");
  }
  std::vector<std::int64_t> stamps;
  if (spec->rate_max) {
    Result<std::vector<std::int64_t>> recorded = ReadStamps(run_dir);
    if (!recorded) return recorded.error();
    stamps = std::move(*recorded);
  }
  FinishedRun run;
  run.spec = *spec;
  run.replay = std::make_shared<const Replay>(*spec, stamps, std::nullopt, threads);
  run.walker = WalkRun(std::move(*spec), std::move(stamps), threads);
  run.ledger = std::move((*ledger)[destination]);
  run.arrivals = Arrivals(run.ledger);
  return run;
}

namespace {

// From summary.json, what the ledger does not hold; for notes only, so nothing where it is not
// there.
struct SummaryFacts {
  std::uint64_t possible_duplicates = 0;
  std::string plan_held_back;  // why the plan was not offered as planned; "" when it was
};

SummaryFacts ReadSummaryFacts(const std::string& run_dir, std::size_t destination) {
  SummaryFacts facts;
  const std::string file = run_dir + "/summary.json";
  const Result<std::string> text = ReadWholeFile(file, kMostSummaryBytes);
  if (!text) return facts;
  simdjson::dom::parser parser;
  simdjson::dom::element summary;
  if (parser.parse(*text).get(summary) != simdjson::SUCCESS) return facts;
  const std::string at = "/destinations/" + std::to_string(destination);
  std::uint64_t twice = 0;
  if (summary.at_pointer(at + "/counters/possible_duplicates").get(twice) == simdjson::SUCCESS) {
    facts.possible_duplicates = twice;
  }
  double planned = 0;
  bool playload = false;
  bool there = false;
  std::string_view why;
  if (summary.at_pointer(at + "/planned_per_second").get(planned) == simdjson::SUCCESS &&
      summary.at_pointer(at + "/bottleneck/playload").get(playload) == simdjson::SUCCESS &&
      summary.at_pointer(at + "/bottleneck/destination").get(there) == simdjson::SUCCESS &&
      summary.at_pointer(at + "/bottleneck/why").get(why) == simdjson::SUCCESS &&
      (playload || there)) {
    facts.plan_held_back = why;
  }
  return facts;
}

}  // namespace

std::size_t DestinationFor(const Manifest& manifest, const std::string& from) {
  const auto& all = manifest.destinations;
  const auto index_of = [&](auto good) {
    return static_cast<std::size_t>(std::find_if(all.begin(), all.end(), good) - all.begin());
  };
  std::size_t index = index_of([&](const ManifestDestination& d) { return d.to == from; });
  if (index == all.size()) {
    const std::string scheme = from.substr(0, from.find(':') + 1);
    index = index_of(
        [&](const ManifestDestination& d) { return d.to.substr(0, scheme.size()) == scheme; });
  }
  return index == all.size() ? 0 : index;
}

// Number -> lane as the encoder numbers them, lane -> shard as layout.h gives them out.
OwnNumber OwnNumbersOf(const RunSpec& spec) {
  if (spec.shards <= 1) return {};
  const Model model(spec.scenario, spec.seed);
  return [players = spec.scenario.population.players, lane_players = model.lane_players(),
          servers_per_lane = model.servers_per_lane(), shard = spec.shard,
          shards = spec.shards](bool server, std::uint64_t number) {
    if (number == 0) return false;
    const std::uint64_t lane =
        server ? (number - 1) / servers_per_lane : (number - 1) % players / lane_players;
    return lane % shards == shard;
  };
}

Result<JudgedRun> OpenJudgedRun(const std::string& run_dir, const std::string& from,
                                const std::string& fed_by) {
  Result<Manifest> manifest = ReadManifest(run_dir);
  if (!manifest) return manifest.error();
  JudgedRun run{std::move(*manifest), {}};
  if (run.manifest.destinations.empty()) {
    return Invalid(run_dir + "/manifest.json: the run had no destination");
  }
  if (run.manifest.spec.shards > 1 && run.manifest.spec.scenario.compat) {
    return Invalid(
        "the players of compat are in every shard at once: a shard alone cannot be verified");
  }
  if (fed_by.empty()) {
    run.fed_by.destination = DestinationFor(run.manifest, from);
    return run;
  }
  const Result<FedBy> found = FindFedBy(run.manifest, fed_by);
  if (!found) return found.error();
  run.fed_by = *found;
  return run;
}

void AddRunNotes(const std::string& run_dir, const FedBy& fed_by, const FinishedRun& run,
                 std::vector<std::string>* notes) {
  const auto count = [&run](Fate fate) { return run.ledger.total(fate); };
  const std::uint64_t lost = count(Fate::kFailed) + count(Fate::kShed);
  if (lost > 0) {
    notes->push_back(FormatCount(lost) +
                     " events failed or were shed: what they would cause is not expected");
  }
  if (count(Fate::kUnknown) > 0) {
    notes->push_back("of " + FormatCount(count(Fate::kUnknown)) +
                     " events it is not known whether they arrived: what comes of them is "
                     "counted as may");
  }
  if (fed_by.polled) {
    notes->push_back(
        FormatCount(run.ledger.total_generated()) +
        " polled events, taken as arrived: an answer that its client did not read to the end "
        "counts too");
    return;
  }
  const SummaryFacts summary = ReadSummaryFacts(run_dir, fed_by.destination);
  if (!summary.plan_held_back.empty()) {
    notes->push_back("the run did not offer its plan (" + summary.plan_held_back +
                     "): this says what the pipeline answered, not that it did so under "
                     "the planned load");
  }
  if (summary.possible_duplicates > 0) {
    notes->push_back(
        "playload itself may have written up to " + FormatCount(summary.possible_duplicates) +
        " events twice after its Kafka producer failed; a pipeline that counts them twice is not "
        "to blame, and --inputs shows which they are");
  }
  if (run.ledger.coarse) {
    notes->emplace_back(
        "the ledger is coarse: near what failed, acknowledged events are not judged either");
  }
}

HistoryTopics TopicsOf(const ManifestDestination& destination) {
  HistoryTopics topics;
  topics.names = destination.topics;
  for (std::size_t k = 0; k < kKinds; ++k) {
    const auto offsets = destination.start_offsets.find(topics.names[k]);
    if (offsets == destination.start_offsets.end()) continue;
    topics.partitions[k] = static_cast<std::uint32_t>(offsets->second.size());
  }
  return topics;
}

Result<JudgedRun> OpenFinishedRun(const std::string& run_dir, const std::string& fed_by) {
  Result<Manifest> manifest = ReadManifest(run_dir);
  if (!manifest) return manifest.error();
  if (!manifest->finished) {
    return Invalid(run_dir + ": the run is not over, so its events are not known yet");
  }
  JudgedRun run{std::move(*manifest), {}};
  if (!fed_by.empty()) {
    const Result<FedBy> found = FindFedBy(run.manifest, fed_by);
    if (!found) return found.error();
    run.fed_by = *found;
  }
  return run;
}

}  // namespace playload
