#include "personas/facts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "personas/load.h"

namespace playload {
namespace {

constexpr double kDayMs = 86'400'000;
constexpr int kLongestLife = 255;  // sessions

using Matrix = std::vector<std::vector<double>>;

// Solves matrix * x = right by Gaussian elimination with row pivots.
std::vector<double> Solve(Matrix matrix, std::vector<double> right) {
  const std::size_t n = right.size();
  for (std::size_t column = 0; column < n; ++column) {
    std::size_t pivot = column;
    for (std::size_t row = column + 1; row < n; ++row) {
      if (std::fabs(matrix[row][column]) > std::fabs(matrix[pivot][column])) pivot = row;
    }
    std::swap(matrix[column], matrix[pivot]);
    std::swap(right[column], right[pivot]);
    for (std::size_t row = column + 1; row < n; ++row) {
      const double factor = matrix[row][column] / matrix[column][column];
      for (std::size_t k = column; k < n; ++k) matrix[row][k] -= factor * matrix[column][k];
      right[row] -= factor * right[column];
    }
  }
  for (std::size_t row = n; row-- > 0;) {
    for (std::size_t k = row + 1; k < n; ++k) right[row] -= matrix[row][k] * right[k];
    right[row] /= matrix[row][row];
  }
  return right;
}

double Probability(const Transition& transition) {
  return static_cast<double>(transition.parts) / static_cast<double>(kProbabilityOne);
}

// The mean of a geometric life with mean `mean` that ends at the latest after kLongestLife
// sessions: the sum over k of the chance that session k + 1 takes place.
double MeanSessions(const Persona& persona) {
  if (persona.one_session) return 1;
  const double stays = 1 - 1 / persona.mean_sessions;
  double sum = 0;
  double chance = 1;
  for (int k = 0; k < kLongestLife; ++k) {
    sum += chance;
    chance *= stays;
  }
  return sum;
}

}  // namespace

PersonaFacts ComputeFacts(const Persona& persona) {
  const std::size_t n = persona.states.size();
  PersonaFacts facts;

  // With Q the transitions inside a session, the expected visits are the first row of the
  // fundamental matrix (I - Q)^-1, so they solve (I - Q)^T v = e_0.
  Matrix equations(n, std::vector<double>(n, 0));
  std::vector<double> start(n, 0);
  start[0] = 1;
  for (std::size_t from = 0; from < n; ++from) {
    equations[from][from] += 1;
    for (const Transition& transition : persona.states[from].to) {
      if (transition.to == kExit) continue;
      equations[static_cast<std::size_t>(transition.to)][from] -= Probability(transition);
    }
  }
  facts.visits = Solve(equations, start);

  double most = 0;
  for (std::size_t row = 0; row < n; ++row) {
    double error = -start[row];
    for (std::size_t k = 0; k < n; ++k) error += equations[row][k] * facts.visits[k];
    facts.residual = std::max(facts.residual, std::fabs(error));
    most = std::max(most, facts.visits[row]);
  }
  facts.residual /= most;

  double all_visits = 0;
  facts.emitted[static_cast<std::size_t>(Emit::kSessionStart)] = 1;
  for (std::size_t i = 0; i < n; ++i) {
    const State& state = persona.states[i];
    all_visits += facts.visits[i];
    facts.session_ms += facts.visits[i] * DwellMeanMs(state.dwell);
    for (const Transition& transition : state.to) {
      facts.emitted[static_cast<std::size_t>(transition.emit)] +=
          facts.visits[i] * Probability(transition);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    facts.visit_share.push_back(facts.visits[i] / all_visits);
    facts.time_share.push_back(facts.visits[i] * DwellMeanMs(persona.states[i].dwell) /
                               facts.session_ms);
  }
  // Every visit ends with one transition, which emits.
  facts.events = 1 + all_visits;
  const auto emitted = [&](Emit emit) { return facts.emitted[static_cast<std::size_t>(emit)]; };
  facts.purchases = emitted(Emit::kPurchase) + emitted(Emit::kPurchaseForeign);
  facts.refunds = emitted(Emit::kRefund) + emitted(Emit::kRefundAgain);

  const double gap_ms = DwellMeanMs(persona.gap);
  facts.cycle_ms = facts.session_ms + gap_ms;
  facts.sessions_per_day = kDayMs / facts.cycle_ms;
  facts.events_per_day = facts.events * facts.sessions_per_day;
  facts.purchases_per_day = facts.purchases * facts.sessions_per_day;
  facts.sessions_per_life = MeanSessions(persona);
  facts.purchases_per_life = facts.purchases * facts.sessions_per_life;
  facts.life_ms = facts.sessions_per_life * facts.cycle_ms - gap_ms;
  return facts;
}

}  // namespace playload
