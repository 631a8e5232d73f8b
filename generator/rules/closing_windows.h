// ClosingWindows: the windows of a rule that answers when they close (docs/rules.md, "Windows that
// answer when they close"), whatever their key, in the order in which they are due; private to the
// incremental evaluator.
//
// Use, for each event: Advance(its time); while (CloseDue(&closed)) answer; Add(the event), and
// answer where its window does so at once, as windows do of some wrong readings.
//
// State is kept as a row of each open window while events of a session come in order; sessions with
// lateness may grow together, and keep their events. Closing costs the logarithm of how many are
// open. Memory: docs/rules.md, "Two evaluators".
//
// Words: as in keyed_state.h. Threads: one owner. Units: nanoseconds.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <queue>
#include <vector>

#include "generator/oracle/number_map.h"
#include "generator/rules/keyed_state.h"
#include "generator/rules/row_math.h"
#include "generator/rules/window_reading.h"

namespace playload {

class ClosingWindows {
 public:
  struct Closed {
    std::uint64_t key = 0;
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;
    std::uint64_t cause = 0;         // id of the event that arrived last
    std::int64_t cause_time_ns = 0;  // and its time
    StateWords state{};              // over all of its events
  };
  // Where an event went.
  struct Place {
    Fate fate;
    std::int64_t end_ns = 0;  // of its window, unless it is late
    bool answers = false;     // and that answers now
  };

  ClosingWindows(std::vector<KeyedState::Value> values, const RuleWindow& window,
                 const WindowReading& reading);

  // Takes the time of an event into the stream's.
  void Advance(std::uint64_t key, std::int64_t time_ns) {
    if (reading_.closed_by_key) {
      std::int64_t& latest = latest_of_[key];
      stream_ns_ = latest = std::max(latest, time_ns);
    } else {
      stream_ns_ = std::max(stream_ns_, time_ns);
    }
  }
  // The next window that is to close by now; false: none. `key`: of the event.
  bool CloseDue(std::uint64_t key, Closed* closed) {
    return reading_.closed_by_key ? CloseOf(key, closed) : CloseFirst(stream_ns_, closed);
  }
  // The next window whatever its time: at the end of the stream.
  bool CloseAny(Closed* closed);

  // Adds an event, after Advance() and all of CloseDue(). `in` as of KeyedState::Add(). With
  // `before` and `now`: the state of its window without the event, and with it. `answer`: where the
  // window answers now.
  Place Add(std::uint64_t key, std::int64_t time_ns, std::uint64_t id, const StateWords& in,
            StateWords* before, StateWords* now, Closed* answer);

 private:
  static constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();
  static constexpr std::uint64_t kNobody = ~std::uint64_t{0};

  struct Window {
    std::uint64_t key = 0;
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;
    std::uint64_t began = kNobody;  // the arrival of its first event; nobody's: free
    std::uint64_t cause = 0;
    std::int64_t cause_time_ns = 0;
    std::uint32_t next = 0;  // of the same key: index + 1
    bool answered = false;   // and still here: an event near the edge would go into it, or a late
                             // one that it answers to again
  };
  // A window is due no earlier than its entry says: sessions grow meanwhile, and stay for the edge.
  struct Due {
    std::int64_t at_ns;
    std::uint64_t began;
    std::uint32_t window;
    bool operator>(const Due& other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : began > other.began;
    }
  };

  // The first instant of the stream at which it is closed, and then that at which it can go.
  [[nodiscard]] std::int64_t DueAt(const Window& window) const {
    return window.end_ns + (again_ && !window.answered ? 0 : window_.lateness_ns) + behind_ns_ +
           (window.answered ? window_.edge_ns : 0);
  }
  [[nodiscard]] bool IsNearEdge(std::int64_t end_ns) const {
    return std::abs(end_ns + window_.lateness_ns - stream_ns_) <= window_.edge_ns;
  }
  // Whether the time is in the window, or near enough to make a session longer.
  [[nodiscard]] bool Reaches(const Window& window, std::int64_t time_ns) const {
    return session_ ? time_ns >= window.start_ns - reach_ns_ &&
                          time_ns <= window.end_ns - window_.size_ns + reach_ns_
                    : time_ns >= window.start_ns && time_ns < window.end_ns;
  }
  // REQUIRES: the event is not among them yet.
  [[nodiscard]] bool IsAtEdge(std::uint64_t key, std::int64_t time_ns);
  [[nodiscard]] std::int64_t StartOf(std::int64_t time_ns) const {
    return session_ || reading_.from_event ? time_ns
                                           : time_ns - (time_ns + ahead_ns_) % window_.size_ns;
  }
  bool CloseFirst(std::int64_t by_ns, Closed* closed);
  bool CloseOf(std::uint64_t key, Closed* closed);
  void Describe(std::uint32_t window, Closed* closed);
  // The window that an event at this time goes into, grown together for it; index + 1, 0: none.
  std::uint32_t Find(std::uint64_t key, std::int64_t time_ns);
  // The same where sessions do not grow together: the nearest of them.
  std::uint32_t FindNearest(std::uint64_t key, std::int64_t time_ns);
  std::uint32_t Open(std::uint64_t key, std::int64_t start_ns, std::int64_t end_ns);
  void Merge(std::uint32_t into, std::uint32_t from);
  void Free(std::uint32_t window);
  void Read(std::uint32_t window, StateWords* out);
  [[nodiscard]] std::uint64_t* RowOf(std::uint32_t window) {
    return rows_.data() + window * math_.size();
  }

  row_math::RowMath math_;
  const RuleWindow window_;
  const WindowReading reading_;
  const bool session_;
  const bool again_;              // WindowReading::Answers::kAgain
  const std::int64_t reach_ns_;   // of a session, from its events on
  const std::int64_t behind_ns_;  // from its end on: the first instant that is behind it
  const std::int64_t ahead_ns_;
  const bool keeps_events_;
  std::int64_t stream_ns_ = KeyedState::kNever;
  std::uint64_t arrivals_ = 0;
  NumberMap<std::uint32_t> first_of_;  // by key: index + 1 of its first window, 0: none is open
  std::vector<Window> windows_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint64_t> rows_;  // by window; of no meaning where events are kept
  std::vector<std::vector<std::uint64_t>> events_;  // by window: each its arrival, and its values
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  NumberMap<std::int64_t> latest_of_;  // by key, where its own time closes its windows
  std::vector<std::uint64_t> merged_;  // reused
};

}  // namespace playload
