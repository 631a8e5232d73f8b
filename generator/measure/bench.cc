#include "generator/measure/bench.h"

#include <strings.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "generator/base/scratch_folder.h"
#include "generator/base/system.h"
#include "generator/base/text.h"
#include "generator/measure/corpus.h"
#include "generator/measure/curve.h"
#include "generator/measure/plain_writer.h"
#include "generator/measure/report.h"
#include "generator/measure/trial.h"
#include "generator/measure/yardstick.h"
#include "generator/run/run_clock.h"
#include "generator/stream/stream.h"

namespace playload {
namespace {

constexpr int kSlices = 8;
// Of a stage's time: what is left out at its beginning.
constexpr std::int64_t kWarmPart = 5;
// The yardstick is measured again before every stage, so that it sees the machine's moods too.
constexpr std::int64_t kYardstickPart = 16;
constexpr std::size_t kYardstickBatches = 2;
constexpr std::int64_t kSimulatedEveryNs = 100'000;  // between two points of the curve
constexpr std::size_t kEncodedAtOnce = 4;            // batches between two looks at the clock
// Pipe and files: so many pairs of a run and a plain loop.
constexpr int kPairs = 3;
// Files: what is written at first, to learn how much they can be, and the bounds of that.
constexpr std::uint64_t kFirstFileBytes = std::uint64_t{8} << 20;
constexpr std::uint64_t kMostFileBytes = std::uint64_t{512} << 20;
// Never more than this part of what is free.
constexpr std::uint64_t kFreePart = 8;

Status Interrupted() { return {Code::kInterrupted, "interrupted"}; }

// Works until the time is up, `work` by `work`, and adds it as a slice.
template <typename Work>
Status AddSlice(std::int64_t ns, const std::atomic<bool>& stop, Figures* figures, Work work) {
  const std::int64_t begun = SteadyNow();
  const std::int64_t cpu_begun = ProcessCpuNow();
  std::uint64_t events = 0;
  std::int64_t now = begun;
  while (now < begun + ns) {
    if (stop.load(std::memory_order_relaxed)) return Interrupted();
    events += work();
    now = SteadyNow();
  }
  figures->Add(events, now - begun, ProcessCpuNow() - cpu_begun);
  return {};
}

class Bench {
 public:
  Bench(const BenchOptions& options, const std::atomic<bool>& stop)
      : options_(options), stop_(stop) {}

  Result<BenchReport> Do();

 private:
  Status Prepare();
  Status MeasureYardstick(std::int64_t ns);
  Status Simulate(Figures* row);
  Status Encode(Figures* row);
  Status Generate(Figures* row);
  Status Pipe(Figures* row);
  Status Files(Figures* row);
  Status Kafka(const Address& address, Figures* row);

  // Measures a row: the yardstick before it, the load beside it. An error that is the stage's own
  // stays in the row.
  template <typename Measure>
  Status Row(BenchStage stage, std::string label, int threads, Measure measure);
  // Of what is measured alone, to explain the rest: half a stage's time is enough.
  [[nodiscard]] std::int64_t HalfStage() const { return options_.stage_ns / 2; }
  [[nodiscard]] RunSpec AsFastAsItGoes() const;
  // A run to one destination, as fast as it goes, without an end.
  [[nodiscard]] RunOptions RunTo(const Address& address);
  [[nodiscard]] SampleOptions Sampling() const;
  [[nodiscard]] double BytesPerSecond(const Figures& row) const;

