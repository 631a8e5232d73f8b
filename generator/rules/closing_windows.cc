#include "generator/rules/closing_windows.h"

#include <algorithm>
#include <utility>

namespace playload {

ClosingWindows::ClosingWindows(std::vector<KeyedState::Value> values, const RuleWindow& window)
    : math_(std::move(values)),
      window_(window),
      session_(window.form == RuleWindow::Form::kSession),
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
    if (window.answered) {
      Free(due.window);
      continue;
    }
    *closed = {window.key,   window.start_ns,      window.end_ns,
               window.cause, window.cause_time_ns, StateWords{}};
    Read(due.window, &closed->state);
    if (session_ && window_.edge_ns > 0) {
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

ClosingWindows::Place ClosingWindows::Add(std::uint64_t key, std::int64_t time_ns, std::uint64_t id,
                                          const StateWords& in, StateWords* before,
                                          StateWords* now) {
  const std::uint64_t arrival = arrivals_++;
  const bool at_edge = IsAtEdge(key, time_ns);
  std::uint32_t found = Find(key, time_ns);
  if (found == 0) {
    Window alone;
    alone.end_ns = StartOf(time_ns) + window_.size_ns;
    if (DueAt(alone) <= stream_ns_) return {{true, at_edge}, 0};
    found = Open(key, StartOf(time_ns), alone.end_ns);
    windows_[found - 1].began = arrival;
    due_.push({DueAt(windows_[found - 1]), arrival, found - 1});
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
  return {{false, at_edge}, window.end_ns};
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
  std::uint32_t found = 0;
  for (std::uint32_t at = first_of_[key]; at != 0;) {
    const Window& window = windows_[at - 1];
    const std::uint32_t next = window.next;
    const bool in = !window.answered && Reaches(window, time_ns);
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
