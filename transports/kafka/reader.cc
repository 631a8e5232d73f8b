#include "transports/kafka/reader.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <utility>

#include "transports/kafka/client.h"

namespace playload {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 4096;

struct PartitionListDelete {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};

// Errors of one partition that librdkafka gets over by itself.
bool IsPassing(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct KafkaReader::Impl {
  struct Topic {
    Offsets next;             // the offset after the last record handed out, or the start
    std::vector<bool> ended;  // nothing more was there when this was last looked at
    std::uint64_t count = 0;
  };

  explicit Impl(Options given) : options(std::move(given)) {}
  ~Impl() { Close(); }

  [[nodiscard]] KafkaClient::Options ClientOptions() const {
    KafkaClient::Options out;
    out.brokers = options.brokers;
    out.settings = options.settings;
    out.role = KafkaSettings::Role::kConsumer;
    out.log = options.log;
    out.patience = options.connect_timeout;
    return out;
  }
  Status Assign(const std::atomic<bool>& stop);
  Status OnError(const rd_kafka_message_t& message);
  void Release();
  void Close();
  Result<KafkaClient*> Asker();
  Result<KafkaClient::Range> Ask(const std::string& topic);

  const Options options;
  std::unique_ptr<KafkaClient> client;
  // For questions while `client` reads: a broker answers the requests of a connection in turn, and
  // one that waits for records holds up all behind it.
  std::unique_ptr<KafkaClient> asker;
  KafkaQueue queue;
  std::map<std::string, Topic, std::less<>> topics;
  std::vector<rd_kafka_message_t*> messages = std::vector<rd_kafka_message_t*>(kBatch);
  std::size_t held = 0;  // messages[0, held) are librdkafka's until Release()
  std::vector<KafkaRecord> records;
  std::size_t partitions = 0;
  std::size_t ended = 0;
  std::uint64_t count = 0;
  Clock::time_point last_record = Clock::now();
};

Status KafkaReader::Impl::Assign(const std::atomic<bool>& stop) {
  const std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionListDelete> list(
      rd_kafka_topic_partition_list_new(16));
  for (const auto& [name, start] : options.topics) {
    auto found = client->EnsureTopic(name, std::nullopt, stop);
    if (!found) return found.error();
    const auto cnt = static_cast<std::size_t>(*found);
    if (start.size() > cnt) {
      return Invalid("topic '" + name + "' at " + options.brokers + " has " + std::to_string(cnt) +
                     " partitions, but offsets are given for " + std::to_string(start.size()));
    }
    auto range = client->Offsets(name, *found);
    if (!range) return range.error();
    Topic& topic = topics[name];
    topic.next = range->begin;
    topic.ended.assign(cnt, false);
    const auto only = options.only.find(name);
    for (std::size_t p = 0; p < cnt; ++p) {
      if (only != options.only.end() && !only->second.contains(static_cast<std::int32_t>(p))) {
        continue;
      }
      ++partitions;
      // Said here, in words, instead of by an out-of-range error after the first fetch. (The end
      // may be the last *stable* offset, which an open transaction holds below a start that is
      // right.)
      if (p < start.size()) {
        if (start[p] < range->begin[p]) {
          return Status(Code::kDestination,
                        "topic '" + name + "' [" + std::to_string(p) + "] at " + options.brokers +
                            ": records from offset " + std::to_string(start[p]) +
                            " on are wanted, but retention has removed those before " +
                            std::to_string(range->begin[p]));
        }
        topic.next[p] = start[p];
      }
      rd_kafka_topic_partition_list_add(list.get(), name.c_str(), static_cast<std::int32_t>(p))
          ->offset = topic.next[p];
    }
  }
  if (partitions == 0) return {};
  if (const rd_kafka_resp_err_t error = rd_kafka_assign(client->handle(), list.get())) {
    return {Code::kInternal, std::string("assigning partitions: ") + rd_kafka_err2str(error)};
  }
  queue.reset(rd_kafka_queue_get_consumer(client->handle()));
  return {};
}

Status KafkaReader::Impl::OnError(const rd_kafka_message_t& message) {
  const char* name = message.rkt == nullptr ? nullptr : rd_kafka_topic_name(message.rkt);
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    const auto topic = topics.find(std::string_view(name));
    const auto p = static_cast<std::size_t>(message.partition);
    if (topic != topics.end() && p < topic->second.ended.size() && !topic->second.ended[p]) {
      topic->second.ended[p] = true;
      ++ended;
    }
    return {};
  }
  if (IsPassing(message.err)) return {};
  std::string where = "reading from Kafka at " + options.brokers;
  if (name != nullptr) {
    where += ", topic '" + std::string(name) + "' [" + std::to_string(message.partition) + "]";
  }
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
      message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    return {Code::kDestination,
            where + ": records that were still to be read are gone (retention)"};
  }
  const char* text = rd_kafka_message_errstr(&message);
  return {Code::kDestination,
          options.settings.Scrub(where + ": " +
                                 (text == nullptr ? rd_kafka_err2str(message.err) : text))};
}

void KafkaReader::Impl::Release() {
  for (std::size_t i = 0; i < held; ++i) rd_kafka_message_destroy(messages[i]);
  held = 0;
  records.clear();
}

void KafkaReader::Impl::Close() {
  Release();
  queue.reset();
  if (client != nullptr && partitions > 0) {
    (void)rd_kafka_consumer_close(client->handle());
  }
  client.reset();
  asker.reset();
}

