// ClientLog: who read the streams, for summary.json and the page: each session of a client with
// what it got and why it ended. The first kFirst and the latest kLatest sessions are kept in full,
// all are counted.
//
// Threads: any; a copy is given out. Memory: bounded.

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "transports/http/form.h"

namespace playload {

enum class SessionEnd : std::uint8_t {
  kOpen,      // still there
  kClient,    // the client closed it, or went away
  kLimit,     // ?limit= was reached
  kSlow,      // --slow-client close
  kRunEnded,  // --at-end close
  kShutdown,  // the run was stopped
  kError,     // the system refused a write
};
inline constexpr int kSessionEnds = 7;
// "open", "client", "limit", "slow", "run-ended", "shutdown", "error".
const char* SessionEndName(SessionEnd end);

struct ClientSession {
  std::uint64_t number = 0;  // from 1, in the order of their coming
  std::string address;       // "127.0.0.1:40312"
  std::string user_agent;
  Form form;
  std::int64_t began_ns = 0, ended_ns = 0;  // UTC
  std::uint64_t first = 0, last = 0;        // sequence numbers; 0: got none
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t gaps = 0;
  std::uint64_t missed = 0;  // in gaps, as far as known
  std::uint64_t behind = 0;  // open: events between where it is and the head
  SessionEnd end = SessionEnd::kOpen;
};

// Copied out for the summary.
struct ClientSessions {
  std::uint64_t total = 0;
  std::uint64_t most_at_once = 0;
  std::uint64_t events = 0, bytes = 0, gaps = 0;
  std::array<std::uint64_t, kSessionEnds> ends{};  // of sessions that are over
  std::vector<ClientSession> sessions;             // ascending; `total` may be more
};

class ClientLog {
 public:
  static constexpr std::size_t kFirst = 500;
  static constexpr std::size_t kLatest = 500;

  // The number of a session that begins now.
  std::uint64_t Begin();
  void End(const ClientSession& session);
  // With the sessions that are still open, as the caller knows them.
  [[nodiscard]] ClientSessions Copy(const std::vector<ClientSession>& open) const;

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t begun_ = 0, ended_ = 0, most_ = 0;
  std::uint64_t events_ = 0, bytes_ = 0, gaps_ = 0;
  std::array<std::uint64_t, kSessionEnds> ends_{};
  std::vector<ClientSession> first_;
  std::deque<ClientSession> latest_;
};

}  // namespace playload
