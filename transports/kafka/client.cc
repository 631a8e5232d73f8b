#include "transports/kafka/client.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <thread>
#include <utility>

#include "generator/base/text.h"

namespace playload {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kAsk{200};  // one try; `stop` is looked at between tries

struct MetadataDelete {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
struct EventDelete {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
struct NewTopicDelete {
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
};
struct DeleteTopicDelete {
  void operator()(rd_kafka_DeleteTopic_t* topic) const { rd_kafka_DeleteTopic_destroy(topic); }
};
struct AdminOptionsDelete {
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
};

bool IsTransient(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
      return true;
    default:
      return false;
  }
}

// Kafka's own rule; said here because a broker's answer to a bad name tells less.
bool IsTopicName(std::string_view name) {
  constexpr std::size_t kLongest = 249;
  return !name.empty() && name.size() <= kLongest && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' ||
                  c == '-';
         });
}

}  // namespace

void KafkaQueueDelete::operator()(rd_kafka_queue_s* queue) const { rd_kafka_queue_destroy(queue); }
void KafkaHandleDelete::operator()(rd_kafka_s* handle) const { rd_kafka_destroy(handle); }
void KafkaTopicDelete::operator()(rd_kafka_topic_s* topic) const { rd_kafka_topic_destroy(topic); }

bool WorthShowing(int level, const char* facility, const KafkaSettings& settings) {
  constexpr int kCritical = 2;
  const std::string_view name = facility == nullptr ? "" : facility;
  // COMPRESSION: a broker (or proxy) that takes no old Produce version makes librdkafka send
  // uncompressed, and this line is all it says about it.
  return level <= kCritical || name == "COMPRESSION" || name == "CONFWARN" ||
         !settings.Get("debug").empty();
}

Result<KafkaHandle> MakeKafkaHandle(const KafkaSettings& settings, KafkaSettings::Role role,
                                    const std::string& brokers, int events) {
  auto conf = settings.Conf(role, brokers);
  if (!conf) return conf.error();
  std::array<char, 512> error{};
  // Log lines as events of the main queue: they then come on our thread, and never on stderr.
  if (rd_kafka_conf_set(conf->get(), "log.queue", "true", error.data(), error.size()) !=
      RD_KAFKA_CONF_OK) {
    return Status(Code::kInternal, error.data());
  }
  rd_kafka_conf_set_events(conf->get(), events | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
  rd_kafka_t* made =
      rd_kafka_new(role == KafkaSettings::Role::kProducer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER,
                   conf->get(), error.data(), error.size());
  if (made == nullptr) {
    return Invalid(settings.Scrub("Kafka properties: " + std::string(error.data())));
  }
  (void)conf->release();  // librdkafka's now
  KafkaHandle handle(made);
  rd_kafka_set_log_queue(made, nullptr);
  return handle;
}

Result<std::unique_ptr<KafkaClient>> KafkaClient::Make(Options options) {
  auto handle = MakeKafkaHandle(options.settings, options.role, options.brokers, 0);
  if (!handle) return handle.error();
  std::unique_ptr<KafkaClient> out(new KafkaClient(std::move(options)));
  out->handle_ = std::move(*handle);
  out->events_.reset(rd_kafka_queue_get_main(out->handle_.get()));
  return out;
}

void KafkaClient::Say(const std::string& line) const {
  if (options_.log) options_.log(options_.settings.Scrub(line));
}

void KafkaClient::Serve(milliseconds timeout) {
  for (auto wait = static_cast<int>(timeout.count());; wait = 0) {
    const std::unique_ptr<rd_kafka_event_t, EventDelete> event(
        rd_kafka_queue_poll(events_.get(), wait));
    if (event == nullptr) return;
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_LOG) {
      const char* facility = nullptr;
      const char* text = nullptr;
      int level = 0;
      if (rd_kafka_event_log(event.get(), &facility, &text, &level) == 0 &&
          WorthShowing(level, facility, options_.settings)) {
        Say(std::string("librdkafka: ") + text);
      }
    } else if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) {
      const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
      // "All brokers are down" follows the error that says why: keep that one.
      if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !last_error_.empty()) continue;
      const char* text = rd_kafka_event_error_string(event.get());
      last_error_ = options_.settings.Scrub(text == nullptr ? rd_kafka_err2str(error) : text);
      in_vain_ =
          error == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
          (error == RD_KAFKA_RESP_ERR__SSL && last_error_.find("certificate") != std::string::npos);
    }
  }
}

