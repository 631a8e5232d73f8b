#include "generator/reference/run_pipeline.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/base/text.h"
#include "transports/kafka/reader.h"

namespace playload {

namespace {

using std::chrono::milliseconds;
using Output = ReferencePipeline::Output;
using Input = ReferencePipeline::Input;

// Outputs that are written but not acknowledged when the pipeline ends have this long.
constexpr auto kFlushTimeout = std::chrono::seconds(30);
// Nothing came for so long, and every end was seen: nothing will.
constexpr auto kSettled = std::chrono::seconds(5);

std::string TopicOf(const PipelineOptions& options, const char* name) {
  const auto renamed = options.topics.find(name);
  return renamed == options.topics.end() ? name : renamed->second;
}

// The output topics' producer. What becomes of each record is learnt from its report, which Poll()
// and Flush() serve in the caller's thread.
class OutputProducer {
 public:
  using Written = std::array<std::uint64_t, ReferencePipeline::kOutputs>;

  OutputProducer() = default;
  OutputProducer(const OutputProducer&) = delete;
  OutputProducer& operator=(const OutputProducer&) = delete;
  ~OutputProducer() {
    for (rd_kafka_topic_t* topic : topics_) {
      if (topic != nullptr) rd_kafka_topic_destroy(topic);
    }
    if (client_ != nullptr) {
      // Only after an error is there anything left; it was reported as not written.
      rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
      rd_kafka_destroy(client_);
    }
  }

  Status Open(const PipelineOptions& options) {
    Result<KafkaConf> conf = options.settings.Conf(KafkaSettings::Role::kProducer, options.brokers);
    if (!conf) return conf.error();
    char error[512] = "";
    for (const auto& [name, value] :
         {std::pair{"enable.idempotence", "true"}, std::pair{"partitioner", "murmur2_random"}}) {
      if (rd_kafka_conf_set(conf->get(), name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) {
        return Invalid(error);
      }
    }
    rd_kafka_conf_set_opaque(conf->get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf->get(), &OutputProducer::OnReport);
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), error, sizeof(error));
    if (client_ == nullptr) return Invalid(options.settings.Scrub(error));
    static_cast<void>(conf->release());  // the client's now
    for (int i = 0; i < ReferencePipeline::kOutputs; ++i) {
      const std::string name = TopicOf(options, ReferencePipeline::kOutputNames[i]);
      topics_[static_cast<unsigned>(i)] = rd_kafka_topic_new(client_, name.c_str(), nullptr);
      if (topics_[static_cast<unsigned>(i)] == nullptr) {
        return LastError("cannot use topic " + name);
      }
    }
    return {};
  }

  // Waits while the queue is full.
  void Write(const ReferencePipeline::OutputRecord& record) {
    const auto output = static_cast<unsigned>(record.output);
    // librdkafka copies the payload (MSG_F_COPY), so it never writes to it.
    void* const value = const_cast<char*>(record.value.data());
    while (status_.ok()) {
      if (rd_kafka_produce(topics_[output], RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value,
                           record.value.size(), record.key.data(), record.key.size(),
                           &written_[output]) == 0) {
        return;
      }
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        status_ = LastError(std::string("cannot write to ") + rd_kafka_topic_name(topics_[output]));
        return;
      }
      rd_kafka_poll(client_, 1);
    }
  }

  void Poll() { rd_kafka_poll(client_, 0); }

  // Blocks until every record has its report, or for kFlushTimeout.
  void Flush() {
    const auto deadline = std::chrono::steady_clock::now() + kFlushTimeout;
    while (status_.ok() && rd_kafka_outq_len(client_) > 0) {
      if (std::chrono::steady_clock::now() > deadline) {
        status_ = {Code::kDestination, std::to_string(rd_kafka_outq_len(client_)) +
                                           " outputs were not acknowledged within " +
                                           std::to_string(kFlushTimeout.count()) + " s"};
        return;
      }
      rd_kafka_poll(client_, 10);
    }
  }

  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] const Written& written() const { return written_; }

 private:
  static void OnReport(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* opaque) {
    auto* const self = static_cast<OutputProducer*>(opaque);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++*static_cast<std::uint64_t*>(message->_private);
    } else if (self->status_.ok()) {
      self->status_ = {Code::kDestination,
                       std::string("an output for ") + rd_kafka_topic_name(message->rkt) +
                           " was not written: " + rd_kafka_err2str(message->err)};
    }
  }

  static Status LastError(const std::string& what) {
    return {Code::kDestination, what + ": " + rd_kafka_err2str(rd_kafka_last_error())};
  }

  rd_kafka_t* client_ = nullptr;
  std::array<rd_kafka_topic_t*, ReferencePipeline::kOutputs> topics_{};
  Written written_{};
  Status status_;  // the first error
};

KafkaReader::Options ReaderOptions(const PipelineOptions& options) {
  return {.brokers = options.brokers,
          .settings = options.settings,
          .topics = {},
          .connect_timeout = options.connect_timeout,
          .log = options.log};
}

// By topic.
using Places = std::map<std::string, KafkaReader::Offsets>;

