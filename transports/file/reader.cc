#include "transports/file/reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "generator/base/text.h"
#include "transports/file/system.h"

namespace playload {

class LineReader::Source {
 public:
  virtual ~Source() = default;
  // Fills `out` from the front and says how far; 0 only at the end. The error is without the file's
  // name, and what was read before it is given first.
  virtual Result<std::size_t> Read(char* out, std::size_t size) = 0;
};

namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr std::string_view kZstdMagic{"\x28\xb5\x2f\xfd", 4};
constexpr std::string_view kGzipMagic{"\x1f\x8b", 2};

class PlainSource final : public LineReader::Source {
 public:
  explicit PlainSource(int descriptor) : descriptor_(descriptor) {}
  PlainSource(const PlainSource&) = delete;
  PlainSource& operator=(const PlainSource&) = delete;
  ~PlainSource() override { close(descriptor_); }

  Result<std::size_t> Read(char* out, std::size_t size) override {
    while (true) {
      const ssize_t n = read(descriptor_, out, size);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) return Invalid("reading failed: " + ErrnoText(errno));
    }
  }

  // The file's first bytes, as far as there are any; Read() gives what comes after them.
  Result<std::size_t> ReadFirst(char* out, std::size_t size) {
    std::size_t filled = 0;
    while (filled < size) {
      Result<std::size_t> n = Read(out + filled, size - filled);
      if (!n) return n;
      if (*n == 0) break;
      filled += *n;
    }
    return filled;
  }

 private:
  const int descriptor_;
};

// What was read to look at it, then the rest.
class JoinedSource final : public LineReader::Source {
 public:
  JoinedSource(std::string first, std::unique_ptr<PlainSource> rest)
      : first_(std::move(first)), rest_(std::move(rest)) {}

  Result<std::size_t> Read(char* out, std::size_t size) override {
    if (given_ == first_.size()) return rest_->Read(out, size);
    const std::size_t n = std::min(size, first_.size() - given_);
    std::memcpy(out, first_.data() + given_, n);
    given_ += n;
    return n;
  }

 private:
  const std::string first_;
  std::size_t given_ = 0;
  const std::unique_ptr<PlainSource> rest_;
};

// What decompressors share: compressed input, and where in a frame they are.
class PackedSource : public LineReader::Source {
 public:
  explicit PackedSource(std::unique_ptr<LineReader::Source> packed)
      : packed_(std::move(packed)), input_(kReadBytes) {}

  Result<std::size_t> Read(char* out, std::size_t size) final {
    std::size_t filled = 0;
    while (filled == 0) {
      if (begin_ == end_ && !ended_) {
        Result<std::size_t> n = packed_->Read(input_.data(), input_.size());
        if (!n) return n;
        begin_ = 0;
        end_ = *n;
        ended_ = *n == 0;
      }
      const std::size_t before = begin_;
      if (Status status = Unpack(out, size, &filled); !status.ok()) return status;
      if (filled == 0 && ended_ && begin_ == before) {
        if (inside_) return Invalid("it is cut off: the compressed data has no end");
        break;
      }
    }
    return filled;
  }

 protected:
  // Takes from input() what it can, says what it took with Take(), and where it then is.
  virtual Status Unpack(char* out, std::size_t size, std::size_t* filled) = 0;

  [[nodiscard]] std::string_view input() const { return {input_.data() + begin_, end_ - begin_}; }
  void Take(std::size_t bytes, bool inside) {
    begin_ += bytes;
    inside_ = inside;
  }

 private:
  const std::unique_ptr<LineReader::Source> packed_;
  std::vector<char> input_;
  std::size_t begin_ = 0, end_ = 0;  // of input_
  bool ended_ = false;
  bool inside_ = false;  // of a frame or member
};

class ZstdSource final : public PackedSource {
 public:
  explicit ZstdSource(std::unique_ptr<LineReader::Source> packed)
      : PackedSource(std::move(packed)), context_(ZSTD_createDCtx()) {}

