// Rerunner: one attempt of a shrinking: makes a candidate's events, lets the user's pipeline answer
// to them, and verifies what it put out.
//
// Files: each attempt has a folder of its own, with events/, outputs/, run/ and output.txt, which
// is what the command printed. Kafka: each has topics of its own besides, made before the command
// and deleted after it. Events never wait for their instants. The command learns where things are
// from its environment (docs/shrink.md).
//
// Threads: one attempt at a time, in the caller's thread, with those of a run and a verification;
// `stop` may be set by any other. Errors: kInterrupted (`stop`), and what makes further attempts
// useless: a full disk, a Kafka that is not there. A command that fails is no error.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/base/status.h"
#include "generator/shrink/candidate.h"
#include "generator/shrink/pipeline_command.h"
#include "generator/stream/spec.h"
#include "generator/verify/verify.h"

namespace playload {

struct RerunOptions {
  RunSpec spec;  // of the run; scenario and end are those of the candidate
  // What files and topics are called, by their usual names: those of the run and of --topic.
  std::map<std::string, std::string> names;
  std::string command;
  std::chrono::milliseconds timeout{60'000};
  // What is verified, and how; where it is, is the attempt's. `from` says which kind: files or
  // Kafka.
  VerifyOptions verify;
  int partitions = 1;  // of the topics of an attempt
  std::string folder;  // exists
  bool keep = false;   // the folders and topics of all attempts
  int threads = 1;
};

// "PLAYLOAD_TOPIC_FRAUD_ALERTS": the variable that has the name of a topic in Kafka.
std::string TopicVariable(std::string_view usual);

// Where a command finds what it needs.
using Variables = std::vector<std::pair<std::string, std::string>>;

struct Attempt {
  CommandEnd end;
  bool wrote_outputs = false;  // anything at all
  std::vector<std::string>
      not_there;     // files of outputs that the command did not make: as if empty
  std::string said;  // the last lines that the command printed
  std::optional<Verification> verification;  // where the command ended well
};

class Rerunner {
 public:
  explicit Rerunner(RerunOptions options);

  Result<Attempt> Run(const Candidate& candidate, const std::atomic<bool>& stop);

  // What is verified, and what is sent, by their usual names.
  [[nodiscard]] std::vector<std::string> Outputs() const;
  static std::vector<std::string> Inputs();

 private:
  struct Place;  // of one attempt
  [[nodiscard]] std::string NameOf(const std::string& usual) const;
  Status MakeEvents(const Candidate& candidate, const Place& place,
                    const std::atomic<bool>& stop) const;
  [[nodiscard]] Variables VariablesOf(const Place& place) const;
  Status LookAtFiles(const Place& place, Attempt* attempt) const;
  Result<Verification> VerifyOutputs(const Place& place, const std::atomic<bool>& stop) const;

  const RerunOptions options_;
  std::string brokers_;  // Kafka
  std::uint64_t attempts_ = 0;
};

}  // namespace playload
