#include "generator/run/json_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace playload {
namespace {

std::string Reason(int error) { return std::strerror(error); }

Status CannotWrite(const std::string& path, int error) {
  return {Code::kDestination, path + ": cannot write: " + Reason(error)};
}

// Writes all of it; 0 or an errno.
int WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

Status WriteFileAtomically(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return CannotWrite(path, errno);
  int error = WriteAll(fd, content);
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    return CannotWrite(path, error);
  }
  return {};
}

Result<std::string> ReadWholeFile(const std::string& path, std::size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Invalid(path + ": cannot read: " + Reason(errno));
  struct stat info {};
  std::string content;
  Status status;
  if (::fstat(fd, &info) != 0) {
    status = Invalid(path + ": cannot read: " + Reason(errno));
  } else if (!S_ISREG(info.st_mode)) {
    status = Invalid(path + ": not a regular file");
  }
  std::array<char, 65536> part{};
  while (status.ok()) {
    const ssize_t n = ::read(fd, part.data(), part.size());
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      status = Invalid(path + ": cannot read: " + Reason(errno));
    } else if (content.size() + static_cast<std::size_t>(n) > max_bytes) {
      status = Invalid(path + ": larger than " + std::to_string(max_bytes) + " bytes");
    } else {
      content.append(part.data(), static_cast<std::size_t>(n));
    }
  }
  ::close(fd);
  if (!status.ok()) return status;
  return content;
}

Status MakeRunDirectory(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) {
    std::filesystem::create_directories(parent, error);
    if (error) {
      return Invalid("--run-dir: cannot make " + parent.string() + ": " + error.message());
    }
  }
  if (::mkdir(path.c_str(), 0755) == 0) return {};
  if (errno == EEXIST) {
    return Invalid("--run-dir: " + path +
                   " is there already; a run directory is never reused: name another or remove it");
  }
  return Invalid("--run-dir: cannot make " + path + ": " + Reason(errno));
}

std::string Sha256Hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kHex[digest[i] >> 4];
    hex += kHex[digest[i] & 15];
  }
  return hex;
}

}  // namespace playload
