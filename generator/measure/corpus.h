// Corpus: some hundred thousand consecutive events of a spec's stream as records, from where its
// players have settled in, to measure the encoder and the yardstick alone.
//
// Threads: constant after Make(). Ownership: neither copied nor moved (the encoder points into it).
// Memory: some 5 MB.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/stream/spec.h"
#include "generator/stream/tables.h"

namespace playload {

class Corpus {
 public:
  // kInternal without memory, kInterrupted when `stop` was set. REQUIRES: rate max, one shard.
  static Result<std::unique_ptr<Corpus>> Make(const RunSpec& spec, const std::atomic<bool>& stop);

  // Encodes the next batch, after the last one again the first; its lines are in lines() then.
  // `time` is one of NewCursor(). Returns how many events it has.
  struct Encoded {
    std::uint32_t events;
    std::size_t bytes;
  };
  Encoded EncodeNext(TimestampCursor& time, std::size_t* batch, std::vector<char>* buffer) const;
  [[nodiscard]] TimestampCursor NewCursor() const;
  // Room for the lines of one batch.
  [[nodiscard]] std::vector<char> NewBuffer() const;

  // The lines of the first batches, each with its '\n'.
  [[nodiscard]] std::string Lines(std::size_t batches) const;
  // From here on every lane of a stream has come to life, which for 100 million players takes
  // longer than the events themselves; and how long one thread was busy up to there.
  [[nodiscard]] Position settled() const { return tables_.model.lanes() * kRunLength; }
  [[nodiscard]] std::int64_t settling_ns() const { return settling_ns_; }
  // Mean length of a line.
  [[nodiscard]] double bytes_per_event() const { return bytes_per_event_; }
  [[nodiscard]] std::size_t batches() const { return batches_.size(); }

 private:
  struct Piece {         // of one batch of the stream
    std::size_t record;  // the first one
    std::uint32_t count;
    std::vector<Position> runs;
    std::int64_t stamp_ns;
  };
  explicit Corpus(const RunSpec& spec) : tables_(spec) {}

  StreamTables tables_;
  std::vector<Record> records_;
  std::vector<Piece> batches_;
  std::int64_t settling_ns_ = 0;
  double bytes_per_event_ = 0;
};

}  // namespace playload
