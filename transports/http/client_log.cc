#include "transports/http/client_log.h"

#include <algorithm>
#include <cassert>

namespace playload {

const char* SessionEndName(SessionEnd end) {
  static constexpr std::array<const char*, kSessionEnds> kNames = {
      "open", "client", "limit", "slow", "run-ended", "shutdown", "error"};
  return kNames[static_cast<std::size_t>(end)];
}

std::uint64_t ClientLog::Begin() {
  const std::lock_guard lock(mutex_);
  ++begun_;
  most_ = std::max(most_, begun_ - ended_);
  return begun_;
}

void ClientLog::End(const ClientSession& session) {
  assert(session.end != SessionEnd::kOpen);
  const std::lock_guard lock(mutex_);
  ++ended_;
  events_ += session.events;
  bytes_ += session.bytes;
  gaps_ += session.gaps;
  ++ends_[static_cast<std::size_t>(session.end)];
  if (session.number <= kFirst) {
    first_.push_back(session);
    return;
  }
  latest_.push_back(session);
  if (latest_.size() > kLatest) latest_.pop_front();
}

ClientSessions ClientLog::Copy(const std::vector<ClientSession>& open) const {
  ClientSessions copy;
  {
    const std::lock_guard lock(mutex_);
    copy.total = begun_;
    copy.most_at_once = most_;
    copy.events = events_;
    copy.bytes = bytes_;
    copy.gaps = gaps_;
    copy.ends = ends_;
    copy.sessions = first_;
    copy.sessions.insert(copy.sessions.end(), latest_.begin(), latest_.end());
  }
  for (const ClientSession& session : open) {
    copy.events += session.events;
    copy.bytes += session.bytes;
    copy.gaps += session.gaps;
  }
  std::vector<ClientSession>& sessions = copy.sessions;
  sessions.insert(sessions.end(), open.begin(), open.end());
  std::sort(sessions.begin(), sessions.end(),
            [](const ClientSession& a, const ClientSession& b) { return a.number < b.number; });
  const auto later = std::find_if(sessions.begin(), sessions.end(),
                                  [](const ClientSession& s) { return s.number > kFirst; });
  const auto count = static_cast<std::size_t>(sessions.end() - later);
  if (count > kLatest) {
    sessions.erase(later, later + static_cast<std::ptrdiff_t>(count - kLatest));
  }
  return copy;
}

}  // namespace playload
