// KafkaTransport: events to the topics of a Kafka cluster, one record each, idempotent, acks=all.
// Every delivery report is counted; after Close(), what was accepted = acked + failed + unknown,
// always.
//
// Threads: the Transport contract for the sender thread. One report thread per transport takes
// delivery reports, errors and log lines; it alone tells Deliveries of acknowledgements, and it
// alone replaces the producer after a fatal error. Counters and bootstrap() may be read by the
// sender thread. Ownership: accepted events are copied into librdkafka's queue (settings:
// queue.buffering.max.messages). Order: within a partition in the order of the plan, also over
// retries and rebuilds.
//
// A later version may run several producers, each owning some of the partitions (so that order and
// idempotence stay whole): the instance is one struct for that reason, and batches per partition
// and rd_kafka_produce_batch would go where ProduceOne() is.

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
  // One librdkafka producer; replaced whole after a fatal error.
  struct Instance {
    KafkaHandle handle;
    std::array<KafkaTopic, kKinds> topics;  // destroyed before handle
    KafkaQueue events;                      // destroyed before handle
  };
  // What is remembered of each event that librdkafka holds: its opaque points to one. (A record
  // that comes back failed has no timestamp any more.)
  struct Slot {
    Position position;
    std::int64_t timestamp_ms;
    Slot* next;  // while it is free
    Kind kind;
    bool maybe;  // an earlier attempt may have been written
  };
  // An event that came back and is to be sent again.
  struct Pending {
    Position position;
    std::int64_t timestamp_ms;
    std::int32_t partition;
    Kind kind;
    bool maybe;  // an earlier attempt may have been written
    std::string key;
    std::string value;
  };
  enum class Produced { kYes, kFull, kFatal, kRefused };

  Status MakeInstance(Instance* out) const;
  void DestroyInstance();
  [[nodiscard]] Status WarmUp(const std::atomic<bool>& stop) const;
  Produced ProduceOne(const Slot& what, std::int32_t partition, std::string_view key,
                      std::string_view value);
  Slot* TakeSlot();
  // What is accepted and has no fate yet. Below 0 for a moment while Offer() runs.
  [[nodiscard]] std::int64_t OpenEvents() const;
  // Sender thread: false when the deadline or `hurry` came first.
  [[nodiscard]] bool WaitUntilSettled(std::chrono::steady_clock::time_point deadline,
                                      const std::atomic<bool>* hurry);
  void StopReports();
  void CountQueueFull();

  // Report thread.
  void ReportLoop();
  bool Take(std::chrono::milliseconds timeout);
  void OnReport(const rd_kafka_message_s& message, std::int64_t now_ns);
  void GiveBack(Slot* slot);
  void CheckFatal();
  void Lose(Kind kind, Position position, bool maybe, const std::string& reason);
  void Rebuild();
  void Resend();
  void GiveUpBacklog(const std::string& reason);
  void TellWaiting();
  void Say(const std::string& line) const;

  const Options options_;
  Deliveries& deliveries_;

  // Constant after Open().
  std::unique_ptr<EmbeddedKafka> embedded_;
  std::string bootstrap_;
  std::map<std::string, std::vector<std::int64_t>> start_offsets_;
  std::array<std::uint32_t, kKinds> partitions_{};  // the mapping of keys is frozen

  // Offer() tries it; the report thread holds it while it replaces the producer.
  std::mutex producer_mutex_;
  Instance instance_;

  std::array<std::atomic<std::int64_t>, kKinds> accepted_{};  // sender thread
  std::array<std::atomic<std::int64_t>, kKinds> settled_{};   // report thread
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

  // Slots are taken by whoever may produce (the sender, or the report thread while held_ is set)
  // and given back by the report thread, a chain per batch of reports: whole chains change hands.
  std::vector<std::unique_ptr<Slot[]>> slots_;
  Slot* free_ = nullptr;
  std::atomic<Slot*> given_back_{nullptr};
  Slot* chain_ = nullptr;  // report thread: to be given back
  Slot* chain_last_ = nullptr;

  // Report thread.
  std::vector<Pending> backlog_;  // to be sent again from backlog_next_ on, by position
  std::size_t backlog_next_ = 0;
  std::string fatal_;  // why the instance is of no use any more, "" while it is
  bool purged_ = false;
  std::string abandon_reason_;  // "" when the deadline is the reason
  int rebuilds_without_ack_ = 0;
  std::string last_error_;
  std::chrono::steady_clock::time_point waiting_since_;
  std::chrono::steady_clock::time_point said_;
  bool told_waiting_ = false;

  std::thread report_thread_;
};

}  // namespace playload