Status KafkaClient::WaitForBroker(milliseconds timeout, const std::atomic<bool>& stop) {
  const Clock::time_point start = Clock::now();
  Clock::time_point said = start;
  const auto unreachable = [this](const std::string& what) {
    return Status(Code::kUnreachable,
                  "Kafka at " + options_.brokers + " " + what + ": " + last_error_);
  };
  const auto say_waiting = [this](Clock::duration waited) {
    Say("waiting for Kafka at " + options_.brokers + " ... " +
        std::to_string(duration_cast<seconds>(waited).count()) + "s (" + last_error_ + ")");
  };
  for (;;) {
    const rd_kafka_metadata_t* got = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(handle_.get(), 0, nullptr, &got, static_cast<int>(kAsk.count()));
    const std::unique_ptr<const rd_kafka_metadata_t, MetadataDelete> metadata(got);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->broker_cnt > 0) return {};
    Serve(milliseconds(0));
    if (in_vain_) return unreachable("refused us");
    if (stop) {
      return {Code::kInterrupted, "interrupted while waiting for Kafka at " + options_.brokers};
    }
    if (last_error_.empty()) last_error_ = rd_kafka_err2str(error);
    const Clock::time_point now = Clock::now();
    if (now - start >= timeout) {
      return unreachable("did not answer within " +
                         FormatDuration(std::chrono::nanoseconds(timeout).count()));
    }
    if (now - said >= options_.say_every) {
      said = now;
      say_waiting(now - start);
    }
    // An error that comes at once (no address, nobody listens) must not make this loop spin.
    if (error != RD_KAFKA_RESP_ERR__TIMED_OUT) std::this_thread::sleep_for(milliseconds(20));
  }
}

Result<std::optional<int>> KafkaClient::Partitions(const std::string& topic,
                                                   const std::atomic<bool>& stop) {
  const std::string where = "topic '" + topic + "' at " + options_.brokers;
  if (!IsTopicName(topic)) {
    return Invalid("'" + topic + "' is no topic name: 1 to 249 of letters, digits, '.', '_', '-'");
  }
  const KafkaTopic handle(rd_kafka_topic_new(handle_.get(), topic.c_str(), nullptr));
  if (handle == nullptr) {
    return Invalid(where + ": " + rd_kafka_err2str(rd_kafka_last_error()));
  }
  const Clock::time_point deadline = Clock::now() + options_.patience;
  for (;;) {
    const rd_kafka_metadata_t* got = nullptr;
    rd_kafka_resp_err_t error =
        rd_kafka_metadata(handle_.get(), 0, handle.get(), &got, static_cast<int>(kAsk.count() * 5));
    const std::unique_ptr<const rd_kafka_metadata_t, MetadataDelete> metadata(got);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (metadata->topic_cnt != 1) return std::optional<int>();
      const rd_kafka_metadata_topic_t& found = metadata->topics[0];
      error = found.err;
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR && found.partition_cnt > 0) {
        for (int i = 0; i < found.partition_cnt; ++i) {
          if (found.partitions[i].leader < 0) error = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        }
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR || Clock::now() >= deadline) {
          return std::optional<int>(found.partition_cnt);
        }
      } else if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                 error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
        return std::optional<int>();
      }
    }
    Serve(milliseconds(0));
    if (!IsTransient(error) && error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Invalid(where + ": " + rd_kafka_err2str(error));
    }
    if (stop) return Status(Code::kInterrupted, "interrupted while asking for " + where);
    if (Clock::now() >= deadline) {
      return Status(Code::kUnreachable, where + ": " + rd_kafka_err2str(error));
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
}

Status KafkaClient::CreateTopic(const std::string& topic, const KafkaTopicShape& shape) {
  std::array<char, 512> text{};
  const std::unique_ptr<rd_kafka_NewTopic_t, NewTopicDelete> wanted(rd_kafka_NewTopic_new(
      topic.c_str(), shape.partitions, shape.replication, text.data(), text.size()));
  if (wanted == nullptr) return Invalid("topic '" + topic + "': " + text.data());
  const std::unique_ptr<rd_kafka_AdminOptions_t, AdminOptionsDelete> options(
      rd_kafka_AdminOptions_new(handle_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
  const auto answer_ms = static_cast<int>(options_.patience.count());
  (void)rd_kafka_AdminOptions_set_request_timeout(options.get(), answer_ms, text.data(),
                                                  text.size());
  // The broker answers when the topic is known everywhere, not when it has merely noted the wish.
  (void)rd_kafka_AdminOptions_set_operation_timeout(options.get(), answer_ms, text.data(),
                                                    text.size());
  const KafkaQueue queue(rd_kafka_queue_new(handle_.get()));
  std::array<rd_kafka_NewTopic_t*, 1> list = {wanted.get()};
  rd_kafka_CreateTopics(handle_.get(), list.data(), list.size(), options.get(), queue.get());
  const std::unique_ptr<rd_kafka_event_t, EventDelete> event(
      rd_kafka_queue_poll(queue.get(), 2 * answer_ms));
  const std::string what = "cannot create topic '" + topic + "' at " + options_.brokers + ": ";
  if (event == nullptr) return {Code::kUnreachable, what + "no answer"};
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get())) {
    const char* why = rd_kafka_event_error_string(event.get());
    return Invalid(what + (why == nullptr ? rd_kafka_err2str(error) : why));
  }
  std::size_t count = 0;
  const rd_kafka_topic_result_t* const* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    // Somebody else was faster: as good.
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      continue;
    }
    const char* why = rd_kafka_topic_result_error_string(results[i]);
    return Invalid(what + (why == nullptr ? rd_kafka_err2str(error) : why));
  }
  return {};
}

