// KafkaTransport: events to the topics of a Kafka cluster, one record each, idempotent, acks=all.
// Every delivery report is counted; after Close(), what was accepted = acked + failed + unknown,
// always.
//
// Several producers (settings: playload.producers) share the partitions: partition p belongs to
// producer p % n alone, so that order and idempotence stay whole. One producer has one thread for
// framing, compression and checksums, which is what limits it.
//
// Threads: the Transport contract for the sender thread. One report thread per transport takes
// delivery reports, errors and log lines, and it alone replaces a producer after a fatal error. At
// full speed the sender takes the reports itself while it keeps offering, one of the two at a time.
// Counters and bootstrap() may be read by the sender thread. Ownership: accepted events are copied
// into librdkafka's queues; all together hold no more than queue.buffering.max.messages. Order:
// within a partition in the order of the plan, also over retries and rebuilds.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "generator/base/status.h"
#include "transports/kafka/client.h"
#include "transports/kafka/embedded.h"
#include "transports/kafka/settings.h"
#include "transports/transport.h"

struct rd_kafka_message_s;
struct rd_kafka_op_s;

namespace playload {

class KafkaTransport : public Transport {
 public:
  struct Options {
    KafkaAddress address;
    KafkaSettings settings;
    std::array<std::string, kKinds> topics = {"player-events", "purchase-events", "server-metrics"};
    // What the pipeline writes: their ends are recorded where they exist, and the embedded broker
    // has them. Never written to.
    std::vector<std::string> output_topics = {"player-session-summaries", "purchase-aggregates",
                                              "server-alerts", "fraud-alerts"};
    std::optional<KafkaTopicShape> create_topics;  // --create-topics; nothing: missing is an error
    std::chrono::milliseconds connect_timeout{30'000};
    // The record timestamp of event i of the batch: its planned instant, UTC, ms since 1970. Empty:
    // the instant of sending.
    std::function<std::int64_t(const Batch&, std::uint32_t)> timestamp_ms;
    KafkaLog log;  // may be empty; called by the sender's and the report thread, never at once
    // Events are offered as fast as they are taken, none waits for its instant.
    bool full_speed = false;
    std::chrono::milliseconds say_every{5'000};  // between two "waiting" lines
    int max_rebuilds = 10;                       // of the producer, without an acknowledgement
  };

  static constexpr int kEmbeddedPartitions = 6;

  // `deliveries` outlives the transport.
  KafkaTransport(Options options, Deliveries* deliveries);
  ~KafkaTransport() override;  // closes
  KafkaTransport(const KafkaTransport&) = delete;
  KafkaTransport& operator=(const KafkaTransport&) = delete;

  [[nodiscard]] std::string name() const override;
  Status Open(const std::atomic<bool>& stop) override;
  [[nodiscard]] std::uint32_t Offer(const Batch& batch, std::uint32_t from,
                                    std::uint32_t to) override;
  [[nodiscard]] Status failed() const override;
  Status Flush(std::chrono::steady_clock::time_point deadline,
               const std::atomic<bool>& hurry) override;
  Status Close() override;

  // After Open():
  // The brokers, the embedded one's real address too.
  [[nodiscard]] const std::string& bootstrap() const { return bootstrap_; }
  // By topic, per partition: the offset that the first record of this run gets at the earliest. The
  // run's topics, and those of the pipeline that exist.
  [[nodiscard]] const std::map<std::string, std::vector<std::int64_t>>& start_offsets() const {
    return start_offsets_;
  }
  // Null unless the address is the embedded one. It lives as long as the transport, past Close().
  [[nodiscard]] EmbeddedKafka* embedded() const { return embedded_.get(); }

 private:
  // What is remembered of each event that librdkafka holds: its opaque points to one. (A record
  // that comes back failed has no timestamp any more.)
  struct Slot {
    Position position;
    std::int64_t timestamp_ms;
    std::int64_t sent_ns;
    bool maybe;  // an earlier attempt may have been written
  };
  struct Block;
  // A topic's partition. Its reports come in the order of its records, so its slots lie in that
  // order in blocks of its own: all threads read and write them in sequence.
  struct Lane {
    Kind kind;
    std::int32_t partition;
    std::uint32_t producer;
    Block* block;  // the one that slots are taken from
  };
  // One librdkafka producer; replaced whole after a fatal error.
  struct Producer {
    KafkaHandle handle;
    std::array<KafkaTopic, kKinds> topics;  // destroyed before handle
    KafkaQueue events;                      // destroyed before handle
  };
  struct Instance {
    Producer producer;
    std::int64_t produced = 0;  // guarded by producer_mutex_
    std::int64_t reported = 0;  // guarded by report_mutex_
    std::string fatal;          // guarded by report_mutex_: why it is of no use, "" while it is
    bool purged = false;        // guarded by report_mutex_
  };
  // An event that is to be sent later: it came back, or the queue had no room for its bytes.
  struct Pending {
    Position position;
    std::int64_t timestamp_ms;
    std::uint32_t lane;
    bool maybe;  // an earlier attempt may have been written
    std::string key;
    std::string value;
  };
  enum class Produced { kYes, kFull, kFatal, kRefused };

  Status MakeProducer(Producer* out) const;
  static void Destroy(Producer* producer);
  [[nodiscard]] Status WarmUp(const Producer& producer, const std::atomic<bool>& stop) const;
  // What is accepted and has no fate yet. Below 0 for a moment while Offer() runs.
  [[nodiscard]] std::int64_t OpenEvents() const;
  // Sender thread: false when the deadline or `hurry` came first.
  [[nodiscard]] bool WaitUntilSettled(std::chrono::steady_clock::time_point deadline,
                                      const std::atomic<bool>* hurry);
  void Wake() const;
  void StopReports();
  void CountQueueFull();

  // REQUIRES: producer_mutex_.
  Produced ProduceOne(std::uint32_t lane, const Slot& what, std::string_view key,
                      std::string_view value);
  Block* BlockFor(std::uint32_t lane, std::size_t size);
  void OfferOne(const Batch& batch, std::uint32_t i, std::uint32_t lane, std::int64_t now_ns);
  void SortByLane(const Batch& batch, std::uint32_t from, std::uint32_t to);
  [[nodiscard]] std::uint32_t LaneOf(const Batch& batch, std::uint32_t i) const;
  bool SendSpill();

  // REQUIRES: report_mutex_. Those below Rebuild() run on the report thread.
  bool TakeAll();
  bool Take(Instance* instance);
  void OnReports(Instance* instance, rd_kafka_op_s* event);
  void OnFailure(Instance* instance, const rd_kafka_message_s& message);
  void GiveBack(Block* block, std::int32_t n);
  void CheckFatal(Instance* instance);
  void Lose(Kind kind, Position position, bool maybe, const std::string& reason);
  void WaitForReports(std::chrono::milliseconds timeout) const;
  void ReportLoop();
  void Rebuild(Instance* instance);
  void Resend();
  void GiveUp(std::vector<Pending>* pending, std::size_t* next);
  void TellWaiting();
  void Say(const std::string& line) const;

  const Options options_;
  Deliveries& deliveries_;

  // Constant after Open().
  std::unique_ptr<EmbeddedKafka> embedded_;
  std::string bootstrap_;
  std::map<std::string, std::vector<std::int64_t>> start_offsets_;
  std::array<std::uint32_t, kKinds> partitions_{};  // the mapping of keys is frozen
  std::array<std::uint32_t, kKinds> first_lane_{};
  std::int64_t window_ = 0;  // open events, at most
  int wake_fd_ = -1;         // an eventfd: librdkafka writes to it when reports come

  // Offer() tries it; the report thread holds it while it replaces a producer. When both are held,
  // the sender has tried for the second, so that their order does not matter.
  std::mutex producer_mutex_;
  std::vector<Instance> instances_;
  std::vector<Lane> lanes_;
  std::vector<std::unique_ptr<Block>> blocks_;
  Block* free_ = nullptr;
  std::vector<Pending> spill_;  // accepted, not yet in a queue, from spill_next_ on
  std::size_t spill_next_ = 0;
  std::atomic<bool> spilled_{false};  // there is some

  std::mutex report_mutex_;
  std::atomic<Block*> given_back_{nullptr};
  std::atomic<bool> offering_{false};  // at full speed: the sender takes the reports

  std::array<std::atomic<std::int64_t>, kKinds> accepted_{};  // sender thread
  std::array<std::atomic<std::int64_t>, kKinds> settled_{};   // whoever holds report_mutex_
  std::atomic<bool> held_{false};     // events wait to be sent again: nothing new before them
  std::atomic<bool> abandon_{false};  // what is open is given up; never reset
  std::atomic<bool> stop_{false};     // the report thread ends
  mutable std::mutex mutex_;
  Status failed_;  // guarded by mutex_

  // Sender thread.
  bool closed_ = false;
  Status close_status_;
  std::array<Position, kKinds> last_accepted_{};
  std::int64_t full_since_ns_ = -1;
  std::array<std::int64_t, kKinds> accepted_now_{};  // by the Offer() that runs
  std::vector<std::uint32_t> lane_begin_;            // of SortByLane()
  std::vector<std::uint32_t> lane_of_;
  std::vector<std::uint32_t> sorted_;

  // Guarded by report_mutex_.
  std::vector<Pending> backlog_;  // to be sent again from backlog_next_ on, by position
  std::size_t backlog_next_ = 0;
  std::string abandon_reason_;  // "" when the deadline is the reason; constant after abandon_
  int rebuilds_without_ack_ = 0;
  std::string last_error_;
  std::chrono::steady_clock::time_point waiting_since_;
  std::chrono::steady_clock::time_point said_;
  bool told_waiting_ = false;

  std::thread report_thread_;
};

}  // namespace playload
