// Counter-based randomness: a draw is a pure function of (seed, entity, step, purpose). Nothing is
// carried from one draw to the next, so neither threads nor a new player shift anybody else's.
//
// The mixing is that of wyrand (a 64x64->128 bit product, folded) over a key in which each part is
// spread by its own odd constant; tests/simulate/random_test.cc checks it statistically. It is no
// cryptography.
//
// Threads: pure functions.

#pragma once

#include <cstdint>

#include "generator/base/wide.h"

namespace playload {

// What a draw is for; draws of one (entity, step) with different purposes are independent.
enum class Purpose : std::uint64_t {
  kStep = 0x0,  // a player's transition and dwell
  kPurchase = 0x5851F42D4C957F2D,
  kPersona = 0x2545F4914F6CDD1D,
  kIdentity = 0x9FB21C651E98DF25,  // platform, own currency, first in order of kept items
  kFirstSession = 0xC6BC279692B5C323,
  kLife = 0xD6E8FEB86659FD93,
  kServer = 0xA0761D6478BD642F,
  kServerTraits = 0xE7037ED1A0B428DB,
  kLane = 0x8EBC6AF09C88C6E3,
  kCompat = 0x589965CC75374CC3,
  kWake = 0x1D8E4E27C47D124F,         // the place of a next session inside its era and its block
  kFaultRepeat = 0xEB44ACCAB455D165,  // data faults: whether to repeat, and what
  kFaultDrop = 0x3C6EF372FE94F82B,
  kFaultChange = 0x71374491428A2F99,  // late or corrupt, and how
  kFaultDelay = 0x59F111F1B605D019,
  kFaultDamage = 0x923F82A4AF194F9B,
  kFaultSkew = 0xAB1C5ED5DA6D8119,
};

inline std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
  const auto product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// The part of a key that is the same for all steps of an entity; hoisted out of loops.
inline std::uint64_t EntityKey(std::uint64_t seed_key, std::uint64_t entity) {
  return seed_key + entity * 0x9E3779B97F4A7C15u;
}

inline constexpr std::uint64_t kDrawStep = 0xD1342543DE82EF95u;

// The draw of a sum of key and steps. Who makes step after step keeps the sum and adds kDrawStep.
inline std::uint64_t DrawFrom(std::uint64_t sum) { return Fold(sum, sum ^ 0xE7037ED1A0B428DBu); }

inline std::uint64_t DrawAt(std::uint64_t entity_key, std::uint64_t step,
                            Purpose purpose = Purpose::kStep) {
  return DrawFrom((entity_key ^ static_cast<std::uint64_t>(purpose)) + step * kDrawStep);
}

// Spreads a user's seed, so that seeds 1 and 2 have nothing in common.
inline std::uint64_t SeedKey(std::uint64_t seed) {
  std::uint64_t z = seed + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// A number below `bound` from 32 random bits; the bias is below bound / 2^32.
inline std::uint32_t Below(std::uint32_t random, std::uint32_t bound) {
  return static_cast<std::uint32_t>((std::uint64_t{random} * bound) >> 32);
}

}  // namespace playload