Result<KafkaClient*> KafkaReader::Impl::Asker() {
  if (client == nullptr) return Status(Code::kInternal, "the Kafka reader is not open");
  if (asker == nullptr) {
    auto made = KafkaClient::Make(ClientOptions());
    if (!made) return made.error();
    asker = std::move(*made);
    const std::atomic<bool> stop{false};
    if (Status s = asker->WaitForBroker(options.connect_timeout, stop); !s.ok()) return s;
  }
  return asker.get();
}

Result<KafkaClient::Range> KafkaReader::Impl::Ask(const std::string& topic) {
  auto client_to_ask = Asker();
  if (!client_to_ask) return client_to_ask.error();
  const std::atomic<bool> stop{false};
  auto found = (*client_to_ask)->EnsureTopic(topic, std::nullopt, stop);
  if (!found) return found.error();
  return (*client_to_ask)->Offsets(topic, *found);
}

KafkaReader::KafkaReader(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
KafkaReader::~KafkaReader() = default;

Status KafkaReader::Open(const std::atomic<bool>& stop) {
  auto client = KafkaClient::Make(impl_->ClientOptions());
  if (!client) return client.error();
  impl_->client = std::move(*client);
  if (Status s = impl_->client->WaitForBroker(impl_->options.connect_timeout, stop); !s.ok()) {
    return s;
  }
  if (Status s = impl_->Assign(stop); !s.ok()) return s;
  impl_->last_record = Clock::now();
  return {};
}

Result<std::span<const KafkaRecord>> KafkaReader::Next(milliseconds timeout) {
  Impl& r = *impl_;
  r.Release();
  if (r.queue == nullptr) return Status(Code::kInternal, "the Kafka reader has no topics");
  r.client->Serve(milliseconds(0));
  // Ends of partitions come as messages too: they must not end the wait for a record.
  const Clock::time_point deadline = Clock::now() + timeout;
  for (;;) {
    const auto left = std::max(std::chrono::duration_cast<milliseconds>(deadline - Clock::now()),
                               milliseconds(0));
    const ssize_t got = rd_kafka_consume_batch_queue(r.queue.get(), static_cast<int>(left.count()),
                                                     r.messages.data(), kBatch);
    if (got < 0) {
      return Status(Code::kDestination, "reading from Kafka at " + r.options.brokers + ": " +
                                            rd_kafka_err2str(rd_kafka_last_error()));
    }
    r.held = static_cast<std::size_t>(got);
    // Messages of one partition come together: the topic is looked up when it changes.
    const rd_kafka_topic_t* last = nullptr;
    std::string_view name;
    Impl::Topic* topic = nullptr;
    for (std::size_t i = 0; i < r.held; ++i) {
      const rd_kafka_message_t& m = *r.messages[i];
      if (m.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (Status s = r.OnError(m); !s.ok()) return s;
        continue;
      }
      if (m.rkt != last) {
        const auto found = r.topics.find(std::string_view(rd_kafka_topic_name(m.rkt)));
        if (found == r.topics.end()) continue;  // cannot be: only these were assigned
        last = m.rkt;
        name = found->first;
        topic = &found->second;
      }
      const auto p = static_cast<std::size_t>(m.partition);
      topic->next[p] = m.offset + 1;
      if (topic->ended[p]) {
        topic->ended[p] = false;
        --r.ended;
      }
      ++topic->count;
      rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
      const std::int64_t timestamp = rd_kafka_message_timestamp(&m, &type);
      r.records.push_back(
          {.topic = name,
           .partition = m.partition,
           .offset = m.offset,
           .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp,
           .append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME,
           .key = {static_cast<const char*>(m.key), m.key_len},
           .value = {static_cast<const char*>(m.payload), m.len},
           .has_key = m.key != nullptr,
           .has_value = m.payload != nullptr});
    }
    if (!r.records.empty()) {
      r.count += r.records.size();
      r.last_record = Clock::now();
      return std::span<const KafkaRecord>(r.records);
    }
    const bool nothing = r.held == 0;
    r.Release();
    if (nothing || Clock::now() >= deadline) return std::span<const KafkaRecord>();
  }
}

bool KafkaReader::at_end() const { return impl_->ended == impl_->partitions; }

milliseconds KafkaReader::quiet_for() const {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - impl_->last_record);
}

std::uint64_t KafkaReader::count() const { return impl_->count; }

std::uint64_t KafkaReader::count(const std::string& topic) const {
  const auto it = impl_->topics.find(topic);
  return it == impl_->topics.end() ? 0 : it->second.count;
}

KafkaReader::Offsets KafkaReader::positions(const std::string& topic) const {
  const auto it = impl_->topics.find(topic);
  return it == impl_->topics.end() ? Offsets() : it->second.next;
}

Result<bool> KafkaReader::TopicExists(const std::string& topic) {
  auto asker = impl_->Asker();
  if (!asker) return asker.error();
  const std::atomic<bool> stop{false};
  auto found = (*asker)->Partitions(topic, stop);
  if (!found) return found.error();
  return found->has_value();
}

Result<KafkaReader::Offsets> KafkaReader::EndOffsets(const std::string& topic) {
  auto range = impl_->Ask(topic);
  if (!range) return range.error();
  return std::move(range->end);
}

Result<KafkaReader::Offsets> KafkaReader::BeginOffsets(const std::string& topic) {
  auto range = impl_->Ask(topic);
  if (!range) return range.error();
  return std::move(range->begin);
}

void KafkaReader::Close() { impl_->Close(); }

}  // namespace playload
