// Decimal text of an integer, held in registers, so that an id that occurs twice in a line is made
// once. Eight digits at a time by multiplications (the method is P. Khuong's "How to print integers
// really fast"); a table of four digits a lookup is 40 KiB and was slower beside lane data.
//
// Threads: value types. Little-endian machines only (x86-64, arm64).

#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace playload {

static_assert(std::endian::native == std::endian::little);

// The eight decimal digits of v < 10^8 as values 0..9, first digit in the lowest byte.
inline std::uint64_t EightDigits(std::uint32_t v) {
  const std::uint64_t halves = v / 10'000 | std::uint64_t{v % 10'000} << 32;
  const std::uint64_t hundreds_high = (halves * 10'486 >> 20) & 0x0000007F0000007Fu;
  const std::uint64_t pairs = ((halves - 100 * hundreds_high) << 16) + hundreds_high;
  const std::uint64_t tens = (pairs * 103 >> 10) & 0x000F000F000F000Fu;
  return tens + ((pairs - 10 * tens) << 8);
}

class NumberText {
 public:
  explicit NumberText(std::uint64_t v) {
    if (v < 100'000'000) [[likely]] {
      SetHead(static_cast<std::uint32_t>(v));
    } else if (v < 10'000'000'000'000'000) {
      SetHead(static_cast<std::uint32_t>(v / 100'000'000));
      tail_ = EightDigits(static_cast<std::uint32_t>(v % 100'000'000)) | kZeros;
      tails_ = 1;
    } else {
      SetHead(static_cast<std::uint32_t>(v / 10'000'000'000'000'000));
      v %= 10'000'000'000'000'000;
      tail_ = EightDigits(static_cast<std::uint32_t>(v / 100'000'000)) | kZeros;
      tail2_ = EightDigits(static_cast<std::uint32_t>(v % 100'000'000)) | kZeros;
      tails_ = 2;
    }
  }

  // Writes the text and returns its end; up to 8 bytes past it are overwritten.
  char* Write(char* out) const {
    std::memcpy(out, &head_, 8);
    out += head_length_;
    if (tails_ != 0) [[unlikely]] {
      std::memcpy(out, &tail_, 8);
      out += 8;
      if (tails_ == 2) {
        std::memcpy(out, &tail2_, 8);
        out += 8;
      }
    }
    return out;
  }

 private:
  static constexpr std::uint64_t kZeros = 0x3030303030303030u;

  void SetHead(std::uint32_t v) {
    const std::uint64_t digits = EightDigits(v);
    // Leading zeros are the lowest bytes; the last digit always stays.
    const unsigned skip =
        static_cast<unsigned>(std::countr_zero(digits | std::uint64_t{1} << 56)) / 8;
    head_ = (digits | kZeros) >> (8 * skip);
    head_length_ = 8 - skip;
  }

  std::uint64_t head_ = 0;
  std::uint64_t tail_ = 0;
  std::uint64_t tail2_ = 0;
  unsigned head_length_ = 0;
  unsigned tails_ = 0;
};

}  // namespace playload
