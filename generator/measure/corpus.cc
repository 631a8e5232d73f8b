#include "generator/measure/corpus.h"

#include <algorithm>

#include "generator/base/system.h"
#include "generator/encode/dataflow.h"
#include "generator/stream/stream.h"

namespace playload {
namespace {

// 256 batches are 262,144 events: 4 MiB of records, more than the caches that matter here.
constexpr std::size_t kBatches = 256;
// In the first events of a stream everybody begins a session.
constexpr std::uint64_t kSkippedEvents = 1'000'000;

}  // namespace

Result<std::unique_ptr<Corpus>> Corpus::Make(const RunSpec& spec, const std::atomic<bool>& stop) {
  std::unique_ptr<Corpus> corpus(new Corpus(spec));
  StampLog stamps(UtcNow);
  StreamOptions options;
  options.records = true;
  options.stamps = &stamps;
  Stream stream(spec, options);
  if (Status s = stream.Start(); !s.ok()) return s;
  corpus->records_.reserve(kBatches * kBatchEvents);
  const std::int64_t begun = SteadyNow();
  for (std::uint64_t skipped = 0; corpus->batches_.size() < kBatches;) {
    if (stop.load(std::memory_order_relaxed)) return Status(Code::kInterrupted, "interrupted");
    Batch* const batch = stream.Next();
    if (skipped < std::max<std::uint64_t>(kSkippedEvents, corpus->settled())) {
      if (skipped <= corpus->settled()) corpus->settling_ns_ = SteadyNow() - begun;
      skipped += batch->count;
    } else {
      corpus->batches_.push_back(
          {corpus->records_.size(), batch->count, batch->runs, batch->stamp_ns});
      corpus->records_.insert(corpus->records_.end(), batch->records.begin(),
                              batch->records.begin() + batch->count);
    }
    stream.Recycle(batch);
  }
  TimestampCursor time = corpus->NewCursor();
  std::vector<char> buffer = corpus->NewBuffer();
  std::size_t next = 0;
  std::size_t bytes = 0;
  for (std::size_t b = 0; b < kBatches; ++b) {
    bytes += corpus->EncodeNext(time, &next, &buffer).bytes;
  }
  corpus->bytes_per_event_ =
      static_cast<double>(bytes) / static_cast<double>(corpus->records_.size());
  return corpus;
}

Corpus::Encoded Corpus::EncodeNext(TimestampCursor& time, std::size_t* batch,
                                   std::vector<char>* buffer) const {
  const Piece& piece = batches_[*batch];
  *batch = (*batch + 1) % batches_.size();
  time.Fix(piece.stamp_ns);
  DataflowEncoder::Output out{};
  for (std::size_t k = 0; k < kKinds; ++k) out.begin[k] = out.end[k] = buffer->data();
  for (std::uint32_t done = 0; done < piece.count; done += kRunLength) {
    const Position first = piece.runs[done / kRunLength];
    tables_.encoder.EncodeRun(&records_[piece.record + done],
                              std::min<std::uint32_t>(kRunLength, piece.count - done),
                              first / kRunLength % tables_.model.lanes(), first, time, false, &out);
  }
  return {piece.count, static_cast<std::size_t>(out.end[0] - out.begin[0])};
}

TimestampCursor Corpus::NewCursor() const {
  return {tables_.plan, tables_.spec.start_ns, tables_.spec.timestamp_form};
}

std::vector<char> Corpus::NewBuffer() const {
  return std::vector<char>(std::size_t{kBatchEvents} * kMaxLine + kSlack);
}

std::string Corpus::Lines(std::size_t batches) const {
  std::string lines;
  TimestampCursor time = NewCursor();
  std::vector<char> buffer = NewBuffer();
  std::size_t next = 0;
  for (std::size_t b = 0; b < batches; ++b) {
    lines.append(buffer.data(), EncodeNext(time, &next, &buffer).bytes);
  }
  return lines;
}

}  // namespace playload
