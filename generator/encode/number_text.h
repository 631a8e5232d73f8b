// Decimal text of an integer, held in registers, so that an id that occurs twice in a line is made
// once. Eight digits at a time by multiplications (the method is P. Khuong's "How to print integers
// really fast"); a table of four digits a lookup is 40 KiB and was slower beside lane data.
//
// Threads: value types. Little-endian machines only (x86-64, arm64).

#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace playload {

static_assert(std::endian::native == std::endian::little);

// Eight decimal digits as values 0..9, first digit in the lowest byte.
struct Digits {
  std::uint64_t values;
};

inline constexpr std::uint32_t kEightDigits = 100'000'000;  // numbers below have no more

// Of v < 10^8.
inline Digits EightDigits(std::uint32_t v) {
  const std::uint64_t halves = v / 10'000 | std::uint64_t{v % 10'000} << 32;
  const std::uint64_t hundreds_high = (halves * 10'486 >> 20) & 0x0000007F0000007Fu;
  const std::uint64_t pairs = ((halves - 100 * hundreds_high) << 16) + hundreds_high;
  const std::uint64_t tens = (pairs * 103 >> 10) & 0x000F000F000F000Fu;
  return {tens + ((pairs - 10 * tens) << 8)};
}

// The same of two numbers, step by step in the two halves of a register.
inline void EightDigitsOfTwo(std::uint32_t v, std::uint32_t w, Digits* of_v, Digits* of_w) {
#if defined(__SSE2__)
  const __m128i both = _mm_set_epi64x(w, v);
  const __m128i high = _mm_srli_epi64(_mm_mul_epu32(both, _mm_set1_epi64x(3'518'437'209)), 45);
  const __m128i low = _mm_sub_epi64(both, _mm_mul_epu32(high, _mm_set1_epi64x(10'000)));
  const __m128i halves = _mm_or_si128(high, _mm_slli_epi64(low, 32));
  const __m128i hundreds = _mm_srli_epi16(_mm_mulhi_epu16(halves, _mm_set1_epi16(5'243)), 3);
  const __m128i rest = _mm_sub_epi16(halves, _mm_mullo_epi16(hundreds, _mm_set1_epi16(100)));
  const __m128i pairs = _mm_or_si128(hundreds, _mm_slli_epi32(rest, 16));
  const __m128i tens = _mm_mulhi_epu16(pairs, _mm_set1_epi16(6'554));
  const __m128i ones = _mm_sub_epi16(pairs, _mm_mullo_epi16(tens, _mm_set1_epi16(10)));
  const __m128i digits = _mm_or_si128(tens, _mm_slli_epi16(ones, 8));
  of_v->values = static_cast<std::uint64_t>(_mm_cvtsi128_si64(digits));
  of_w->values = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(digits, digits)));
#else
  *of_v = EightDigits(v);
  *of_w = EightDigits(w);
#endif
}

// A number below 10^8.
class ShortNumber {
 public:
  explicit ShortNumber(Digits digits) {
    // Leading zeros are the lowest bytes; the last digit always stays.
    const unsigned skip =
        static_cast<unsigned>(std::countr_zero(digits.values | std::uint64_t{1} << 56)) & 56u;
    text_ = (digits.values | 0x3030303030303030u) >> skip;
    length_ = 8 - skip / 8;
  }

  // Writes the text and returns its end; up to 8 bytes past it are overwritten.
  char* Write(char* out) const {
    std::memcpy(out, &text_, 8);
    return out + length_;
  }

 private:
  std::uint64_t text_;
  unsigned length_;
};

// Any number.
class NumberText {
 public:
  explicit NumberText(std::uint64_t v)
      : tails_(v < kEightDigits     ? 0
               : v < kSixteenDigits ? 1
                                    : 2),
        head_(Head(v)) {
    if (tails_ != 0) [[unlikely]] {
      tail_ = Tail(tails_ == 1 ? v : v / kEightDigits);
      tail2_ = Tail(v);
    }
  }

  // As of ShortNumber.
  char* Write(char* out) const {
    out = head_.Write(out);
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
  static constexpr std::uint64_t kSixteenDigits = std::uint64_t{kEightDigits} * kEightDigits;

  static ShortNumber Head(std::uint64_t v) {
    if (v >= kSixteenDigits) [[unlikely]] {
      v /= kSixteenDigits;
    } else if (v >= kEightDigits) [[unlikely]] {
      v /= kEightDigits;
    }
    return ShortNumber(EightDigits(static_cast<std::uint32_t>(v)));
  }
  static std::uint64_t Tail(std::uint64_t v) {
    return EightDigits(static_cast<std::uint32_t>(v % kEightDigits)).values | 0x3030303030303030u;
  }

  unsigned tails_;  // of eight digits each, behind the head
  ShortNumber head_;
  std::uint64_t tail_ = 0;
  std::uint64_t tail2_ = 0;
};

}  // namespace playload
