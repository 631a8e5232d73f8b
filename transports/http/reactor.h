// Reactor: the one thread that talks to the network. Accepts, has the guard look at heads, answers,
// and turns stream requests over to the FanOut. It never blocks and never waits for anybody; each
// turn of its loop serves everybody a bounded share.
//
// Threads: what is below "any thread" may be called by any; the thread runs from Start() to Stop().
// Ownership: settings and deliveries outlive it; the source, from Begin() on.
// Memory: some 600 bytes a connection, 16 KiB while a head is read, kMostAnswers for answers.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "generator/base/status.h"
#include "transports/deliveries.h"
#include "transports/http/connection.h"
#include "transports/http/coverage.h"
#include "transports/http/fan_out.h"
#include "transports/http/listener.h"
#include "transports/http/request.h"
#include "transports/http/source.h"
#include "transports/http/status.h"

namespace playload {

class Reactor {
 public:
  Reactor(const HttpSettings& settings, Listener listener, Deliveries* deliveries);
  ~Reactor();  // stops at once
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // kInternal: the system gives no epoll or event descriptor, or no thread.
  Status Start();

  // Any thread.
  void Begin(Source* source);
  void HeadMoved() { Wake(); }  // also: the run has ended
  void HistoryReady();
  void PollsReady();
  // From now on asks itself whether all clients without a rate have got everything; see drained().
  void Drain();
  [[nodiscard]] bool drained() const { return drained_.load(std::memory_order_acquire); }
  // Ends every connection in order, each after the event or answer in hand, within `grace_ns`;
  // joins the thread.
  void Stop(std::int64_t grace_ns);
  [[nodiscard]] Ordinal fastest() const;
  [[nodiscard]] std::uint64_t streams() const { return streams_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t handed() const { return handed_.load(std::memory_order_relaxed); }
  [[nodiscard]] const ListenAddress& address() const { return address_; }

  // After Stop().
  [[nodiscard]] const Coverage& coverage() const { return coverage_; }
  [[nodiscard]] ServerStatus status() const { return MakeStatus(0); }
  [[nodiscard]] ClientSessions sessions() const { return log_.Copy({}); }

 private:
  // What waits for nothing but time.
  using Deadlines = List<Connection, DeadlineWork>;

  void Wake();
  void Loop();
  void Turn();
  void TakeTurns();
  [[nodiscard]] int TimeoutMs(bool more) const;
  void TakeNews();

  void Accept();
  void PauseAccepting();
  void ResumeAccepting();
  void Admit(int descriptor, const sockaddr_in6& peer);
  void Refuse(int descriptor);
  void Happened(Connection& c, std::uint32_t events);
  void Continue(Connection& c);
  void ReadHeads(Connection& c);
  bool Receive(Connection& c);
  void Handle(Connection& c, std::string_view head);
  void HandlePoll(Connection& c, const Request& request);
  void AnswerPoll(Connection& c, const Request& request);
  void AwaitPoll(Connection& c, const Request& request);
  void HandleStream(Connection& c, const Request& request);
  void AnswerPage(Connection& c, const Request& request);
  void Answer(Connection& c, const Response& response, const Request& request);
  void SendText(Connection& c, std::string text, bool keep_alive);
  void SendRest(Connection& c);
  void Linger(Connection& c);
  void Discard(Connection& c);
  void EndStream(Connection& c, SessionEnd end);
  void CloseStreams();
  void Close(Connection& c);
  void SetDeadline(Connection& c, Deadlines* list, std::int64_t after_ns);
  void CheckDeadlines();
  void BeginFinish();
  void EndAll();
  [[nodiscard]] ServerStatus MakeStatus(std::size_t sessions) const;
  [[nodiscard]] std::string LatestEvent(Kind kind) const;

  const HttpSettings& settings_;
  Listener listener_;
  const ListenAddress address_;
  int epoll_ = -1;
  int event_ = -1;
  std::thread thread_;

  // Between the threads.
  enum class Phase { kServe, kDrain, kFinish, kEnd };
  std::atomic<Phase> phase_{Phase::kServe};
  std::atomic<std::int64_t> grace_ns_{0};
  std::atomic<bool> woken_{false};
  std::atomic<bool> drained_{false};
  std::atomic<bool> history_ready_{false};
  std::atomic<bool> polls_ready_{false};
  std::atomic<Source*> begun_{nullptr};
  std::atomic<FanOut*> published_{nullptr};
  std::atomic<std::uint64_t> streams_{0};
  std::atomic<std::uint64_t> handed_{0};

  // The thread's.
  RequestReader reader_;
  Coverage coverage_;
  ClientLog log_;
  Source* source_ = nullptr;
  mutable std::optional<Renderer> renderer_;
  std::unique_ptr<FanOut> fan_out_;
  std::int64_t now_ns_ = 0;
  Ordinal head_ = 0;
  bool run_ended_ = false;
  bool finishing_ = false;
  std::int64_t finish_by_ns_ = 0;
  std::int64_t sweep_ns_ = 0;
  std::int64_t accept_again_ns_ = -1;  // descriptors are used up
  List<Connection, AllWork> all_;
  std::size_t open_ = 0;
  std::uint32_t per_address_ = 0;
  struct AddressLess {
    bool operator()(const in6_addr& a, const in6_addr& b) const;
  };
  std::map<in6_addr, std::uint32_t, AddressLess> addresses_;
  Deadlines heads_, idles_, answers_out_, lingers_;
  List<Connection, TurnWork> again_;
  List<Connection, TurnWork> polls_waiting_;
  std::vector<std::unique_ptr<Connection>> doomed_;
  std::size_t answer_bytes_ = 0;
  std::vector<PolledEvent> polled_;
  std::vector<std::uint32_t> ends_;

  struct Sample {
    std::int64_t ns = 0;
    Ordinal head = 0;
  };
  std::array<Sample, 4> samples_;  // of late seconds, the oldest first
  struct Process {
    std::int64_t until_ns = 0;  // it may be shown that long
    std::uint64_t resident_bytes = 0;
    std::uint64_t open_descriptors = 0;
    double cpu_seconds = 0;
  };
  mutable Process process_;
  std::map<int, std::uint64_t> answers_;
  std::array<std::uint64_t, kKinds> polls_{};
  std::array<std::uint64_t, kKinds> polled_events_{};
  std::uint64_t accepted_ = 0, refused_ = 0, accept_pauses_ = 0, head_timeouts_ = 0;
};

}  // namespace playload
