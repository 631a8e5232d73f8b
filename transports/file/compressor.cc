#include "transports/file/compressor.h"

#include <zlib.h>
#include <zstd.h>

#include <cassert>
#include <cstddef>
#include <cstdint>

namespace playload {
namespace {

// Event lines are repetitive: the fastest levels already make less than a tenth of them, and slower
// ones would hold the load back (bench/transports-file).
constexpr int kZstdLevel = 1;
constexpr int kGzipLevel = 1;

class ZstdCompressor final : public Compressor {
 public:
  bool Start() {
    context_.reset(ZSTD_createCCtx());
    return context_ != nullptr && ZSTD_isError(ZSTD_CCtx_setParameter(
                                      context_.get(), ZSTD_c_compressionLevel, kZstdLevel)) == 0;
  }

  Status Add(std::string_view lines, std::string* out) override {
    out->resize(ZSTD_compressBound(lines.size()) + kFlushRoom);
    ZSTD_inBuffer in = {lines.data(), lines.size(), 0};
    ZSTD_outBuffer to = {out->data(), out->size(), 0};
    for (;;) {
      const std::size_t left = ZSTD_compressStream2(context_.get(), &to, &in, ZSTD_e_flush);
      if (ZSTD_isError(left) != 0) {
        return {Code::kInternal, std::string("zstd: ") + ZSTD_getErrorName(left)};
      }
      if (left == 0 && in.pos == in.size) break;
      if (to.pos == to.size) {
        out->resize(out->size() * 2);
        to.dst = out->data();
        to.size = out->size();
      }
    }
    out->resize(to.pos);
    return {};
  }

  void Keep() override { begun_ = true; }

  // RFC 8878: a last, raw, empty block. No checksum of the content is asked for (the default), so
  // nothing else depends on what came before.
  [[nodiscard]] std::string End() const override {
    constexpr std::string_view kMagic{"\x28\xb5\x2f\xfd", 4};
    constexpr std::string_view kSingleSegmentOfZeroBytes{"\x20\x00", 2};
    constexpr std::string_view kLastBlock{"\x01\x00\x00", 3};
    std::string end;
    if (!begun_) end.append(kMagic).append(kSingleSegmentOfZeroBytes);
    return end.append(kLastBlock);
  }

 private:
  static constexpr std::size_t kFlushRoom = 1024;
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  bool begun_ = false;
};

class GzipCompressor final : public Compressor {
 public:
  GzipCompressor() = default;
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;
  ~GzipCompressor() override {
    if (started_) deflateEnd(&stream_);
  }

  // Raw deflate: header and trailer are written here, because the trailer must be that of the
  // blocks that were kept.
  bool Start() {
    constexpr int kRawWindowBits = -15;
    constexpr int kMemoryLevel = 8;
    started_ = deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, kRawWindowBits, kMemoryLevel,
                            Z_DEFAULT_STRATEGY) == Z_OK;
    return started_;
  }

  Status Add(std::string_view lines, std::string* out) override {
    out->assign(begun_ ? std::string_view() : kHeader);
    std::size_t used = out->size();
    out->resize(used + deflateBound(&stream_, lines.size()) + kFlushRoom);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(lines.data()));
    stream_.avail_in = static_cast<uInt>(lines.size());
    do {
      if (used == out->size()) out->resize(out->size() * 2);
      const uInt room = static_cast<uInt>(out->size() - used);
      stream_.next_out = reinterpret_cast<Bytef*>(out->data() + used);
      stream_.avail_out = room;
      const int result = deflate(&stream_, Z_SYNC_FLUSH);
      if (result != Z_OK && result != Z_BUF_ERROR) return {Code::kInternal, "gzip: deflate failed"};
      used += room - stream_.avail_out;
    } while (stream_.avail_out == 0);
    out->resize(used);
    added_crc_ = crc32_z(kept_crc_, reinterpret_cast<const Bytef*>(lines.data()), lines.size());
    added_size_ = kept_size_ + static_cast<std::uint32_t>(lines.size());
    return {};
  }

  void Keep() override {
    begun_ = true;
    kept_crc_ = added_crc_;
    kept_size_ = added_size_;
  }

  // RFC 1951 and 1952: a last, empty block of fixed codes (flush points stand at byte borders),
  // then checksum and size, low bytes first.
  [[nodiscard]] std::string End() const override {
    constexpr std::string_view kLastBlock{"\x03\x00", 2};
    std::string end;
    if (!begun_) end.append(kHeader);
    end.append(kLastBlock);
    for (const std::uint32_t number : {static_cast<std::uint32_t>(kept_crc_), kept_size_}) {
      for (int shift = 0; shift < 32; shift += 8) {
        end.push_back(static_cast<char>((number >> shift) & 0xff));
      }
    }
    return end;
  }

 private:
  static constexpr std::size_t kFlushRoom = 1024;
  // No name and no time, so that the same events give the same file; system: unknown.
  static constexpr std::string_view kHeader{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff", 10};

  z_stream stream_{};
  bool started_ = false;
  bool begun_ = false;
  uLong kept_crc_ = 0, added_crc_ = 0;
  std::uint32_t kept_size_ = 0, added_size_ = 0;  // modulo 2^32, as the format wants it
};

template <typename C>
std::unique_ptr<Compressor> Started() {
  auto compressor = std::make_unique<C>();
  if (!compressor->Start()) return nullptr;
  return compressor;
}

}  // namespace

std::unique_ptr<Compressor> MakeCompressor(Compression compression) {
  assert(compression != Compression::kNone);
  return compression == Compression::kZstd ? Started<ZstdCompressor>() : Started<GzipCompressor>();
}

}  // namespace playload
