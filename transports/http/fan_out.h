// FanOut: hands the events of the run to all stream clients. Each of them is a place in the stream;
// nothing is copied, queued or kept for it. A client is in one of these states, and a list each
// makes sure that only those who can go on cost time:
//
//   ready     can be sent something now; served in turn, a bounded share each
//   idle      has everything that is released
//   paced     has everything that its own rate allows (on the wheel)
//   waiting   needs an old block that is being made
//   blocked   its socket is full; the system says when it is not
//
// Threads: the reactor alone, but for fastest().
// Ownership: clients belong to the caller, who hears of their end from Finished().

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "transports/http/client_log.h"
#include "transports/http/coverage.h"
#include "transports/http/granule.h"
#include "transports/http/list.h"
#include "transports/http/renderer.h"
#include "transports/http/request.h"
#include "transports/http/settings.h"
#include "transports/http/source.h"
#include "transports/http/status.h"
#include "transports/http/wheel.h"

namespace playload {

struct StreamWork : Link {};

struct StreamClient : StreamWork {
  int descriptor = -1;
  Form form;
  Ordinal next = 0;       // the first event that was not handed whole
  Ordinal since = 0;      // nothing of its kinds was left out from here on
  std::uint64_t has = 0;  // sequence number of the last event that the client has
  std::uint64_t left = std::numeric_limits<std::uint64_t>::max();  // events until ?limit=
  std::uint32_t cut = 0;   // bytes of event `next` that the socket took already
  GranuleRef cut_granule;  // where the rest of it is
  std::string extra;       // goes out before the next event: head, gap, comment
  std::size_t extra_at = 0;
  std::optional<std::uint64_t> waits_for;  // an old block that is being made
  std::optional<GapReason> jump;           // goes on live as soon as the event in hand is out
  bool blocked = false;
  bool closing = false;  // only the event in hand is still sent

  // ?rate=: the k-th event since `origin_ns` is due at origin_ns + k * interval_ps / 1,000.
  std::int64_t interval_ps = 0;
  std::int64_t origin_ns = 0;
  std::uint64_t paced = 0;

  Ordinal least_lag = 0;  // how near to the head it has been
  std::int64_t written_ns = 0;
  std::size_t place = 0;  // in FanOut::all_
  ClientSession session;
};

class FanOut {
 public:
  // All outlive it.
  FanOut(const HttpSettings& settings, Source& source, Renderer& renderer, Coverage& coverage,
         ClientLog& log, std::int64_t now_ns);

  // Whether --at-end close says that there is nothing (more) for this request: 204.
  [[nodiscard]] bool NothingLeft(const StreamRequest& request) const;
  // `client` has its descriptor, and its session's address and user agent. `head` goes out first.
  void Add(StreamClient* client, const StreamRequest& request, std::string head,
           std::int64_t now_ns);
  // The client is gone; it may be destroyed.
  void Remove(StreamClient* client, SessionEnd end);
  void Writable(StreamClient* client);

  void HeadMoved();
  void HistoryReady() { ready_.Splice(waiting_); }

  // Serves ready clients for some milliseconds at most; whether there are more.
  bool Work(std::int64_t now_ns);
  // Clients that are to be closed, and why; the caller does it, and calls Remove().
  [[nodiscard]] std::vector<std::pair<StreamClient*, SessionEnd>> TakeFinished() {
    return std::exchange(finished_, {});
  }
  // When Work() is wanted next, if nothing else happens.
  [[nodiscard]] std::int64_t next_ns() const { return wheel_.next_ns(); }
  // Once a second: comments for idle clients, slow ones.
  void Sweep(std::int64_t now_ns);

  // Every client without a rate of its own has got what is released.
  [[nodiscard]] bool AllCaughtUp() const;
  // Ends every client after the event in hand.
  void FinishAll();
  // Handed out so far, over all clients.
  [[nodiscard]] std::uint64_t events() const {
    return std::accumulate(events_.begin(), events_.end(), std::uint64_t{0});
  }