  const BenchOptions& options_;
  const std::atomic<bool>& stop_;
  BenchReport report_;
  std::optional<ScratchFolder> files_;  // in the folder that is measured
  std::optional<ScratchFolder> runs_;   // run directories
  int run_dirs_ = 0;
  std::unique_ptr<Corpus> corpus_;
  std::string lines_;  // of the corpus, for the plain loops
  std::optional<Yardstick> yardstick_;
  Figures yardstick_row_;
};

Result<BenchReport> Bench::Do() {
  if (Status s = Prepare(); !s.ok()) return s;
  const RunOptions& run = options_.run;
  // Who has given a Kafka that is not there, or lacks a topic, learns it first.
  std::vector<Figures> given;
  for (const Address& address : run.to) {
    Status s = Row(BenchStage::kKafka, address.text, run.threads,
                   [&](Figures* row) { return Kafka(address, row); });
    const Status& failed = report_.rows.back().status;
    if (s.ok() && (failed.code() == Code::kUnreachable || failed.code() == Code::kInvalid)) {
      s = failed;
    }
    if (!s.ok()) return s;
    given.push_back(std::move(report_.rows.back()));
    report_.rows.pop_back();
  }

  std::vector<int> workers = {1};
  if (const int scaled = ScaledThreads(run.threads, report_.machine.cores); scaled > 1) {
    workers.push_back(scaled);
  }
  Status s = Row(BenchStage::kSimulate, "simulate", 1, [&](Figures* row) { return Simulate(row); });
  if (s.ok()) {
    s = Row(BenchStage::kEncode, "encode", 1, [&](Figures* row) { return Encode(row); });
  }
  for (const int n : workers) {
    if (!s.ok()) break;
    s = Row(BenchStage::kGenerate,
            "generate, " + std::to_string(n) + (n == 1 ? " thread" : " threads"), n,
            [&](Figures* row) { return Generate(row); });
  }
  if (s.ok()) {
    s = Row(BenchStage::kPipe, "into a pipe", run.threads, [&](Figures* row) { return Pipe(row); });
  }
  if (s.ok()) {
    s = Row(BenchStage::kFile, "into files", run.threads, [&](Figures* row) { return Files(row); });
  }
  if (s.ok()) {
    Result<Address> embedded = ParseAddress("kafka://embedded");
    if (!embedded) return embedded.error();
    s = Row(BenchStage::kEmbeddedKafka, "embedded Kafka", run.threads,
            [&](Figures* row) { return Kafka(*embedded, row); });
  }
  if (s.ok()) s = MeasureYardstick(options_.stage_ns / kYardstickPart);
  if (!s.ok()) return s;
  report_.rows.insert(report_.rows.begin(), std::move(yardstick_row_));
  for (Figures& row : given) report_.rows.push_back(std::move(row));
  return std::move(report_);
}

Status Bench::Prepare() {
  report_.machine = ReadMachineFacts();
  Result<ScratchFolder> files = ScratchFolder::MakeIn(options_.folder);
  if (!files) return files.error();
  files_.emplace(std::move(*files));
  Result<ScratchFolder> runs = ScratchFolder::MakeInMemory();
  if (!runs) return runs.error();
  runs_.emplace(std::move(*runs));

  Result<std::unique_ptr<Corpus>> corpus = Corpus::Make(AsFastAsItGoes(), stop_);
  if (!corpus) return corpus.error();
  corpus_ = std::move(*corpus);
  lines_ = corpus_->Lines(8);
  Result<Yardstick> yardstick = Yardstick::Make(corpus_->Lines(kYardstickBatches));
  if (!yardstick) return yardstick.error();
  yardstick_.emplace(std::move(*yardstick));
  yardstick_row_.stage = BenchStage::kYardstick;
  yardstick_row_.label = "RapidJSON's Writer";
  yardstick_row_.bytes_per_event = corpus_->bytes_per_event();
  Figures warm_up;
  return AddSlice(options_.stage_ns / kYardstickPart, stop_, &warm_up,
                  [&] { return yardstick_->WriteAll(); });
}

// Twice half of the time.
Status Bench::MeasureYardstick(std::int64_t ns) {
  Figures& row = yardstick_row_;
  const LoadWatch load;
  const std::int64_t cpu_begun = ThreadCpuNow();
  const std::int64_t wall_begun = SteadyNow();
  for (int i = 0; i < 2; ++i) {
    if (Status s = AddSlice(ns / 2, stop_, &row, [&] { return yardstick_->WriteAll(); }); !s.ok()) {
      return s;
    }
  }
  row.load.Add(load.SoFar());
  const auto wall = static_cast<double>(SteadyNow() - wall_begun);
  const double waited = 1 - static_cast<double>(ThreadCpuNow() - cpu_begun) / wall;
  row.waited = std::max(row.waited.value_or(0), std::max(0.0, waited));
  return {};
}

template <typename Measure>
Status Bench::Row(BenchStage stage, std::string label, int threads, Measure measure) {
  if (Status s = MeasureYardstick(options_.stage_ns / kYardstickPart); !s.ok()) return s;
  Figures row;
  row.stage = stage;
  row.label = std::move(label);
  row.threads = threads;
  if (stage != BenchStage::kSimulate) row.bytes_per_event = corpus_->bytes_per_event();
  const LoadWatch load;
  Status s = measure(&row);
  row.load = load.SoFar();
  if (stop_.load()) return Interrupted();
  if (s.code() == Code::kInternal) return s;
  if (!s.ok()) row.slices.clear();  // half of the figures would look like all of them
  row.status = std::move(s);
  if (options_.log) options_.log(RowLine(row));
  report_.rows.push_back(std::move(row));
  return {};
}

RunSpec Bench::AsFastAsItGoes() const {
  RunSpec spec = options_.run.spec;
  spec.rate_max = true;
  spec.end = RunSpec::kNoEnd;
  return spec;
}

RunOptions Bench::RunTo(const Address& address) {
  RunOptions run = options_.run;
  run.spec = AsFastAsItGoes();
  run.start_given = false;
  run.to = {address};
  run.run_dir = runs_->path() + "/run-" + std::to_string(++run_dirs_);
  return run;
}

SampleOptions Bench::Sampling() const {
  SampleOptions options;
  options.settling_ns = corpus_->settling_ns() * 5 / 4;
  options.lasts_ns = options_.stage_ns;
  options.warm_events = corpus_->settled();
  options.warm_ns = options_.stage_ns / kWarmPart;
  options.slices = kSlices;
  return options;
}

double Bench::BytesPerSecond(const Figures& row) const {
  return row.events_per_second().median * corpus_->bytes_per_event();
}

// A stream that encodes nothing: simulating, oracle and digest.
Status Bench::Simulate(Figures* row) {
  const RunSpec spec = AsFastAsItGoes();
  StampLog stamps(UtcNow);
  StreamOptions stream_options;
  stream_options.records = true;
  stream_options.stamps = &stamps;
  Stream stream(spec, stream_options);
  if (Status s = stream.Start(); !s.ok()) return s;
  std::vector<CurvePoint> curve;
  CurvePoint point;
  // Longer than planned where the tiles take so long.
  for (std::int64_t ns = HalfStage();; ns *= 2) {
    std::int64_t begun = 0;
    curve.clear();
    do {
      if (stop_.load(std::memory_order_relaxed)) return Interrupted();
      const std::int64_t asked = SteadyNow();
      Batch* const batch = stream.Next();
      const std::int64_t got = SteadyNow();
      if (begun == 0 && point.events >= corpus_->settled()) begun = got;
      if (begun > 0 && got >= begun + ns / kWarmPart) {
        const std::int64_t noted = curve.empty() ? 0 : point.at_ns;
        // The two ends of a time in which nothing came; else now and then.
        if (!curve.empty() && got - asked >= kSimulatedEveryNs) {
          point.at_ns = asked;
          curve.push_back(point);
        }
        if (got - noted >= kSimulatedEveryNs) {
          point.at_ns = got;
          point.cpu_ns = ProcessCpuNow();
          curve.push_back(point);
        }
      }
      point.events += batch->count;
      stream.Recycle(batch);
    } while (begun == 0 || SteadyNow() < begun + ns);
    if (IsTelling(curve, kSlices) || ns >= LongestNs(HalfStage())) {
      return AddCurve(curve, kSlices, row);
    }
  }
}

Status Bench::Encode(Figures* row) {
  TimestampCursor time = corpus_->NewCursor();
  std::vector<char> buffer = corpus_->NewBuffer();
  std::size_t next = 0;
  const auto work = [&] {
    std::uint64_t events = 0;
    for (std::size_t i = 0; i < kEncodedAtOnce; ++i) {
      events += corpus_->EncodeNext(time, &next, &buffer).events;
    }
    return events;
  };
  const std::int64_t warm_ns = HalfStage() / kWarmPart;
  Figures warm_up;
  if (Status s = AddSlice(warm_ns, stop_, &warm_up, work); !s.ok()) return s;
  const std::int64_t cpu_begun = ThreadCpuNow();
  for (int i = 0; i < kSlices; ++i) {
    if (Status s = AddSlice((HalfStage() - warm_ns) / kSlices, stop_, row, work); !s.ok()) return s;
  }
  const auto cpu = static_cast<double>(ThreadCpuNow() - cpu_begun);
  row->waited = std::max(0.0, 1 - cpu / static_cast<double>(row->wall_ns));
  return {};
}

Status Bench::Generate(Figures* row) {
  Result<Address> null = ParseAddress("null");
  if (!null) return null.error();
  RunOptions run = RunTo(*null);
  run.threads = row->threads;
  return RunSampled(run, Sampling(), stop_, row);
}

// Pairs of a run whose standard output is a pipe and a plain loop into a pipe like it. A pipe each:
// how fast writer and reader get along is settled by where the kernel puts them, and stays so.
Status Bench::Pipe(Figures* row) {
  Result<Address> out = ParseAddress("stdout");
  if (!out) return out.error();
  SampleOptions sampling = Sampling();
  sampling.lasts_ns = options_.stage_ns * 2 / 3 / kPairs;
  sampling.warm_ns = sampling.lasts_ns / kWarmPart;
  sampling.slices = (kSlices + kPairs - 1) / kPairs;
  std::vector<double> plain;
  for (int i = 0; i < kPairs; ++i) {
    Result<std::unique_ptr<DrainedPipe>> pipe = DrainedPipe::Make();
    if (!pipe) return pipe.error();
    {
      const StdoutElsewhere elsewhere((*pipe)->write_end());
      if (!elsewhere.status().ok()) return elsewhere.status();
      sampling.pipe = pipe->get();
      if (Status s = RunSampled(RunTo(*out), sampling, stop_, row); !s.ok()) return s;
    }
    // The transport may have made it larger.
    const int capacity = (*pipe)->capacity();
    for (int slice = 0; slice < sampling.slices; ++slice) {
      pipe = DrainedPipe::Make(capacity);
      if (!pipe) return pipe.error();
      const std::int64_t begun = SteadyNow();
      const Result<std::uint64_t> bytes =
          (*pipe)->PlainWrite(lines_, options_.stage_ns / 3 / kPairs / sampling.slices, stop_);
      if (!bytes) return bytes.error();
      plain.push_back(static_cast<double>(*bytes) * 1e9 / static_cast<double>(SteadyNow() - begun));
    }
  }
  row->plain = PlainLoop{SpreadOf(std::move(plain))};
  return {};
}

// Pairs of a run into files and a plain loop of as many bytes. All of them wait for the disk: what
// the page cache takes for a moment holds no plan for long.
Status Bench::Files(Figures* row) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(files_->path(), error);
  report_.free_bytes = error ? 0 : space.available;
  const std::uint64_t most = std::min(kMostFileBytes, report_.free_bytes / kFreePart);
  if (most < kFirstFileBytes) {
    return {Code::kDestination, options_.folder + ": only " + FormatBytes(report_.free_bytes) +
                                    " are free there; name another place with --dir"};
  }
  Result<Address> to = ParseAddress("file:" + files_->path() + "/events");
  if (!to) return to.error();
  const auto write = [&](std::uint64_t bytes, Figures* figures) {
    RunOptions run = RunTo(*to);
    run.spec.end = corpus_->settled() +
                   static_cast<Position>(static_cast<double>(bytes) / corpus_->bytes_per_event());
    Status s = RunWhole(std::move(run), corpus_->settled(), stop_, figures);
    std::filesystem::remove_all(to->folder, error);
    return s;
  };
  Figures first;
  if (Status s = write(kFirstFileBytes, &first); !s.ok()) return s;
  const double seconds =
      static_cast<double>(options_.stage_ns) / 1e9 / (2 * static_cast<double>(kPairs));
  const std::uint64_t bytes = std::clamp(
      static_cast<std::uint64_t>(seconds * BytesPerSecond(first)), kFirstFileBytes, most);
  std::vector<double> plain;
  for (int i = 0; i < kPairs; ++i) {
    if (Status s = write(bytes, row); !s.ok()) return s;
    const Result<std::int64_t> ns = PlainWriteFile(files_->path() + "/plain", lines_, bytes, stop_);
    if (!ns) return ns.error();
    plain.push_back(static_cast<double>(bytes) * 1e9 / static_cast<double>(*ns));
  }
  row->plain = PlainLoop{SpreadOf(std::move(plain))};
  return {};
}

Status Bench::Kafka(const Address& address, Figures* row) {
  RunOptions run = RunTo(address);
  if (address.kafka.embedded) {
    // The broker in this process speaks neither TLS nor SASL.
    const std::string protocol = run.destinations.kafka.Get("security.protocol");
    if (!protocol.empty() && strcasecmp(protocol.c_str(), "plaintext") != 0) {
      run.destinations.kafka = KafkaSettings();
    }
  }
  return RunSampled(run, Sampling(), stop_, row);
}

}  // namespace

Result<BenchReport> RunBench(const BenchOptions& options, const std::atomic<bool>& stop) {
  return Bench(options, stop).Do();
}

int ScaledThreads(int threads, int cores) {
  return threads > 1 ? threads : std::min(2, std::max(1, cores));
}

}  // namespace playload
