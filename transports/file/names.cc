#include "transports/file/names.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "transports/file/system.h"

namespace playload {
namespace {

constexpr Compression kCompressions[] = {Compression::kNone, Compression::kZstd,
                                         Compression::kGzip};

std::string_view Suffix(Compression compression) {
  switch (compression) {
    case Compression::kZstd:
      return ".zst";
    case Compression::kGzip:
      return ".gz";
    case Compression::kNone:
      break;
  }
  return "";
}

}  // namespace

Result<Compression> ParseCompression(std::string_view name) {
  if (name == "zstd") return Compression::kZstd;
  if (name == "gzip") return Compression::kGzip;
  if (name == "none") return Compression::kNone;
  return Invalid("no compression is called " + Quoted(name) +
                 DidYouMean(name, {"zstd", "gzip", "none"}));
}

Status CheckFileTopic(std::string_view topic) {
  const bool fit = !topic.empty() && std::all_of(topic.begin(), topic.end(), [](char c) {
    return c != '/' && static_cast<unsigned char>(c) >= ' ' && c != 0x7f;
  });
  if (fit) return {};
  return Invalid("topic " + Quoted(topic) +
                 " cannot be a file's name; it must not be empty, nor have '/' in it");
}

std::string EventFilePath(std::string_view directory, std::string_view topic,
                          Compression compression) {
  std::string path(directory);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(topic).append(".ndjson").append(Suffix(compression));
}

Result<std::string> FindEventFile(const std::string& directory, const std::string& topic) {
  if (Status status = CheckFileTopic(topic); !status.ok()) return status;
  std::vector<std::string> found;
  for (const Compression compression : kCompressions) {
    std::string path = EventFilePath(directory, topic, compression);
    struct stat there {};
    if (stat(path.c_str(), &there) == 0) {
      found.push_back(std::move(path));
    } else if (errno != ENOENT) {
      return Invalid(path + ": " + ErrnoText(errno));
    }
  }
  if (found.empty()) {
    return Invalid(EventFilePath(directory, topic, Compression::kNone) +
                   ": is not there, nor as .ndjson.zst or .ndjson.gz");
  }
  if (found.size() > 1) {
    return Invalid(found[0] + " and " + found[1] +
                   " are both there; remove the one that is not meant");
  }
  return found[0];
}

}  // namespace playload
