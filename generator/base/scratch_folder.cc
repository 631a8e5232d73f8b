#include "generator/base/scratch_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "generator/base/system.h"

namespace playload {
namespace fs = std::filesystem;

namespace {

bool IsFull(int error) { return error == ENOSPC || error == EDQUOT || error == EIO; }

}  // namespace

Result<ScratchFolder> ScratchFolder::MakeIn(const std::string& parent, const std::string& whose) {
  std::string path = (fs::path(parent) / ("playload-" + whose + "-XXXXXX")).string();
  if (mkdtemp(path.data()) == nullptr) {
    const int error = errno;
    return Status(IsFull(error) ? Code::kDestination : Code::kInvalid,
                  parent + ": no folder can be made there: " + ErrnoText(error));
  }
  return ScratchFolder(std::move(path));
}

Result<ScratchFolder> ScratchFolder::MakeInMemory() {
  if (Result<ScratchFolder> made = MakeIn("/dev/shm")) return made;
  return MakeTemporary("bench");
}

Result<ScratchFolder> ScratchFolder::MakeTemporary(const std::string& whose) {
  std::error_code error;
  const fs::path usual = fs::temp_directory_path(error);
  return MakeIn(error ? "/tmp" : usual.string(), whose);
}

ScratchFolder::~ScratchFolder() {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

ScratchFolder& ScratchFolder::operator=(ScratchFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

}  // namespace playload
