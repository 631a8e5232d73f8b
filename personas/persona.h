// A persona: a semi-Markov chain over the states of a session, and what a player of it buys. Plain
// data, as read from a YAML file (personas/load.h) and before it is compiled into integer tables
// (generator/simulate/model.h).
//
// Units: probabilities in parts per 10^9, exact decimals of the file; times in milliseconds.
// Threads: a value type.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace playload {

inline constexpr std::int64_t kProbabilityOne = 1'000'000'000;  // parts of a whole
inline constexpr int kMaxStates = 15;       // per persona, "offline" not counted
inline constexpr int kMaxTransitions = 16;  // per state
inline constexpr int kMaxPersonas = 32;     // per scenario

// What a transition emits. `*_foreign` buys in a currency that is not the player's own; `again`
// refunds the latest purchase even when that was refunded already (refund abuse). A refund with
// nothing to refund is an interaction.
enum class Emit : std::uint8_t {
  kMove,
  kInteraction,
  kLevelStart,
  kLevelComplete,
  kSessionStart,  // only the chain's own first transition
  kSessionEnd,    // only transitions to "exit"
  kPurchase,
  kPurchaseForeign,
  kRefund,
  kRefundAgain,
};

// What a dwell's own time (mean, median or scale) may be at most. The tail behind it is cut where
// the simulation's wheel ends, at 23 days.
inline constexpr std::int64_t kLongestDwellMs = 20LL * 86'400'000;

struct Dwell {
  enum class Family { kFixed, kExponential, kLogNormal, kWeibull, kGamma };
  Family family = Family::kFixed;
  double mean_ms =
      0;             // fixed, exponential, gamma: the mean. Log-normal: the median. Weibull: scale
  double shape = 1;  // log-normal: sigma; Weibull and gamma: shape
};

struct Transition {
  int to = 0;  // index of a state, or kExit
  std::int64_t parts = 0;
  Emit emit = Emit::kMove;
};
inline constexpr int kExit = -1;

struct State {
  std::string name;
  Dwell dwell;                 // time spent here before the next transition
  std::vector<Transition> to;  // parts sum to kProbabilityOne
};

struct Persona {
  std::string name;
  std::string about;
  std::string file;  // where it was read, for messages; "built-in" for ours

  std::vector<State> states;  // [0] is where a session starts, with the emission kSessionStart
  // Time offline before this player's next session, or, when that one left for good, before the
  // session of the new player that takes the place.
  Dwell gap;
  // A player leaves for good at the end of a session with probability 1/mean_sessions, and at the
  // latest after 255 sessions; a new player then takes the place.
  double mean_sessions = 1;
  bool one_session = false;  // exactly one session in a life (mean_sessions == 1)

  // Relative weights of item types in purchases, in catalog order of ItemType (generator/event/
  // catalog.h). Zero: never bought.
  std::vector<std::int64_t> item_weights;
};

}  // namespace playload