  // Where nothing is planned: how far the fastest client has come; kNobody without clients. Any
  // thread.
  static constexpr Ordinal kNobody = std::numeric_limits<Ordinal>::max();
  [[nodiscard]] Ordinal fastest() const { return fastest_.load(std::memory_order_relaxed); }

  void AddTo(ServerStatus* status) const;
  [[nodiscard]] std::vector<ClientSession> OpenSessions(std::size_t most) const;

 private:
  enum class Outcome { kMore, kIdle, kPaced, kWaiting, kBlocked, kFinished };
  struct Piece {
    GranuleRef granule;
    std::uint32_t from = 0, to = 0;  // wanted events of the granule
    std::uint32_t begin = 0;         // bytes
    Ordinal after = 0;               // where the client is once they are sent
  };
  static constexpr std::size_t kMostPieces = 32;
  // Bytes handed to the system in one call.
  static constexpr std::size_t kMostBytes = std::size_t{512} << 10;
  // Granules that may hold nothing wanted, in one turn.
  static constexpr int kMostScanned = 64;

  struct Gathered {
    std::size_t pieces = 0;
    std::size_t bytes = 0;
    bool waiting = false;  // for an old block
    bool more = false;     // there is more than fits into one call
  };

  void Serve(StreamClient* client);
  Outcome Pump(StreamClient& client, SessionEnd* end);
  Gathered Gather(StreamClient& client, std::uint64_t allowed, Ordinal head);
  Gathered GatherEventInHand(StreamClient& client);
  // Sends what was gathered; whether the socket took all of it. *end is set when it is broken.
  bool Send(StreamClient& client, const Gathered& gathered, std::optional<SessionEnd>* end);
  void Took(StreamClient& client, const Gathered& gathered, std::size_t bytes, std::int64_t now_ns);
  void Account(StreamClient& client, const Granule& granule, std::uint32_t from, std::uint32_t to,
               std::int64_t now_ns);
  [[nodiscard]] std::uint64_t DueNow(const StreamClient& client, std::int64_t now_ns) const;
  [[nodiscard]] std::int64_t NextDue(const StreamClient& client) const;
  GranuleRef GranuleAt(Ordinal ordinal, StreamClient& client);
  BlockRef BlockAt(std::uint64_t number, StreamClient& client);
  void StopWaiting(StreamClient& client);
  void Jump(StreamClient& client);
  [[nodiscard]] std::uint64_t SequenceAt(Ordinal ordinal) const;
  [[nodiscard]] std::uint64_t SlowAfter() const;
  void FindFastest();
  [[nodiscard]] bool AtEnd(Ordinal next) const;

  const HttpSettings& settings_;
  Source& source_;
  Renderer& renderer_;
  Coverage& coverage_;
  ClientLog& log_;

  std::vector<StreamClient*> all_;
  List<StreamClient, StreamWork> ready_;
  List<StreamClient, StreamWork> idle_;
  List<StreamClient, StreamWork> waiting_;
  Wheel<StreamClient, StreamWork> wheel_;
  std::vector<std::pair<StreamClient*, SessionEnd>> finished_;
  std::array<Piece, kMostPieces> pieces_;
  std::atomic<Ordinal> fastest_{kNobody};

  // The granules of late, found by their hash; a newer one takes the place of an older one.
  static constexpr std::size_t kCached = 128;
  struct Cached {
    std::uint64_t key = ~std::uint64_t{0};
    GranuleRef granule;
  };
  std::array<Cached, kCached> cache_;
  BlockRef block_;  // the latest that was rendered from

  std::array<std::uint64_t, kFormats> events_{};
  std::array<std::uint64_t, kFormats> bytes_{};
  std::array<std::uint64_t, kGapReasons> gaps_{};
  std::uint64_t missed_ = 0;
  std::uint64_t slow_closed_ = 0;
};

}  // namespace playload