// Where to begin in each input topic.
Result<Places> Starts(const PipelineOptions& options, const std::atomic<bool>& stop) {
  Places starts;
  for (const char* const name : ReferencePipeline::kInputNames) starts[TopicOf(options, name)];
  if (!options.from_end) return starts;
  KafkaReader asker(ReaderOptions(options));
  if (Status s = asker.Open(stop); !s.ok()) return s;
  for (auto& [topic, offsets] : starts) {
    Result<KafkaReader::Offsets> ends = asker.EndOffsets(topic);
    if (!ends) return ends.error();
    offsets = *ends;
  }
  return starts;
}

Result<Places> Ends(KafkaReader& reader, const Places& topics) {
  Places ends;
  for (const auto& [topic, unused] : topics) {
    Result<KafkaReader::Offsets> of_topic = reader.EndOffsets(topic);
    if (!of_topic) return of_topic.error();
    ends[topic] = std::move(*of_topic);
  }
  return ends;
}

// Whether all before these ends was read. KafkaReader::at_end() does not say so: a partition whose
// end was seen once counts as ended until what was written since is seen, too.
bool HasRead(const KafkaReader& reader, const Places& ends) {
  return std::all_of(ends.begin(), ends.end(), [&reader](const auto& place) {
    const KafkaReader::Offsets read = reader.positions(place.first);
    for (std::size_t p = 0; p < place.second.size(); ++p) {
      if (p >= read.size() || read[p] < place.second[p]) return false;
    }
    return true;
  });
}

// Makes those that are missing.
Status EnsureOutputTopics(const PipelineOptions& options, const std::atomic<bool>& stop) {
  KafkaClient::Options ask;
  ask.brokers = options.brokers;
  ask.settings = options.settings;
  ask.log = options.log;
  Result<std::unique_ptr<KafkaClient>> client = KafkaClient::Make(std::move(ask));
  if (!client) return client.error();
  if (Status s = (*client)->WaitForBroker(options.connect_timeout, stop); !s.ok()) return s;
  for (const char* const usual : ReferencePipeline::kOutputNames) {
    const Result<int> made =
        (*client)->EnsureTopic(TopicOf(options, usual), options.create_topics, stop);
    if (!made) return made.error();
  }
  return {};
}

}  // namespace

std::string PipelineReport::Line() const {
  const auto list = [](const auto& counts, const char* const* names) {
    std::string text;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      text += (i == 0 ? " " : ", ") + FormatCount(counts[i]) + " " + names[i];
    }
    return text;
  };
  std::string text = "read" + list(read, ReferencePipeline::kInputNames);
  std::uint64_t no_events = 0;
  for (const std::uint64_t count : invalid) no_events += count;
  if (no_events > 0) text += " (" + FormatCount(no_events) + " of them no valid events)";
  return text + "; wrote" + list(written, ReferencePipeline::kOutputNames);
}

Result<PipelineReport> RunPipeline(const PipelineOptions& options, const std::atomic<bool>& stop) {
  if (options.create_topics) {
    if (Status s = EnsureOutputTopics(options, stop); !s.ok()) return s;
  }
  Result<Places> starts = Starts(options, stop);
  if (!starts) return starts.error();
  std::map<std::string, Input, std::less<>> inputs;
  for (int i = 0; i < ReferencePipeline::kInputs; ++i) {
    inputs[TopicOf(options, ReferencePipeline::kInputNames[i])] = static_cast<Input>(i);
  }
  if (inputs.size() < ReferencePipeline::kInputs) {
    return Invalid("each of the three input topics needs a name of its own");
  }

  KafkaReader::Options reader_options = ReaderOptions(options);
  reader_options.topics = *starts;
  KafkaReader reader(std::move(reader_options));
  if (Status s = reader.Open(stop); !s.ok()) return s;
  OutputProducer producer;
  if (Status s = producer.Open(options); !s.ok()) return s;

  ReferencePipeline pipeline(options.breakage);
  PipelineReport report;
  std::vector<ReferencePipeline::OutputRecord> outputs;
  std::optional<Places> ends;  // once it was told to finish
  while (!stop.load(std::memory_order_relaxed) && producer.status().ok()) {
    Result<std::span<const KafkaRecord>> records = reader.Next(milliseconds(100));
    if (!records) return records.error();
    for (const KafkaRecord& record : *records) {
      const Input input = inputs.find(record.topic)->second;
      outputs.clear();
      ++report.read[static_cast<unsigned>(input)];
      if (!pipeline.Process(input, record.value, &outputs)) {
        ++report.invalid[static_cast<unsigned>(input)];
      }
      for (const ReferencePipeline::OutputRecord& output : outputs) producer.Write(output);
    }
    producer.Poll();
    if (!records->empty()) continue;
    if (options.finish != nullptr && options.finish->load()) {
      if (!ends) {
        Result<Places> asked = Ends(reader, *starts);
        if (!asked) return asked.error();
        ends = std::move(*asked);
      }
      // Ends may count what is no record: the marks of transactions.
      if (HasRead(reader, *ends) || (reader.at_end() && reader.quiet_for() >= kSettled)) break;
      continue;
    }
    if (options.until_idle && reader.at_end() && reader.quiet_for() >= *options.until_idle) break;
  }
  producer.Flush();
  if (!producer.status().ok()) return producer.status();
  report.written = producer.written();
  return report;
}

}  // namespace playload
