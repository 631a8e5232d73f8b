// ScratchFolder: a folder of our own for as long as this lives, removed with all that is in it.
// Only SIGKILL leaves it behind; its name says whose it is: playload-bench-XXXXXX.
//
// Threads: one owner. Errors: kInvalid where another place must be named, kDestination where the
// place failed us.

#pragma once

#include <string>

#include "generator/base/status.h"

namespace playload {

class ScratchFolder {
 public:
  // Inside `parent`, which must exist. `whose`: as its name says it.
  static Result<ScratchFolder> MakeIn(const std::string& parent,
                                      const std::string& whose = "bench");
  // Where no disk is waited for, if there is such a place: for what belongs to a run and is not
  // measured.
  static Result<ScratchFolder> MakeInMemory();
  // Where temporary files belong: $TMPDIR, or /tmp.
  static Result<ScratchFolder> MakeTemporary(const std::string& whose);

  ~ScratchFolder();
  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&& other) noexcept;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;  // empty once moved from
};

}  // namespace playload
