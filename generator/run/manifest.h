// manifest.json: all that is needed to make a run's events again, and where they were sent. Written
// when the run starts and again, with the end and the digests, when it is over. Beside it, under
// `--rate max`, stamps.bin: the instants of the batches.
//
// Threads: pure functions and value types. Errors: kInvalid naming the file and what would be
// right.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/base/status.h"
#include "generator/stream/spec.h"

namespace playload {

struct ManifestDestination {
  std::string to;                          // as shown to people, without secrets
  std::array<std::string, kKinds> topics;  // what each kind is called there
  std::map<std::string, std::vector<std::int64_t>> start_offsets;  // Kafka: of each partition
  // Events before this position were handed to the destination. Less than the run's own end after
  // Ctrl-C or a failure. Unknown while the run goes on.
  std::optional<Position> end;
  // Of the events before `end`. Unknown while the run goes on, and after an interruption that left
  // no time to work it out.
  std::optional<std::uint64_t> digest;
  // HTTP: how many events of each kind the polled endpoints handed out: always the first ones of
  // their kind. Unknown while the run goes on.
  std::optional<std::array<std::uint64_t, kKinds>> polled;
};

struct Manifest {
  std::string run_id;
  RunSpec spec;
  bool finished = false;  // ends and digests are final
  // What the run leaves for slices (docs/slices.md): "on", or "none: " and why. For people.
  std::string checkpoints;
  std::vector<ManifestDestination> destinations;
};

std::string ManifestJson(const Manifest& manifest);
// `file` is for messages.
Result<Manifest> ParseManifest(const std::string& file, std::string_view json);

Status WriteManifest(const std::string& run_dir, const Manifest& manifest);
Result<Manifest> ReadManifest(const std::string& run_dir);

// The spec of what destination number `destination` was sent: its end is the place where that
// destination's events ended.
Result<RunSpec> SpecFromManifest(const std::string& run_dir, std::size_t destination = 0);

// stamps.bin, which a StampLog writes.
std::string StampsFile(const std::string& run_dir);
Result<std::vector<std::int64_t>> ReadStamps(const std::string& run_dir);

}  // namespace playload
