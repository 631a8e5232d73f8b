#include "generator/rules/closing_windows.h"

#include <algorithm>
#include <utility>

namespace playload {
namespace {

using Answers = WindowReading::Answers;

// Nobody asks what is near the edge of a wrong reading.
RuleWindow WithEdge(RuleWindow window, const WindowReading& reading) {
  if (reading != WindowReading()) window.edge_ns = 0;
  return window;
}

}  // namespace

ClosingWindows::ClosingWindows(std::vector<KeyedState::Value> values, const RuleWindow& window,
                               const WindowReading& reading)
    : math_(std::move(values)),
      window_(WithEdge(window, reading)),
      reading_(reading),
      session_(window.form == RuleWindow::Form::kSession),
      again_(reading.answers == Answers::kAgain),
      reach_ns_(window.size_ns - (reading.other_edge ? 1 : 0)),
      behind_ns_(session_ && !reading.other_edge ? 1 : 0),
      ahead_ns_(AheadOf(window, reading)),
      keeps_events_(session_ && window.lateness_ns > 0) {}

bool ClosingWindows::CloseFirst(std::int64_t by_ns, Closed* closed) {
  while (!due_.empty() && due_.top().at_ns <= by_ns) {
    Due due = due_.top();
    due_.pop();
    Window& window = windows_[due.window];
    if (window.began != due.began) continue;  // it is a part of another one
    if (DueAt(window) != due.at_ns) {
      due.at_ns = DueAt(window);
      due_.push(due);
      continue;
    }
    if (window.answered || reading_.answers == Answers::kEach) {
      Free(due.window);
      continue;
    }
    Describe(due.window, closed);
    if ((session_ && window_.edge_ns > 0) || again_) {
      window.answered = true;
      due.at_ns = DueAt(window);
      due_.push(due);
    } else {
      Free(due.window);
    }
    return true;
  }
  return false;
}

bool ClosingWindows::CloseOf(std::uint64_t key, Closed* closed) {
  std::uint32_t first = 0;
  for (std::uint32_t at = first_of_[key]; at != 0; at = windows_[at - 1].next) {
    const Window& window = windows_[at - 1];
    if (DueAt(window) > stream_ns_) continue;
    const auto before = [&](const Window& other) {
      return std::pair(DueAt(window), window.began) < std::pair(DueAt(other), other.began);
    };
    if (first == 0 || before(windows_[first - 1])) first = at;
  }
  if (first == 0) return false;
  Describe(first - 1, closed);
  Free(first - 1);
  return true;
}

bool ClosingWindows::CloseAny(Closed* closed) {
  if (reading_.closed_by_key && due_.empty()) {
    for (std::uint32_t at = 0; at < windows_.size(); ++at) {
      if (windows_[at].began == kNobody) continue;
      due_.push({DueAt(windows_[at]), windows_[at].began, at});
    }
  }
  return CloseFirst(kForever, closed);
}

void ClosingWindows::Describe(std::uint32_t window, Closed* closed) {
  const Window& of = windows_[window];
  *closed = {of.key, of.start_ns, of.end_ns, of.cause, of.cause_time_ns, StateWords{}};
  Read(window, &closed->state);
}

ClosingWindows::Place ClosingWindows::Add(std::uint64_t key, std::int64_t time_ns, std::uint64_t id,
                                          const StateWords& in, StateWords* before, StateWords* now,
                                          Closed* answer) {
  const std::uint64_t arrival = arrivals_++;
  const bool at_edge = IsAtEdge(key, time_ns);
  std::uint32_t found = Find(key, time_ns);
  if (found == 0) {
    Window alone;
    alone.end_ns = StartOf(time_ns) + window_.size_ns;
    alone.answered = again_;  // so that it is late behind its lateness, and not before
    if (DueAt(alone) <= stream_ns_) return {{true, at_edge}, 0, false};
    found = Open(key, StartOf(time_ns), alone.end_ns);
    windows_[found - 1].began = arrival;
    windows_[found - 1].answered = again_;
    if (!reading_.closed_by_key) due_.push({DueAt(windows_[found - 1]), arrival, found - 1});
  }
  Window& window = windows_[found - 1];
  if (session_) {
    window.start_ns = std::min(window.start_ns, time_ns);
    window.end_ns = std::max(window.end_ns, time_ns + window_.size_ns);
  }
  window.cause = id;
  window.cause_time_ns = time_ns;
  if (before != nullptr) Read(found - 1, before);
  if (keeps_events_) {
    std::vector<std::uint64_t>& events = events_[found - 1];
    events.push_back(arrival);
    events.insert(events.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(math_.size()));
  } else {
    math_.Add(in, RowOf(found - 1));
  }
  if (now != nullptr) Read(found - 1, now);
  bool answers = reading_.answers == Answers::kEach;
  if (again_ && window.answered) {
    window.answered = false;
    answers = DueAt(window) <= stream_ns_;
    // Else it is not over, or not any more.
    window.answered = answers;
    if (!answers) due_.push({DueAt(window), window.began, found - 1});
  }
  if (answers) Describe(found - 1, answer);
  return {{false, at_edge}, window.end_ns, answers};
}

bool ClosingWindows::IsAtEdge(std::uint64_t key, std::int64_t time_ns) {
  if (time_ns == stream_ns_) return false;  // in order
  if (!session_) return IsNearEdge(StartOf(time_ns) + window_.size_ns);
  bool reaches = false;
  for (std::uint32_t at = first_of_[key]; at != 0; at = windows_[at - 1].next) {
    if (!Reaches(windows_[at - 1], time_ns)) continue;
    if (IsNearEdge(windows_[at - 1].end_ns)) return true;
    reaches = true;
  }
  return !reaches && IsNearEdge(time_ns + window_.size_ns);
}

std::uint32_t ClosingWindows::Find(std::uint64_t key, std::int64_t time_ns) {
  if (!reading_.grows_together) return FindNearest(key, time_ns);
  std::uint32_t found = 0;
  for (std::uint32_t at = first_of_[key]; at != 0;) {
    const Window& window = windows_[at - 1];
    const std::uint32_t next = window.next;
    const bool in = (!window.answered || again_) && Reaches(window, time_ns);
    if (in && !session_) return at;
    if (in && found == 0) {
      found = at;
    } else if (in) {
      // The one that began first stays, and keeps its turn.
      if (windows_[at - 1].began < windows_[found - 1].began) std::swap(at, found);
      Merge(found - 1, at - 1);
    }
    at = next;
  }
  return found;
}

std::uint32_t ClosingWindows::FindNearest(std::uint64_t key, std::int64_t time_ns) {
  std::uint32_t found = 0;
  std::pair<std::int64_t, std::uint64_t> least;
  for (std::uint32_t at = first_of_[key]; at != 0; at = windows_[at - 1].next) {
    const Window& window = windows_[at - 1];
    if (!Reaches(window, time_ns)) continue;
    const std::int64_t last = window.end_ns - window_.size_ns;
    const std::int64_t away =
        std::max({window.start_ns - time_ns, time_ns - last, std::int64_t{0}});
    const std::pair distance(away, window.began);
    if (found != 0 && least <= distance) continue;
    found = at;
    least = distance;
  }
  return found;
}

std::uint32_t ClosingWindows::Open(std::uint64_t key, std::int64_t start_ns, std::int64_t end_ns) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(windows_.size()));
    windows_.emplace_back();
    rows_.resize(windows_.size() * math_.size());
    if (keeps_events_) events_.emplace_back();
  }
  const std::uint32_t at = free_.back();
  free_.pop_back();
  std::uint32_t& first = first_of_[key];
  Window& window = windows_[at];
  window.key = key;
  window.start_ns = start_ns;
  window.end_ns = end_ns;
  window.next = first;
  window.answered = false;
  first = at + 1;
  math_.Begin(RowOf(at));
  return at + 1;
}