  Status Unpack(char* out, std::size_t size, std::size_t* filled) override {
    if (context_ == nullptr) return {Code::kInternal, "no memory to decompress with"};
    ZSTD_inBuffer in = {input().data(), input().size(), 0};
    ZSTD_outBuffer to = {out, size, 0};
    const std::size_t left = ZSTD_decompressStream(context_.get(), &to, &in);
    if (ZSTD_isError(left) != 0) {
      return Invalid(std::string("its zstd data is damaged: ") + ZSTD_getErrorName(left));
    }
    *filled = to.pos;
    // At the end of the input `left` asks for a next frame's header: only what moved counts.
    if (in.pos > 0 || to.pos > 0) inside_frame_ = left != 0;
    Take(in.pos, inside_frame_);
    return {};
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  const std::unique_ptr<ZSTD_DCtx, Free> context_;
  bool inside_frame_ = false;
};

class GzipSource final : public PackedSource {
 public:
  explicit GzipSource(std::unique_ptr<LineReader::Source> packed)
      : PackedSource(std::move(packed)) {
    constexpr int kGzipWindowBits = 15 + 16;
    started_ = inflateInit2(&stream_, kGzipWindowBits) == Z_OK;
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  ~GzipSource() override {
    if (started_) inflateEnd(&stream_);
  }

  Status Unpack(char* out, std::size_t size, std::size_t* filled) override {
    if (!started_) return {Code::kInternal, "no memory to decompress with"};
    const std::string_view in = input();
    if (member_ended_ && !in.empty()) {
      inflateReset(&stream_);
      member_ended_ = false;
    }
    if (member_ended_) return {};
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(size);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return Invalid(std::string("its gzip data is damaged: ") +
                     (stream_.msg != nullptr ? stream_.msg : zError(result)));
    }
    *filled = size - stream_.avail_out;
    member_ended_ = result == Z_STREAM_END;
    Take(in.size() - stream_.avail_in, !member_ended_);
    return {};
  }

 private:
  z_stream stream_{};
  bool started_ = false;
  bool member_ended_ = false;
};

}  // namespace

LineReader::LineReader() = default;
LineReader::~LineReader() = default;

Status LineReader::Open(const std::string& path) {
  path_ = path;
  source_.reset();
  at_ = end_ = 0;
  lines_ = 0;
  ended_ = unterminated_ = false;
  status_ = {};

  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return status_ = Problem("cannot be opened: " + ErrnoText(errno));
  auto file = std::make_unique<PlainSource>(descriptor);
  struct stat what {};
  if (fstat(descriptor, &what) == 0 && S_ISDIR(what.st_mode)) {
    return status_ = Problem("is a folder, not a file");
  }
  char first[4];
  const Result<std::size_t> size = file->ReadFirst(first, sizeof(first));
  if (!size) return status_ = Problem(size.error().message());
  std::string head(first, *size);
  const bool zstd = head.starts_with(kZstdMagic);
  const bool gzip = head.starts_with(kGzipMagic);
  source_ = std::make_unique<JoinedSource>(std::move(head), std::move(file));
  if (zstd) source_ = std::make_unique<ZstdSource>(std::move(source_));
  if (gzip) source_ = std::make_unique<GzipSource>(std::move(source_));
  buffer_.resize(2 * kReadBytes);
  return {};
}

const void* LineReader::FindNewline(const char* begin, std::size_t size) {
  return std::memchr(begin, '\n', size);
}

// The line goes on beyond what is in the buffer.
bool LineReader::NextSlowly(std::string_view* line) {
  if (source_ == nullptr) return false;
  std::size_t searched = 0;
  while (true) {
    const char* begin = buffer_.data() + at_;
    const std::size_t there = end_ - at_;
    const void* end = there == searched ? nullptr : FindNewline(begin + searched, there - searched);
    if (end != nullptr) {
      *line = {begin, static_cast<std::size_t>(static_cast<const char*>(end) - begin)};
      at_ += line->size() + 1;
      ++lines_;
      return true;
    }
    searched = there;
    if (Fill()) continue;
    // A last line without its end is given, unless an error cut it off.
    if (!status_.ok() || there == 0) return false;
    *line = {buffer_.data() + at_, there};
    at_ = end_;
    ++lines_;
    unterminated_ = true;
    return true;
  }
}

// Reads more behind what is not given yet, which moves to the buffer's front; false when there is
// no more, or an error.
bool LineReader::Fill() {
  if (ended_ || !status_.ok()) return false;
  std::memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
  end_ -= at_;
  at_ = 0;
  if (buffer_.size() - end_ < kReadBytes) {
    if (end_ > kLongestLine) {
      status_ = Problem("line " + std::to_string(lines_ + 1) + " is longer than " +
                        FormatBytes(kLongestLine));
      return false;
    }
    buffer_.resize(buffer_.size() * 2);
  }
  const Result<std::size_t> n = source_->Read(buffer_.data() + end_, buffer_.size() - end_);
  if (!n) {
    status_ = Problem(n.error().message());
    return false;
  }
  end_ += *n;
  ended_ = *n == 0;
  return !ended_;
}

Status LineReader::Problem(const std::string& what) const {
  return Invalid(path_ + ": " + what +
                 (lines_ == 0 ? "" : " (after line " + std::to_string(lines_) + ")"));
}

}  // namespace playload
