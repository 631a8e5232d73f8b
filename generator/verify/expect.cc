#include "generator/verify/expect.h"

#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "generator/judge/history.h"
#include "generator/replay/expectation.h"
#include "generator/replay/fault_lines.h"
#include "generator/verify/finished_run.h"
#include "generator/verify/locate.h"

namespace playload {

Result<OutputKind> ParseOutputKind(std::string_view name) {
  for (int i = 0; i < kOutputKinds; ++i) {
    if (name == kOutputNames[i]) return static_cast<OutputKind>(i);
  }
  const std::vector<std::string> names(kOutputNames, kOutputNames + kOutputKinds);
  return Invalid("'" + std::string(name) + "' is no output" + DidYouMean(name, names));
}

Status Expect(const std::string& run_dir, const std::string& fed_by, std::optional<OutputKind> only,
              int threads, const std::function<bool(std::string_view lines)>& sink) {
  ExpectOptions options;
  options.run_dir = run_dir;
  options.fed_by = fed_by;
  options.only = only;
  options.threads = threads;
  return Expect(options, std::atomic<bool>(false), sink);
}

Status Expect(const ExpectOptions& options, const std::atomic<bool>& stop,
              const std::function<bool(std::string_view lines)>& sink) {
  const Result<JudgedRun> judged = OpenFinishedRun(options.run_dir, options.fed_by);
  if (!judged) return judged.error();
  const FedBy& from = judged->fed_by;
  const Result<FinishedRun> run = LoadRun(options.run_dir, from, options.threads);
  if (!run) return run.error();
  const Replay& replay = *run->replay;
  const std::string& prefix = run->spec.id_prefix;
  if (options.slice.whole() && options.what == ExpectOptions::What::kOutputs) {
    return WriteExpected(replay, run->arrivals, prefix, options.only, sink);
  }
  std::optional<Checkpoints> checkpoints;
  if (!from.polled && run->spec.scenario.faults.empty()) {
    checkpoints.emplace(options.run_dir, run->spec, replay.tables().model);
  }
  Checkpoints* const usable = checkpoints ? &*checkpoints : nullptr;
  const ManifestDestination& destination = judged->manifest.destinations[from.destination];
  Status made;
  switch (options.what) {
    case ExpectOptions::What::kOutputs:
      made = WriteSliceExpected(replay, run->arrivals, options.slice, usable, prefix, options.only,
                                sink);
      break;
    case ExpectOptions::What::kEvents:
      made =
          WriteSliceEvents(replay, run->arrivals, options.slice, usable, destination.topics, sink);
      break;
    case ExpectOptions::What::kHistory: {
      LocateEvents locate;
      if (!options.locate.empty()) {
        const Result<KafkaAddress> address = ParseKafkaUrl(options.locate);
        if (!address) return address.error();
        locate = [&, brokers = address->brokers](const std::vector<HistoryEvent*>& events) {
          return Locate(LocateSourceFor(destination, brokers, options.settings,
                                        options.connect_timeout, options.topics),
                        events, options.log, stop);
        };
      }
      made = WriteSliceHistory(replay, run->arrivals, options.slice, usable, TopicsOf(destination),
                               prefix, options.only, locate, sink);
      break;
    }
  }
  for (std::size_t i = 0; options.log && checkpoints && i < checkpoints->notes().size(); ++i) {
    options.log(checkpoints->notes()[i]);
  }
  return made;
}

Status ExpectFaults(const std::string& run_dir, const std::string& fed_by, int threads,
                    const std::function<bool(std::string_view lines)>& sink) {
  const Result<JudgedRun> judged = OpenFinishedRun(run_dir, fed_by);
  if (!judged) return judged.error();
  const Result<FinishedRun> run = LoadRun(run_dir, judged->fed_by, threads);
  if (!run) return run.error();
  return WriteFaults(*run->replay, run->arrivals, run->ledger.topics, sink);
}

}  // namespace playload