Result<int> KafkaClient::EnsureTopic(const std::string& topic,
                                     const std::optional<KafkaTopicShape>& shape,
                                     const std::atomic<bool>& stop) {
  auto found = Partitions(topic, stop);
  if (!found) return found.error();
  if (found->has_value()) return **found;
  if (!shape) {
    return Invalid("topic '" + topic + "' does not exist at " + options_.brokers +
                   ": create it or use --create-topics partitions=6,replication=1");
  }
  if (Status s = CreateTopic(topic, *shape); !s.ok()) return s;
  Say("created topic '" + topic + "' with " + std::to_string(shape->partitions) +
      " partitions, replication " + std::to_string(shape->replication));
  const Clock::time_point deadline = Clock::now() + options_.patience;
  while (Clock::now() < deadline && !stop) {
    found = Partitions(topic, stop);
    if (!found) return found.error();
    if (found->has_value()) return **found;
    std::this_thread::sleep_for(milliseconds(50));
  }
  if (stop) return Status(Code::kInterrupted, "interrupted while creating topic '" + topic + "'");
  return Status(Code::kUnreachable, "topic '" + topic + "' was created at " + options_.brokers +
                                        " but does not appear");
}

Status KafkaClient::DeleteTopics(const std::vector<std::string>& topics) {
  std::vector<std::unique_ptr<rd_kafka_DeleteTopic_t, DeleteTopicDelete>> wanted;
  std::vector<rd_kafka_DeleteTopic_t*> list;
  for (const std::string& topic : topics) {
    wanted.emplace_back(rd_kafka_DeleteTopic_new(topic.c_str()));
    list.push_back(wanted.back().get());
  }
  const std::unique_ptr<rd_kafka_AdminOptions_t, AdminOptionsDelete> options(
      rd_kafka_AdminOptions_new(handle_.get(), RD_KAFKA_ADMIN_OP_DELETETOPICS));
  const KafkaQueue queue(rd_kafka_queue_new(handle_.get()));
  rd_kafka_DeleteTopics(handle_.get(), list.data(), list.size(), options.get(), queue.get());
  const std::unique_ptr<rd_kafka_event_t, EventDelete> event(
      rd_kafka_queue_poll(queue.get(), static_cast<int>(options_.patience.count())));
  const std::string what = "cannot delete topics at " + options_.brokers + ": ";
  if (event == nullptr) return {Code::kUnreachable, what + "no answer"};
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get())) {
    return Invalid(what + rd_kafka_err2str(error));
  }
  std::size_t count = 0;
  const rd_kafka_topic_result_t* const* results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Invalid(what + rd_kafka_topic_result_name(results[i]) + ": " +
                     rd_kafka_err2str(error));
    }
  }
  return {};
}

Result<KafkaClient::Range> KafkaClient::Offsets(const std::string& topic, int partitions) {
  Range range;
  const Clock::time_point deadline = Clock::now() + options_.patience;
  for (int partition = 0; partition < partitions;) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        handle_.get(), topic.c_str(), partition, &low, &high, static_cast<int>(kAsk.count() * 5));
    Serve(milliseconds(0));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      range.begin.push_back(low);
      range.end.push_back(high);
      ++partition;
    } else if (Clock::now() >= deadline || !IsTransient(error)) {
      return Status(IsTransient(error) ? Code::kUnreachable : Code::kInvalid,
                    "offsets of topic '" + topic + "' [" + std::to_string(partition) + "] at " +
                        options_.brokers + ": " + rd_kafka_err2str(error));
    } else {
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
  return range;
}

}  // namespace playload
