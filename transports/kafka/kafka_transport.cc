#include "transports/kafka/kafka_transport.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "generator/base/text.h"
#include "transports/kafka/partition.h"

namespace playload {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kPoll{50};      // flags are looked at this often when no report comes
constexpr milliseconds kQuiet{1'000};  // after a fatal error: no report for so long, then purge
constexpr seconds kInFlight{10};       // after a fatal error: answers on their way are waited for
constexpr seconds kPurge{30};          // a purge is a matter of milliseconds
constexpr milliseconds kMaxPause{2'000};  // between two rebuilds
constexpr std::size_t kReportsAtOnce = 512;
constexpr std::size_t kSlotsAtOnce = 4096;

struct EventDelete {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
struct MetadataDelete {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};

std::int64_t NowNs() {
  return duration_cast<std::chrono::nanoseconds>(SteadyClock::now().time_since_epoch()).count();
}

std::string Reason(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
      return "not sent before the deadline";
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
      return "not acknowledged before the deadline";
    default:
      return rd_kafka_err2name(error);
  }
}

}  // namespace

KafkaTransport::KafkaTransport(Options options, Deliveries* deliveries)
    : options_(std::move(options)),
      deliveries_(*deliveries),
      bootstrap_(options_.address.brokers) {}

KafkaTransport::~KafkaTransport() { (void)Close(); }

std::string KafkaTransport::name() const {
  return "kafka://" + (options_.address.embedded ? "embedded" : options_.address.brokers);
}

Status KafkaTransport::MakeInstance(Instance* out) const {
  auto handle = MakeKafkaHandle(options_.settings, KafkaSettings::Role::kProducer, bootstrap_,
                                RD_KAFKA_EVENT_DR);
  if (!handle) return handle.error();
  out->handle = std::move(*handle);
  out->events.reset(rd_kafka_queue_get_main(out->handle.get()));
  for (unsigned kind = 0; kind < kKinds; ++kind) {
    const std::string& topic = options_.topics[kind];
    out->topics[kind].reset(rd_kafka_topic_new(out->handle.get(), topic.c_str(), nullptr));
    if (out->topics[kind] == nullptr) {
      return Invalid("topic '" + topic + "': " + rd_kafka_err2str(rd_kafka_last_error()));
    }
  }
  return {};
}

Status KafkaTransport::Open(const std::atomic<bool>& stop) {
  if (options_.address.embedded) {
    std::vector<std::string> topics(options_.topics.begin(), options_.topics.end());
    topics.insert(topics.end(), options_.output_topics.begin(), options_.output_topics.end());
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    auto embedded = EmbeddedKafka::Start(topics, kEmbeddedPartitions);
    if (!embedded) return embedded.error();
    embedded_ = std::move(*embedded);
    bootstrap_ = embedded_->bootstrap();
  }
  // Everything that can be found wrong is found by a client of its own, so that the producer starts
  // with nothing but its work.
  {
    KafkaClient::Options options;
    options.brokers = bootstrap_;
    options.settings = options_.settings;
    options.log = options_.log;
    options.say_every = options_.say_every;
    options.patience = options_.connect_timeout;
    auto client = KafkaClient::Make(std::move(options));
    if (!client) return client.error();
    KafkaClient& kafka = **client;
    if (Status s = kafka.WaitForBroker(options_.connect_timeout, stop); !s.ok()) return s;
    for (unsigned kind = 0; kind < kKinds; ++kind) {
      auto partitions = kafka.EnsureTopic(options_.topics[kind], options_.create_topics, stop);
      if (!partitions) return partitions.error();
      partitions_[kind] = static_cast<std::uint32_t>(*partitions);
      auto range = kafka.Offsets(options_.topics[kind], *partitions);
      if (!range) return range.error();
      start_offsets_[options_.topics[kind]] = std::move(range->end);
    }
    for (const std::string& topic : options_.output_topics) {
      auto partitions = kafka.Partitions(topic, stop);
      if (!partitions) return partitions.error();
      if (!partitions->has_value()) continue;
      auto range = kafka.Offsets(topic, **partitions);
      if (!range) return range.error();
      start_offsets_[topic] = std::move(range->end);
    }
  }
  if (Status s = MakeInstance(&instance_); !s.ok()) return s;
  if (Status s = WarmUp(stop); !s.ok()) return s;
  waiting_since_ = said_ = SteadyClock::now();
  report_thread_ = std::thread([this] { ReportLoop(); });
  return {};
}

// The first record to a topic whose metadata the producer does not know waits for up to a second.
Status KafkaTransport::WarmUp(const std::atomic<bool>& stop) const {
  constexpr int kTryMs = 500;
  const SteadyClock::time_point deadline = SteadyClock::now() + options_.connect_timeout;
  for (const KafkaTopic& topic : instance_.topics) {
    for (;;) {
      const rd_kafka_metadata_t* got = nullptr;
      const rd_kafka_resp_err_t error =
          rd_kafka_metadata(instance_.handle.get(), 0, topic.get(), &got, kTryMs);
      const std::unique_ptr<const rd_kafka_metadata_t, MetadataDelete> metadata(got);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
      if (stop) return {Code::kInterrupted, "interrupted while connecting to Kafka"};
      if (SteadyClock::now() >= deadline) {
        return {Code::kUnreachable, "Kafka at " + bootstrap_ + ": " + rd_kafka_err2str(error)};
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
  return {};
}

KafkaTransport::Slot* KafkaTransport::TakeSlot() {
  // Pairs with the release in Take(): what the report thread read of the slots is read.
  if (free_ == nullptr) free_ = given_back_.exchange(nullptr, std::memory_order_acquire);
  if (free_ == nullptr) {
    slots_.push_back(std::make_unique<Slot[]>(kSlotsAtOnce));
    Slot* slots = slots_.back().get();
    for (std::size_t i = 0; i < kSlotsAtOnce; ++i) {
      slots[i].next = i + 1 < kSlotsAtOnce ? &slots[i + 1] : nullptr;
    }
    free_ = slots;
  }
  return std::exchange(free_, free_->next);
}

// Produces one record, with a slot of its own that remembers `what`.
KafkaTransport::Produced KafkaTransport::ProduceOne(const Slot& what, std::int32_t partition,
                                                    std::string_view key, std::string_view value) {
  rd_kafka_topic_t* topic = instance_.topics[static_cast<unsigned>(what.kind)].get();
  Slot* slot = TakeSlot();
  *slot = what;
  // librdkafka only reads key and value, though its interface has no const. The tags are given
  // plainly because the macros that make them (RD_KAFKA_V_...) are C casts.
  const rd_kafka_resp_err_t error = rd_kafka_producev(
      instance_.handle.get(), RD_KAFKA_VTYPE_RKT, topic, RD_KAFKA_VTYPE_PARTITION, partition,
      RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_MSG_F_COPY, RD_KAFKA_VTYPE_VALUE,
      const_cast<char*>(value.data()), value.size(), RD_KAFKA_VTYPE_KEY,
      const_cast<char*>(key.data()), key.size(), RD_KAFKA_VTYPE_TIMESTAMP, what.timestamp_ms,
      RD_KAFKA_VTYPE_OPAQUE, static_cast<void*>(slot), RD_KAFKA_VTYPE_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    slot->next = free_;
    free_ = slot;
  }
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return Produced::kYes;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return Produced::kFull;
    case RD_KAFKA_RESP_ERR__FATAL:
      return Produced::kFatal;
    default:
      // Too large, the topic or the partition is gone: this event will never go.
      deliveries_.Lost(what.maybe ? Fate::kUnknown : Fate::kFailed, what.kind, what.position,
                       Reason(error));
      return Produced::kRefused;
  }
}

std::uint32_t KafkaTransport::Offer(const Batch& batch, std::uint32_t from, std::uint32_t to) {
  if (abandon_ || held_) return 0;
  const std::unique_lock lock(producer_mutex_, std::try_to_lock);
  if (!lock || held_ || instance_.handle == nullptr) return 0;
  std::array<std::int64_t, kKinds> accepted{};
  bool full = false;
  std::uint32_t i = from;
  for (; i < to; ++i) {
    const Kind kind = batch.events[i].kind;
    const auto k = static_cast<unsigned>(kind);
    const std::string_view key = batch.key(i);
    // 0 would mean "now" to librdkafka; the first instant of 1970 is stamped a millisecond late.
    const std::int64_t timestamp =
        options_.timestamp_ms ? std::max<std::int64_t>(1, options_.timestamp_ms(batch, i)) : 0;
    const Position position = batch.position(i);
    const Produced produced = ProduceOne({position, timestamp, nullptr, kind, false},
                                         PartitionOf(key, partitions_[k]), key, batch.value(i));
    if (produced == Produced::kFull || produced == Produced::kFatal) {
      full = produced == Produced::kFull;
      break;
    }
    if (produced == Produced::kYes) {
      ++accepted[k];
      last_accepted_[k] = position;
    }
  }
  for (unsigned k = 0; k < kKinds; ++k) accepted_[k].fetch_add(accepted[k]);
  if (i > from) CountQueueFull();
  if (full && full_since_ns_ < 0) full_since_ns_ = NowNs();
  return i - from;
}

void KafkaTransport::CountQueueFull() {
  if (full_since_ns_ < 0) return;
  deliveries_.Count("queue_full", 1);
  deliveries_.Count("queue_full_ns", static_cast<std::uint64_t>(NowNs() - full_since_ns_));
  full_since_ns_ = -1;
}

Status KafkaTransport::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::int64_t KafkaTransport::OpenEvents() const {
  std::int64_t open = 0;
  for (unsigned k = 0; k < kKinds; ++k) open += accepted_[k].load() - settled_[k].load();
  return open;
}

bool KafkaTransport::WaitUntilSettled(SteadyClock::time_point deadline,
                                      const std::atomic<bool>* hurry) {
  constexpr milliseconds kSlice{20};
  while (OpenEvents() > 0) {
    if ((hurry != nullptr && *hurry) || SteadyClock::now() >= deadline) return false;
    {
      // Makes librdkafka send at once what still lingers. Its return value says nothing: the
      // reports are taken by another thread, and our own count alone knows when all have been.
      const std::unique_lock lock(producer_mutex_, std::try_to_lock);
      if (lock && instance_.handle != nullptr) {
        (void)rd_kafka_flush(instance_.handle.get(), static_cast<int>(kSlice.count()));
      }
    }
    // Reports may be taken and still be open (to be sent again): not a busy loop then either.
    if (OpenEvents() > 0) std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

Status KafkaTransport::Flush(SteadyClock::time_point deadline, const std::atomic<bool>& hurry) {
  if (!report_thread_.joinable()) return failed();
  if (WaitUntilSettled(deadline, &hurry)) return failed();
  const std::int64_t open = OpenEvents();
  abandon_ = true;
  (void)WaitUntilSettled(SteadyClock::now() + kPurge, nullptr);
  if (Status s = failed(); !s.ok()) return s;
  return {Code::kDestination, "Kafka at " + bootstrap_ + ": " +
                                  FormatCount(static_cast<std::uint64_t>(open)) +
                                  " events were not acknowledged in time"};
}

Status KafkaTransport::Close() {
  if (closed_) return close_status_;
  closed_ = true;
  CountQueueFull();
  StopReports();
  const std::lock_guard lock(producer_mutex_);
  DestroyInstance();
  return close_status_;
}

// By moving out, not by assigning an empty one: assignment would end the handle before what hangs
// on it.
void KafkaTransport::DestroyInstance() { const Instance gone(std::move(instance_)); }

void KafkaTransport::StopReports() {
  if (!report_thread_.joinable()) return;
  if (OpenEvents() > 0) {
    abandon_ = true;
    (void)WaitUntilSettled(SteadyClock::now() + kPurge, nullptr);
  }
  stop_ = true;
  report_thread_.join();
  // librdkafka owes one report per record. Should it ever not keep to that, the counts still add
  // up.
  for (unsigned k = 0; k < kKinds; ++k) {
    for (std::int64_t open = accepted_[k] - settled_[k]; open > 0; --open) {
      deliveries_.Lost(Fate::kUnknown, static_cast<Kind>(k), last_accepted_[k],
                       "no delivery report");
      settled_[k].fetch_add(1);
      close_status_ = {Code::kInternal, "Kafka at " + bootstrap_ +
                                            ": librdkafka gave no delivery report for some events"};
    }
  }
}

// ---- Report thread ----

void KafkaTransport::ReportLoop() {
  while (!stop_) {
    (void)Take(kPoll);
    if (abandon_) {
      GiveUpBacklog(abandon_reason_.empty() ? "not sent before the deadline" : abandon_reason_);
      if (!purged_) {
        purged_ = true;
        (void)rd_kafka_purge(instance_.handle.get(),
                             RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
      }
    } else if (!fatal_.empty()) {
      Rebuild();
    } else if (held_) {
      Resend();
    }
    TellWaiting();
  }
}

// Takes one event from the queue, which may hold many reports. False: none came.
bool KafkaTransport::Take(milliseconds timeout) {
  const std::unique_ptr<rd_kafka_event_t, EventDelete> event(
      rd_kafka_queue_poll(instance_.events.get(), static_cast<int>(timeout.count())));
  if (event == nullptr) return false;
  switch (rd_kafka_event_type(event.get())) {
    case RD_KAFKA_EVENT_DR: {
      const SteadyClock::time_point now = SteadyClock::now();
      const std::int64_t now_ns =
          duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
      std::array<const rd_kafka_message_t*, kReportsAtOnce> reports;  // NOLINT: filled below
      std::size_t n = 0;
      while ((n = rd_kafka_event_message_array(event.get(), reports.data(), reports.size())) > 0) {
        for (std::size_t i = 0; i < n; ++i) OnReport(*reports[i], now_ns);
      }
      if (chain_ != nullptr) {
        chain_last_->next = given_back_.load(std::memory_order_relaxed);
        while (!given_back_.compare_exchange_weak(chain_last_->next, chain_,
                                                  std::memory_order_release)) {
        }
        chain_ = chain_last_ = nullptr;
      }
      waiting_since_ = now;
      break;
    }
    case RD_KAFKA_EVENT_ERROR: {
      const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
      const char* text = rd_kafka_event_error_string(event.get());
      // "All brokers are down" follows the error that says why: keep that one.
      if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || last_error_.empty()) {
        last_error_ = text == nullptr ? rd_kafka_err2str(error) : text;
      }
      CheckFatal();
      break;
    }
    case RD_KAFKA_EVENT_LOG: {
      const char* facility = nullptr;
      const char* text = nullptr;
      int level = 0;
      if (rd_kafka_event_log(event.get(), &facility, &text, &level) == 0 &&
          WorthShowing(level, facility, options_.settings)) {
        Say(std::string("librdkafka: ") + text);
      }
      break;
    }
    default:
      break;
  }
  return true;
}

void KafkaTransport::GiveBack(Slot* slot) {
  slot->next = chain_;
  if (chain_ == nullptr) chain_last_ = slot;
  chain_ = slot;
}

void KafkaTransport::OnReport(const rd_kafka_message_t& message, std::int64_t now_ns) {
  auto* slot = static_cast<Slot*>(message._private);
  const Slot what = *slot;
  GiveBack(slot);
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_message_status(&message) == RD_KAFKA_MSG_STATUS_PERSISTED) {
    const std::int64_t latency_us = rd_kafka_message_latency(&message);
    deliveries_.Acked(what.kind, what.position, now_ns,
                      latency_us < 0 ? -1 : now_ns - latency_us * 1'000);
    settled_[static_cast<unsigned>(what.kind)].fetch_add(1);
    rebuilds_without_ack_ = 0;
    return;
  }
  const bool maybe =
      what.maybe || rd_kafka_message_status(&message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
  CheckFatal();
  if (fatal_.empty() || abandon_) {
    const bool purged = message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                        message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    Lose(what.kind, what.position, maybe,
         purged && !abandon_reason_.empty() ? abandon_reason_ : Reason(message.err));
    return;
  }
  backlog_.push_back({.position = what.position,
                      .timestamp_ms = what.timestamp_ms,
                      .partition = message.partition,
                      .kind = what.kind,
                      .maybe = maybe,
                      .key = {static_cast<const char*>(message.key), message.key_len},
                      .value = {static_cast<const char*>(message.payload), message.len}});
}

void KafkaTransport::CheckFatal() {
  if (!fatal_.empty()) return;
  std::array<char, 512> text{};
  if (rd_kafka_fatal_error(instance_.handle.get(), text.data(), text.size()) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    fatal_ = text.data();
    if (fatal_.empty()) fatal_ = "fatal producer error";
  }
}

void KafkaTransport::Lose(Kind kind, Position position, bool maybe, const std::string& reason) {
  deliveries_.Lost(maybe ? Fate::kUnknown : Fate::kFailed, kind, position, reason);
  settled_[static_cast<unsigned>(kind)].fetch_add(1);
}

void KafkaTransport::GiveUpBacklog(const std::string& reason) {
  for (; backlog_next_ < backlog_.size(); ++backlog_next_) {
    const Pending& p = backlog_[backlog_next_];
    Lose(p.kind, p.position, p.maybe, reason);
  }
  backlog_.clear();
  backlog_next_ = 0;
}

// The producer is of no use after a fatal error (librdkafka 2.0.2 raises one after a disconnect at
// the wrong moment: #4438). Everything it holds is taken back, a new one is made, and what was not
// acknowledged goes first, in order. A record whose fate is not known may then be there twice.
void KafkaTransport::Rebuild() {
  const std::lock_guard lock(producer_mutex_);  // no Offer() meanwhile
  // Re-sending was under way: what is left of it comes after what came back.
  backlog_.erase(backlog_.begin(), backlog_.begin() + static_cast<std::ptrdiff_t>(backlog_next_));
  backlog_next_ = 0;
  const auto in_instance = [this] {
    return OpenEvents() - static_cast<std::int64_t>(backlog_.size());
  };
  // librdkafka returns what was queued at once, and waits for the answers to what was under way:
  // these say whether it was written. What stays unanswered is taken back by a purge.
  SteadyClock::time_point deadline = SteadyClock::now() + kInFlight;
  SteadyClock::time_point last = SteadyClock::now();
  while (in_instance() > 0 && !abandon_ && SteadyClock::now() < deadline &&
         SteadyClock::now() - last < kQuiet) {
    if (Take(kPoll)) last = SteadyClock::now();
  }
  if (in_instance() > 0) {
    (void)rd_kafka_purge(instance_.handle.get(),
                         RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    deadline = SteadyClock::now() + kPurge;
    while (in_instance() > 0 && SteadyClock::now() < deadline) (void)Take(kPoll);
  }
  if (abandon_) return;  // the loop gives up the backlog
  std::sort(backlog_.begin(), backlog_.end(),
            [](const Pending& a, const Pending& b) { return a.position < b.position; });
  Say("Kafka at " + bootstrap_ + ": producer failed (" + fatal_ + "); a new one is made, " +
      FormatCount(backlog_.size()) + " events are sent again");
  const auto give_up = [this](const std::string& why) {
    abandon_reason_ = "the producer failed";
    {
      const std::lock_guard status_lock(mutex_);
      failed_ = {Code::kDestination,
                 options_.settings.Scrub("Kafka at " + bootstrap_ + ": " + why)};
    }
    abandon_ = true;
  };
  if (++rebuilds_without_ack_ > options_.max_rebuilds) {
    give_up("the producer failed " + std::to_string(rebuilds_without_ack_) +
            " times in a row: " + fatal_);
    return;
  }
  deliveries_.Count("producer_rebuilds", 1);
  if (rebuilds_without_ack_ > 1) {
    const int doublings = std::min(rebuilds_without_ack_ - 2, 5);
    const auto until =
        SteadyClock::now() + std::min(milliseconds(100) * (1 << doublings), kMaxPause);
    while (!abandon_ && SteadyClock::now() < until) std::this_thread::sleep_for(milliseconds(10));
  }
  Instance fresh;
  if (const Status s = MakeInstance(&fresh); !s.ok()) {
    give_up("no new producer: " + s.message());
    return;
  }
  DestroyInstance();
  instance_ = std::move(fresh);
  fatal_.clear();
  held_ = !backlog_.empty();
}

// Sends the backlog again, as much as the queue takes. Offer() takes nothing until it is empty.
void KafkaTransport::Resend() {
  std::uint64_t resent = 0;
  std::uint64_t duplicates = 0;
  for (; backlog_next_ < backlog_.size(); ++backlog_next_) {
    const Pending& p = backlog_[backlog_next_];
    const Produced produced = ProduceOne({p.position, p.timestamp_ms, nullptr, p.kind, p.maybe},
                                         p.partition, p.key, p.value);
    if (produced == Produced::kFull) break;
    if (produced == Produced::kFatal) {
      CheckFatal();
      break;
    }
    if (produced == Produced::kRefused) {
      settled_[static_cast<unsigned>(p.kind)].fetch_add(1);
      continue;
    }
    ++resent;
    if (p.maybe) ++duplicates;
  }
  deliveries_.Count("resent", resent);
  deliveries_.Count("possible_duplicates", duplicates);
  if (backlog_next_ == backlog_.size()) {
    backlog_ = {};  // its memory too
    backlog_next_ = 0;
    held_ = false;
  }
}

void KafkaTransport::TellWaiting() {
  const SteadyClock::time_point now = SteadyClock::now();
  const std::int64_t open = OpenEvents();
  if (open <= 0) waiting_since_ = now;
  const auto waiting = now - waiting_since_;
  if (waiting < options_.say_every) {
    if (told_waiting_) Say("Kafka at " + bootstrap_ + " acknowledges again");
    told_waiting_ = false;
    return;
  }
  if (now - said_ < options_.say_every) return;
  said_ = now;
  told_waiting_ = true;
  Say("waiting for Kafka at " + bootstrap_ + " ... " +
      std::to_string(duration_cast<seconds>(waiting).count()) + "s without an acknowledgement, " +
      FormatCount(static_cast<std::uint64_t>(open)) + " events are kept" +
      (last_error_.empty() ? "" : " (" + last_error_ + ")"));
}

void KafkaTransport::Say(const std::string& line) const {
  if (options_.log) options_.log(options_.settings.Scrub(line));
}

}  // namespace playload