void ClosingWindows::Merge(std::uint32_t into, std::uint32_t from) {
  Window& window = windows_[into];
  window.start_ns = std::min(window.start_ns, windows_[from].start_ns);
  window.end_ns = std::max(window.end_ns, windows_[from].end_ns);
  // Without lateness there is never a second open session of a key.
  const std::size_t stride = 1 + math_.size();
  const std::vector<std::uint64_t>& a = events_[into];
  const std::vector<std::uint64_t>& b = events_[from];
  merged_.clear();
  for (std::size_t i = 0, k = 0; i < a.size() || k < b.size();) {
    const bool first = k == b.size() || (i < a.size() && a[i] < b[k]);
    const std::vector<std::uint64_t>& of = first ? a : b;
    std::size_t& next = first ? i : k;
    merged_.insert(merged_.end(), of.begin() + static_cast<std::ptrdiff_t>(next),
                   of.begin() + static_cast<std::ptrdiff_t>(next + stride));
    next += stride;
  }
  events_[into] = merged_;
  Free(from);
}

void ClosingWindows::Free(std::uint32_t window) {
  std::uint32_t* link = &first_of_[windows_[window].key];
  while (*link != window + 1) link = &windows_[*link - 1].next;
  *link = windows_[window].next;
  windows_[window].began = kNobody;
  math_.Reset(RowOf(window));
  if (keeps_events_) events_[window] = {};
  free_.push_back(window);
}

void ClosingWindows::Read(std::uint32_t window, StateWords* out) {
  if (keeps_events_) {
    math_.Reset(RowOf(window));
    const std::vector<std::uint64_t>& events = events_[window];
    for (std::size_t at = 0; at < events.size(); at += 1 + math_.size()) {
      StateWords in{};
      std::copy_n(events.begin() + static_cast<std::ptrdiff_t>(at + 1), math_.size(), in.begin());
      math_.Add(in, RowOf(window));
    }
  }
  math_.Read(RowOf(window), out);
}

}  // namespace playload
