// Numbers without pattern for tests over many inputs, the same on every run: SplitMix64's finish.
// Not the project's own randomness, so that a fault in that one cannot hide here.

#pragma once

#include <cstdint>

namespace playload {

inline std::uint64_t Noise(std::uint64_t i) {
  std::uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// In (0, 1).
inline double NoiseUnit(std::uint64_t i) {
  return (static_cast<double>(Noise(i) >> 12) + 0.5) / 4503599627370496.0;
}

}  // namespace playload
