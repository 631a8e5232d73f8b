// `verify --shrink`: what its flags mean, and the shrinking after a verification that failed.
//
// Threads: main thread. Errors: kInvalid naming the flag; of shrinking those of shrink_failure.h.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "generator/base/status.h"
#include "generator/cli/flags.h"
#include "generator/run/progress.h"
#include "generator/verify/verify.h"

namespace playload {

struct ShrinkRequest {
  std::string file;
  std::string command;
  std::chrono::milliseconds timeout{60'000};
  std::string failure;  // "": the most frequent one
  std::uint64_t attempts = 200;
  std::string keep;
};

// Absent without --shrink. Refuses what could not be written, before anything is verified.
Result<std::optional<ShrinkRequest>> ReadShrinkFlags(const Flags& flags);

// `flags` and `verified`: of the verification whose verdict this is. Where that failed and
// shrinking went well, the verification's own error is returned.
Status ShrinkAfter(const ShrinkRequest& request, const Flags& flags, const VerifyOptions& verified,
                   const Verdict& verdict, const std::atomic<bool>& stop, Progress* progress);

}  // namespace playload
