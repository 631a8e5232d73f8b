// What follows from a persona by arithmetic: how long its sessions are, what they emit, what a life
// holds. By the fundamental matrix of the absorbing chain that a session is, so exact up to
// rounding, where a simulation would only estimate.
//
// The simulation's tables are made from some of these numbers, so they come from IEEE + - * / alone
// and are the same bits everywhere.
//
// Threads: pure functions.

#pragma once

#include <array>
#include <string>
#include <vector>

#include "personas/persona.h"

namespace playload {

inline constexpr int kEmits = 10;  // enumerators of Emit

struct PersonaFacts {
  // By state, as in Persona::states.
  std::vector<double> visits;       // expected number of visits in one session
  std::vector<double> visit_share;  // the stationary distribution of the endless chain of sessions,
                                    // by visits; sums to 1
  std::vector<double> time_share;   // and by time spent in a session; sums to 1

  // Of one session, by Emit; kSessionStart and kSessionEnd are 1. A refund that finds nothing to
  // refund counts as a refund here.
  std::array<double, kEmits> emitted{};
  double events = 0;      // all of `emitted` together: kSessionStart and one per transition
  double session_ms = 0;  // mean length
  double purchases = 0;   // both kinds
  double refunds = 0;     // both kinds

  // Of a life and of a day of it.
  double cycle_ms = 0;  // a session and the gap behind it
  double sessions_per_day = 0;
  double events_per_day = 0;
  double purchases_per_day = 0;
  double sessions_per_life = 0;  // mean, with the longest life of 255 sessions
  double purchases_per_life = 0;
  double life_ms = 0;  // mean, from the first session's start to the last one's end

  // Largest error of the solved equations, relative to the largest number of visits: a check.
  double residual = 0;
};

// REQUIRES: a persona as the loader gives it (a session ends with probability 1).
PersonaFacts ComputeFacts(const Persona& persona);

// The persona and its facts as text tables for a terminal.
std::string RenderPersona(const Persona& persona, const PersonaFacts& facts);

enum class GraphFormat { kMermaid, kDot };
// The chain as a Mermaid state diagram or a Graphviz digraph.
std::string RenderGraph(const Persona& persona, GraphFormat format);

}  // namespace playload
