#include "transports/kafka/kafka_transport.h"

#include <librdkafka/rdkafka.h>
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
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
constexpr milliseconds kOffering{5};   // and this often while the sender takes the reports
constexpr milliseconds kQuiet{1'000};  // after a fatal error: no report for so long, then purge
constexpr seconds kInFlight{10};       // after a fatal error: answers on their way are waited for
constexpr seconds kPurge{30};          // a purge is a matter of milliseconds
constexpr milliseconds kMaxPause{2'000};  // between two rebuilds
constexpr std::size_t kReportsAtOnce = 512;
constexpr std::uint32_t kGroupFrom = 32;  // fewer events are sent as they come
constexpr std::int64_t kRoomPart = 16;    // at full speed, of the window: the least that is taken
constexpr std::size_t kLargest = 4'096;   // value that is copied into a block
// librdkafka's own bound, which is not to be met: the transport's comes before it.
constexpr const char* kNoBound = "2147483647";

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

// librdkafka builds each request in a new buffer of about 1 MiB. glibc would map it for that and
// unmap it again, or trim its heap after it: every page of it then faults once a request. Kept,
// it is 0.04 us of system time an event instead of 0.10. For the whole process, as glibc has it.
void KeepFreedMemory() {
#ifdef __GLIBC__
  constexpr int kMiB = 1 << 20;
  (void)mallopt(M_MMAP_THRESHOLD, 32 * kMiB);
  (void)mallopt(M_TRIM_THRESHOLD, 512 * kMiB);
  (void)mallopt(M_TOP_PAD, kMiB);
#endif
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

// Slots of a lane and the values of their events, one after the other: what librdkafka's thread
// copies from is then contiguous, and its own memory of an event is small and of few sizes.
// Aligned to its size: the block of a slot is found by rounding the slot's address down.
struct alignas(16'384) KafkaTransport::Block {
  static constexpr std::uint32_t kSlots = 64;
  static constexpr std::size_t kBytes = 16'384 - kSlots * sizeof(Slot) - 32;
  static constexpr std::int32_t kTaken = 1 << 30;  // more than there can be of slots
  static Block* Of(Slot* slot) {
    return reinterpret_cast<Block*>(  // NOLINT: see above
        reinterpret_cast<std::uintptr_t>(slot) & ~(std::uintptr_t{alignof(Block)} - 1));
  }
  [[nodiscard]] bool HasRoom(std::size_t size) const {
    return used < kSlots && size <= kBytes - bytes_used;
  }

  Block* next = nullptr;  // while it is free
  std::uint32_t lane = 0;
  std::uint32_t used = 0;
  std::uint32_t bytes_used = 0;
  // Slots without a report yet, and kTaken while more can be taken: free again at 0.
  std::atomic<std::int32_t> open{kTaken};
  std::array<Slot, kSlots> slots;
  std::array<char, kBytes> bytes;
};

KafkaTransport::KafkaTransport(Options options, Deliveries* deliveries)
    : options_(std::move(options)),
      deliveries_(*deliveries),
      bootstrap_(options_.address.brokers) {}

KafkaTransport::~KafkaTransport() { (void)Close(); }

std::string KafkaTransport::name() const {
  return "kafka://" + (options_.address.embedded ? "embedded" : options_.address.brokers);
}

Status KafkaTransport::MakeProducer(Producer* out) const {
  const std::int64_t kbytes = options_.settings.GetNumber("queue.buffering.max.kbytes", 1'048'576);
  const auto share = std::max<std::int64_t>(
      1, kbytes / static_cast<std::int64_t>(std::max<std::size_t>(1, instances_.size())));
  auto handle = MakeKafkaHandle(options_.settings.With("queue.buffering.max.messages", kNoBound)
                                    .With("queue.buffering.max.kbytes", std::to_string(share)),
                                KafkaSettings::Role::kProducer, bootstrap_, RD_KAFKA_EVENT_DR);
  if (!handle) return handle.error();
  out->handle = std::move(*handle);
  out->events.reset(rd_kafka_queue_get_main(out->handle.get()));
  constexpr std::uint64_t kOne = 1;
  rd_kafka_queue_io_event_enable(out->events.get(), wake_fd_, &kOne, sizeof kOne);
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
  if (options_.full_speed) KeepFreedMemory();
  window_ = options_.settings.GetNumber("queue.buffering.max.messages", 100'000);
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ < 0) return {Code::kInternal, "Kafka: no eventfd"};
  const std::uint32_t most = *std::max_element(partitions_.begin(), partitions_.end());
  const auto wanted =
      static_cast<std::uint32_t>(options_.settings.GetNumber(KafkaSettings::kProducers, 1));
  instances_ = std::vector<Instance>(std::min(wanted, most));
  for (unsigned kind = 0; kind < kKinds; ++kind) {
    first_lane_[kind] = static_cast<std::uint32_t>(lanes_.size());
    for (std::uint32_t p = 0; p < partitions_[kind]; ++p) {
      lanes_.push_back({static_cast<Kind>(kind), static_cast<std::int32_t>(p),
                        p % static_cast<std::uint32_t>(instances_.size()), nullptr});
    }
  }
  for (Instance& instance : instances_) {
    if (Status s = MakeProducer(&instance.producer); !s.ok()) return s;
    if (Status s = WarmUp(instance.producer, stop); !s.ok()) return s;
  }
  waiting_since_ = said_ = SteadyClock::now();
  report_thread_ = std::thread([this] { ReportLoop(); });
  return {};
}

// The first record to a topic whose metadata the producer does not know waits for up to a second.
Status KafkaTransport::WarmUp(const Producer& producer, const std::atomic<bool>& stop) const {
  constexpr int kTryMs = 500;
  const SteadyClock::time_point deadline = SteadyClock::now() + options_.connect_timeout;
  for (const KafkaTopic& topic : producer.topics) {
    for (;;) {
      const rd_kafka_metadata_t* got = nullptr;
      const rd_kafka_resp_err_t error =
          rd_kafka_metadata(producer.handle.get(), 0, topic.get(), &got, kTryMs);
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

// A block in which the lane's next event has room.
KafkaTransport::Block* KafkaTransport::BlockFor(std::uint32_t lane, std::size_t size) {
  Block*& block = lanes_[lane].block;
  if (block != nullptr) {
    if (block->HasRoom(size)) return block;
    // What this leaves open, the reports take down to 0.
    const auto rest = Block::kTaken - static_cast<std::int32_t>(block->used);
    if (block->open.fetch_sub(rest, std::memory_order_acq_rel) == rest) {
      block->next = free_;
      free_ = block;
    }
  }
  // Pairs with the release in GiveBack(): what the reporting side read of the slots is read.
  if (free_ == nullptr) free_ = given_back_.exchange(nullptr, std::memory_order_acquire);
  if (free_ == nullptr) {
    blocks_.push_back(std::make_unique_for_overwrite<Block>());
    free_ = blocks_.back().get();
  }
  block = std::exchange(free_, free_->next);
  block->lane = lane;
  block->used = block->bytes_used = 0;
  block->open.store(Block::kTaken, std::memory_order_relaxed);
  return block;
}

// Produces one record, with a slot of its own that remembers `what`.
//
// rd_kafka_produce_batch() would save some 50 ns of 250, but stamps its records with the instant of
// the call, and theirs is the planned one.
KafkaTransport::Produced KafkaTransport::ProduceOne(std::uint32_t lane_number, const Slot& what,
                                                    std::string_view key, std::string_view value) {
  const Lane& lane = lanes_[lane_number];
  Instance& instance = instances_[lane.producer];
  // A value that would fill much of a block is copied by librdkafka instead.
  const bool copy = value.size() > kLargest;
  Block* block = BlockFor(lane_number, copy ? 0 : value.size());
  Slot* slot = &block->slots[block->used];
  *slot = what;
  // librdkafka only reads key and value, though its interface has no const.
  char* bytes = const_cast<char*>(value.data());
  if (!copy) {
    bytes = block->bytes.data() + block->bytes_used;
    std::memcpy(bytes, value.data(), value.size());
  }
  // The tags are given plainly because the macros that make them (RD_KAFKA_V_...) are C casts.
  const rd_kafka_resp_err_t error = rd_kafka_producev(
      instance.producer.handle.get(), RD_KAFKA_VTYPE_RKT,
      instance.producer.topics[static_cast<unsigned>(lane.kind)].get(), RD_KAFKA_VTYPE_PARTITION,
      lane.partition, RD_KAFKA_VTYPE_MSGFLAGS, copy ? RD_KAFKA_MSG_F_COPY : 0, RD_KAFKA_VTYPE_VALUE,
      bytes, value.size(), RD_KAFKA_VTYPE_KEY, const_cast<char*>(key.data()), key.size(),
      RD_KAFKA_VTYPE_TIMESTAMP, what.timestamp_ms, RD_KAFKA_VTYPE_OPAQUE, static_cast<void*>(slot),
      RD_KAFKA_VTYPE_END);
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      ++block->used;
      if (!copy) block->bytes_used += static_cast<std::uint32_t>(value.size());
      ++instance.produced;
      return Produced::kYes;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return Produced::kFull;
    case RD_KAFKA_RESP_ERR__FATAL:
      return Produced::kFatal;
    default:
      // Too large, the topic or the partition is gone: this event will never go.
      deliveries_.Lost(what.maybe ? Fate::kUnknown : Fate::kFailed, lane.kind, what.position,
                       Reason(error));
      return Produced::kRefused;
  }
}

std::uint32_t KafkaTransport::LaneOf(const Batch& batch, std::uint32_t i) const {
  const auto kind = static_cast<unsigned>(batch.events[i].kind);
  return first_lane_[kind] +
         static_cast<std::uint32_t>(PartitionOf(batch.key(i), partitions_[kind]));
}

// Events [from, to) into sorted_: by lane, each lane's in the order of the plan.
void KafkaTransport::SortByLane(const Batch& batch, std::uint32_t from, std::uint32_t to) {
  lane_begin_.assign(lanes_.size() + 1, 0);
  lane_of_.resize(to - from);
  sorted_.resize(to - from);
  for (std::uint32_t i = from; i < to; ++i) {
    const std::uint32_t lane = LaneOf(batch, i);
    lane_of_[i - from] = lane;
    ++lane_begin_[lane + 1];
  }
  for (std::size_t lane = 1; lane < lane_begin_.size(); ++lane) {
    lane_begin_[lane] += lane_begin_[lane - 1];
  }
  for (std::uint32_t i = from; i < to; ++i) sorted_[lane_begin_[lane_of_[i - from]]++] = i;
}

// Sends an event that is accepted, or keeps it for later: never before those that are kept.
void KafkaTransport::OfferOne(const Batch& batch, std::uint32_t i, std::uint32_t lane,
                              std::int64_t now_ns) {
  const auto kind = static_cast<unsigned>(batch.events[i].kind);
  // 0 would mean "now" to librdkafka; the first instant of 1970 is stamped a millisecond late.
  const std::int64_t timestamp =
      options_.timestamp_ms ? std::max<std::int64_t>(1, options_.timestamp_ms(batch, i)) : 0;
  const Position position = batch.position(i);
  last_accepted_[kind] = position;
  if (spill_.empty()) {
    const Produced produced =
        ProduceOne(lane, {position, timestamp, now_ns, false}, batch.key(i), batch.value(i));
    if (produced == Produced::kYes) {
      ++accepted_now_[kind];
      return;
    }
    if (produced == Produced::kRefused) return;
  }
  spill_.push_back({.position = position,
                    .timestamp_ms = timestamp,
                    .lane = lane,
                    .maybe = false,
                    .key = std::string(batch.key(i)),
                    .value = std::string(batch.value(i))});
  spilled_ = true;
  ++accepted_now_[kind];
}

// False when some of it has to wait on.
bool KafkaTransport::SendSpill() {
  for (; spill_next_ < spill_.size(); ++spill_next_) {
    const Pending& p = spill_[spill_next_];
    const Produced produced =
        ProduceOne(p.lane, {p.position, p.timestamp_ms, NowNs(), p.maybe}, p.key, p.value);
    if (produced == Produced::kFull || produced == Produced::kFatal) return false;
    if (produced == Produced::kRefused) {
      settled_[static_cast<unsigned>(lanes_[p.lane].kind)].fetch_add(1);
    }
  }
  spill_.clear();
  spill_next_ = 0;
  spilled_ = false;
  return true;
}

std::uint32_t KafkaTransport::Offer(const Batch& batch, std::uint32_t from, std::uint32_t to) {
  if (abandon_ || held_) return 0;
  if (options_.full_speed) {
    offering_.store(true, std::memory_order_relaxed);
    // Reports are taken where records are made: what both touch (librdkafka's counts and locks,
    // the allocator's lists) stays in this core's cache.
    const std::unique_lock lock(report_mutex_, std::try_to_lock);
    if (lock && report_thread_.joinable()) (void)TakeAll();
  }
  const std::unique_lock lock(producer_mutex_, std::try_to_lock);
  if (!lock || held_ || !report_thread_.joinable()) return 0;
  const std::int64_t room = window_ - OpenEvents();
  const std::int64_t least =
      options_.full_speed ? std::min<std::int64_t>(to - from, window_ / kRoomPart) : 1;
  if (room < std::max<std::int64_t>(least, 1) || !SendSpill()) {
    if (full_since_ns_ < 0) full_since_ns_ = NowNs();
    return 0;
  }
  to = static_cast<std::uint32_t>(std::min<std::int64_t>(to, from + room));
  accepted_now_ = {};
  const std::int64_t now_ns = NowNs();
  if (to - from < kGroupFrom) {
    for (std::uint32_t i = from; i < to; ++i) OfferOne(batch, i, LaneOf(batch, i), now_ns);
  } else {
    SortByLane(batch, from, to);
    for (const std::uint32_t i : sorted_) OfferOne(batch, i, lane_of_[i - from], now_ns);
  }
  for (unsigned k = 0; k < kKinds; ++k) {
    if (accepted_now_[k] == 0) continue;
    accepted_[k].fetch_add(accepted_now_[k]);
  }
  if (to > from) CountQueueFull();
  return to - from;
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
      if (lock && abandon_) GiveUp(&spill_, &spill_next_);
      if (lock && !held_ && !abandon_) (void)SendSpill();
      for (Instance& instance : instances_) {
        if (!lock || instance.producer.handle == nullptr) continue;
        (void)rd_kafka_flush(instance.producer.handle.get(), static_cast<int>(kSlice.count()));
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
  Wake();
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
  for (Instance& instance : instances_) Destroy(&instance.producer);
  if (wake_fd_ >= 0) (void)close(wake_fd_);
  wake_fd_ = -1;
  return close_status_;
}

// By moving out, not by assigning an empty one: assignment would end the handle before what hangs
// on it.
void KafkaTransport::Destroy(Producer* producer) { const Producer gone(std::move(*producer)); }

void KafkaTransport::StopReports() {
  if (!report_thread_.joinable()) return;
  if (OpenEvents() > 0) {
    abandon_ = true;
    Wake();
    (void)WaitUntilSettled(SteadyClock::now() + kPurge, nullptr);
  }
  stop_ = true;
  Wake();
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

// ---- Reports: the report thread, or the sender at full speed ----

void KafkaTransport::ReportLoop() {
  while (!stop_) {
    if (offering_.exchange(false, std::memory_order_relaxed)) {
      std::this_thread::sleep_for(kOffering);
    } else {
      WaitForReports(kPoll);
    }
    const std::lock_guard lock(report_mutex_);
    if (!offering_.load(std::memory_order_relaxed)) (void)TakeAll();
    if (abandon_) {
      GiveUp(&backlog_, &backlog_next_);
      for (Instance& instance : instances_) {
        if (std::exchange(instance.purged, true)) continue;
        (void)rd_kafka_purge(instance.producer.handle.get(),
                             RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
      }
    } else {
      for (Instance& instance : instances_) {
        if (!instance.fatal.empty() && !abandon_) Rebuild(&instance);
      }
      if (held_ && !abandon_) Resend();
      if (spilled_ && !held_ && !abandon_) {  // the sender may have nothing more to offer
        const std::lock_guard producer_lock(producer_mutex_);
        (void)SendSpill();
      }
    }
    TellWaiting();
  }
}

// Lets the report thread look at the flags at once.
void KafkaTransport::Wake() const {
  constexpr std::uint64_t kOne = 1;
  (void)!write(wake_fd_, &kOne, sizeof kOne);
}

// Until there may be something to take.
void KafkaTransport::WaitForReports(milliseconds timeout) const {
  pollfd wake = {wake_fd_, POLLIN, 0};
  if (poll(&wake, 1, static_cast<int>(timeout.count())) <= 0) return;
  std::uint64_t times = 0;
  (void)!read(wake_fd_, &times, sizeof times);
}

// Takes what is there. False: nothing was.
bool KafkaTransport::TakeAll() {
  bool any = false;
  for (Instance& instance : instances_) {
    while (Take(&instance)) any = true;
  }
  return any;
}

// Takes one event from the queue, which may hold many reports. False: there is none.
bool KafkaTransport::Take(Instance* instance) {
  const std::unique_ptr<rd_kafka_event_t, EventDelete> event(
      rd_kafka_queue_poll(instance->producer.events.get(), 0));
  if (event == nullptr) return false;
  switch (rd_kafka_event_type(event.get())) {
    case RD_KAFKA_EVENT_DR:
      OnReports(instance, event.get());
      break;
    case RD_KAFKA_EVENT_ERROR: {
      const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
      const char* text = rd_kafka_event_error_string(event.get());
      // "All brokers are down" follows the error that says why: keep that one.
      if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || last_error_.empty()) {
        last_error_ = text == nullptr ? rd_kafka_err2str(error) : text;
      }
      CheckFatal(instance);
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

// `n` of its slots have had their reports.
void KafkaTransport::GiveBack(Block* block, std::int32_t n) {
  if (block->open.fetch_sub(n, std::memory_order_acq_rel) != n) return;
  block->next = given_back_.load(std::memory_order_relaxed);
  while (!given_back_.compare_exchange_weak(block->next, block, std::memory_order_release)) {
  }
}

void KafkaTransport::OnReports(Instance* instance, rd_kafka_event_t* event) {
  const SteadyClock::time_point now = SteadyClock::now();
  const std::int64_t now_ns =
      duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  std::array<std::uint64_t, kKinds> acked{};
  Block* block = nullptr;
  std::int32_t in_block = 0;
  std::array<const rd_kafka_message_t*, kReportsAtOnce> reports;  // NOLINT: filled below
  std::size_t n = 0;
  while ((n = rd_kafka_event_message_array(event, reports.data(), reports.size())) > 0) {
    instance->reported += static_cast<std::int64_t>(n);
    for (std::size_t i = 0; i < n; ++i) {
      const rd_kafka_message_t& message = *reports[i];
      auto* slot = static_cast<Slot*>(message._private);
      if (Block* its = Block::Of(slot); its != block) {
        if (block != nullptr) GiveBack(block, in_block);
        block = its;
        in_block = 0;
      }
      ++in_block;
      if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR ||
          rd_kafka_message_status(&message) == RD_KAFKA_MSG_STATUS_PERSISTED) {
        deliveries_.Latency(slot->position, now_ns, slot->sent_ns);
        ++acked[static_cast<unsigned>(lanes_[block->lane].kind)];
      } else {
        OnFailure(instance, message);
      }
    }
  }
  if (block != nullptr) GiveBack(block, in_block);
  for (unsigned k = 0; k < kKinds; ++k) {
    if (acked[k] == 0) continue;
    deliveries_.AckedMany(static_cast<Kind>(k), acked[k]);
    settled_[k].fetch_add(static_cast<std::int64_t>(acked[k]));
    rebuilds_without_ack_ = 0;
  }
  waiting_since_ = now;
}

void KafkaTransport::OnFailure(Instance* instance, const rd_kafka_message_t& message) {
  auto* slot = static_cast<Slot*>(message._private);
  const std::uint32_t lane = Block::Of(slot)->lane;
  const bool maybe =
      slot->maybe || rd_kafka_message_status(&message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
  CheckFatal(instance);
  if (instance->fatal.empty() || abandon_) {
    const bool purged = message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                        message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    Lose(lanes_[lane].kind, slot->position, maybe,
         purged && !abandon_reason_.empty() ? abandon_reason_ : Reason(message.err));
    return;
  }
  backlog_.push_back({.position = slot->position,
                      .timestamp_ms = slot->timestamp_ms,
                      .lane = lane,
                      .maybe = maybe,
                      .key = {static_cast<const char*>(message.key), message.key_len},
                      .value = {static_cast<const char*>(message.payload), message.len}});
}

void KafkaTransport::CheckFatal(Instance* instance) {
  if (!instance->fatal.empty()) return;
  std::array<char, 512> text{};
  if (rd_kafka_fatal_error(instance->producer.handle.get(), text.data(), text.size()) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    instance->fatal = text.data();
    if (instance->fatal.empty()) instance->fatal = "fatal producer error";
  }
}

void KafkaTransport::Lose(Kind kind, Position position, bool maybe, const std::string& reason) {
  deliveries_.Lost(maybe ? Fate::kUnknown : Fate::kFailed, kind, position, reason);
  settled_[static_cast<unsigned>(kind)].fetch_add(1);
}

void KafkaTransport::GiveUp(std::vector<Pending>* pending, std::size_t* next) {
  // Not written to any more once abandon_ is set.
  const std::string reason =
      abandon_reason_.empty() ? "not sent before the deadline" : abandon_reason_;
  for (; *next < pending->size(); ++*next) {
    const Pending& p = (*pending)[*next];
    Lose(lanes_[p.lane].kind, p.position, p.maybe, reason);
  }
  pending->clear();
  *next = 0;
}

// A producer is of no use after a fatal error (librdkafka 2.0.2 raises one after a disconnect at
// the wrong moment: #4438). Everything it holds is taken back, a new one is made, and what was not
// acknowledged goes first, in order. A record whose fate is not known may then be there twice.
void KafkaTransport::Rebuild(Instance* instance) {
  const std::lock_guard lock(producer_mutex_);  // no Offer() meanwhile
  // Re-sending was under way: what is left of it comes after what came back.
  backlog_.erase(backlog_.begin(), backlog_.begin() + static_cast<std::ptrdiff_t>(backlog_next_));
  backlog_next_ = 0;
  const auto in_instance = [instance] { return instance->produced - instance->reported; };
  // librdkafka returns what was queued at once, and waits for the answers to what was under way:
  // these say whether it was written. What stays unanswered is taken back by a purge.
  SteadyClock::time_point deadline = SteadyClock::now() + kInFlight;
  SteadyClock::time_point last = SteadyClock::now();
  while (in_instance() > 0 && !abandon_ && SteadyClock::now() < deadline &&
         SteadyClock::now() - last < kQuiet) {
    WaitForReports(kPoll);
    if (TakeAll()) last = SteadyClock::now();
  }
  if (in_instance() > 0) {
    (void)rd_kafka_purge(instance->producer.handle.get(),
                         RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    deadline = SteadyClock::now() + kPurge;
    while (in_instance() > 0 && SteadyClock::now() < deadline) {
      WaitForReports(kPoll);
      (void)TakeAll();
    }
  }
  if (abandon_) return;  // the loop gives up the backlog
  std::sort(backlog_.begin(), backlog_.end(),
            [](const Pending& a, const Pending& b) { return a.position < b.position; });
  Say("Kafka at " + bootstrap_ + ": producer failed (" + instance->fatal +
      "); a new one is made, " + FormatCount(backlog_.size()) + " events are sent again");
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
            " times in a row: " + instance->fatal);
    return;
  }
  deliveries_.Count("producer_rebuilds", 1);
  if (rebuilds_without_ack_ > 1) {
    const int doublings = std::min(rebuilds_without_ack_ - 2, 5);
    const auto until =
        SteadyClock::now() + std::min(milliseconds(100) * (1 << doublings), kMaxPause);
    while (!abandon_ && SteadyClock::now() < until) std::this_thread::sleep_for(milliseconds(10));
  }
  Producer fresh;
  if (const Status s = MakeProducer(&fresh); !s.ok()) {
    give_up("no new producer: " + s.message());
    return;
  }
  Destroy(&instance->producer);
  instance->producer = std::move(fresh);
  instance->produced = instance->reported = 0;
  instance->fatal.clear();
  held_ = !backlog_.empty();
}

// Sends the backlog again, as much as the queue takes. Offer() takes nothing until it is empty.
void KafkaTransport::Resend() {
  const std::lock_guard lock(producer_mutex_);
  std::uint64_t resent = 0;
  std::uint64_t duplicates = 0;
  for (; backlog_next_ < backlog_.size(); ++backlog_next_) {
    const Pending& p = backlog_[backlog_next_];
    const Produced produced =
        ProduceOne(p.lane, {p.position, p.timestamp_ms, NowNs(), p.maybe}, p.key, p.value);
    if (produced == Produced::kFull) break;
    if (produced == Produced::kFatal) {
      CheckFatal(&instances_[lanes_[p.lane].producer]);
      break;
    }
    if (produced == Produced::kRefused) {
      settled_[static_cast<unsigned>(lanes_[p.lane].kind)].fetch_add(1);
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
