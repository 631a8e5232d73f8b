// Compressor: one zstd frame or one gzip member, made block by block. Every block ends at a flush
// point, so what was written up to there can be read; and a frame can be ended at any such point
// without the compressor's state, so that a file which is cut back is still a whole one.
//
// Threads: one owner.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "generator/base/status.h"
#include "transports/file/names.h"

namespace playload {

class Compressor {
 public:
  virtual ~Compressor() = default;

  // Compresses `lines` up to a flush point; `out` is replaced. The first block begins the frame.
  // Error: kInternal (out of memory), after which only End() may be called.
  virtual Status Add(std::string_view lines, std::string* out) = 0;

  // Says that the block which Add() made last is written.
  virtual void Keep() = 0;

  // The bytes that make a whole frame of the blocks that were kept; of none: an empty frame.
  [[nodiscard]] virtual std::string End() const = 0;
};

// REQUIRES: not kNone. Null when memory is short.
std::unique_ptr<Compressor> MakeCompressor(Compression compression);

}  // namespace playload
