#include "generator/verify/collector.h"

#include <thread>
#include <utility>

#include "transports/file/names.h"
#include "transports/file/reader.h"
#include "transports/kafka/reader.h"

namespace playload {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Topic {
  std::string name;
  std::optional<std::size_t> output;
  Kind input = Kind::kPlayer;
};

// All topics in one list. Two of them with one name could not be told apart.
Result<std::vector<Topic>> ListTopics(const CollectorTopics& topics) {
  std::vector<Topic> list;
  for (std::size_t i = 0; i < topics.outputs.size(); ++i) {
    list.push_back({topics.outputs[i], i, Kind::kPlayer});
  }
  for (const auto& [kind, name] : topics.inputs) list.push_back({name, std::nullopt, kind});
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (list[i].name == list[k].name) {
        return Invalid("two things to verify are both called '" + list[i].name +
                       "'; --topic gives each a name of its own");
      }
    }
  }
  return list;
}

class KafkaCollector : public Collector {
 public:
  KafkaCollector(KafkaReader::Options options, std::vector<Topic> topics)
      : reader_(std::move(options)) {
    for (Topic& topic : topics) {
      std::string name = topic.name;
      topics_.emplace(std::move(name), std::move(topic));
    }
  }

  Status Open(const std::atomic<bool>& stop) { return reader_.Open(stop); }

  Status Poll(milliseconds timeout, const Sink& sink) override {
    const Result<std::span<const KafkaRecord>> records = reader_.Next(timeout);
    if (!records) return records.error();
    // Records of one topic come together, and the reader keeps one text for its name.
    const char* name = nullptr;
    const Topic* topic = nullptr;
    for (const KafkaRecord& r : *records) {
      if (r.topic.data() != name) {
        name = r.topic.data();
        topic = &topics_.find(r.topic)->second;
      }
      sink({topic->output, topic->input, r.partition, r.offset,
            r.has_key ? std::optional(r.key) : std::nullopt, r.value,
            r.append_time ? r.timestamp_ms * 1'000'000 + 999'999 : -1});
    }
    return {};
  }

  [[nodiscard]] bool at_end() const override { return reader_.at_end(); }
  [[nodiscard]] milliseconds quiet_for() const override { return reader_.quiet_for(); }

  [[nodiscard]] std::optional<std::uint32_t> partitions(Kind input) const override {
    for (const auto& [name, topic] : topics_) {
      if (!topic.output && topic.input == input) {
        return static_cast<std::uint32_t>(reader_.positions(name).size());
      }
    }
    return std::nullopt;
  }

 private:
  KafkaReader reader_;
  std::map<std::string, Topic, std::less<>> topics_;
};

// Blocks until every topic exists. A pipeline may make its own when it starts.
Status WaitForTopics(KafkaReader& asker, const std::vector<Topic>& topics,
                     const KafkaSource& source, const Collector::Log& log,
                     const std::atomic<bool>& stop) {
  auto deadline = steady_clock::now() + source.topic_timeout;
  for (const Topic& topic : topics) {
    bool said = false;
    while (true) {
      const Result<bool> exists = asker.TopicExists(topic.name);
      if (!exists) return exists.error();
      if (*exists) break;
      if (stop.load(std::memory_order_relaxed)) {
        return {Code::kInterrupted, "interrupted while waiting for topic " + topic.name};
      }
      if (source.still_made && source.still_made()) {
        deadline = steady_clock::now() + source.topic_timeout;
      }
      if (steady_clock::now() >= deadline) {
        return Invalid("there is no topic '" + topic.name +
                       "' to verify; --topic USUAL=OTHER says what yours is called");
      }
      if (!said && log) log("waiting for topic '" + topic.name + "'");
      said = true;
      std::this_thread::sleep_for(milliseconds(200));
    }
  }
  return {};
}

class FileCollector : public Collector {
 public:
  // REQUIRES: one path per topic.
  FileCollector(const std::vector<Topic>& topics, const std::vector<std::string>& paths) {
    for (std::size_t i = 0; i < topics.size(); ++i) {
      files_.push_back(std::make_unique<File>(topics[i], paths[i]));
    }
  }

  Status Poll(milliseconds /*timeout*/, const Sink& sink) override {
    at_end_ = true;
    for (const std::unique_ptr<File>& file : files_) {
      if (!file->opened) {
        if (Status s = file->reader.Open(file->path); !s.ok()) return s;
        file->opened = true;
      }
      CollectedRecord record;
      record.output = file->topic.output;
      record.input = file->topic.input;
      record.line = record.output.has_value();
      for (int i = 0; i < kLinesAtOnce && !file->ended; ++i) {
        if (file->reader.Next(&record.value)) {
          record.offset = static_cast<std::int64_t>(file->reader.lines());
          sink(record);
        } else {
          if (!file->reader.status().ok()) return file->reader.status();
          file->ended = true;
        }
      }
      at_end_ = at_end_ && file->ended;
    }
    return {};
  }

  [[nodiscard]] bool at_end() const override { return at_end_; }
  [[nodiscard]] milliseconds quiet_for() const override { return milliseconds(0); }
  [[nodiscard]] std::optional<std::uint32_t> partitions(Kind /*input*/) const override {
    return std::nullopt;
  }

 private:
  static constexpr int kLinesAtOnce = 4'096;

  struct File {
    File(Topic of, std::string at) : topic(std::move(of)), path(std::move(at)) {}
    const Topic topic;
    const std::string path;
    LineReader reader;
    bool opened = false;
    bool ended = false;
  };

  std::vector<std::unique_ptr<File>> files_;
  bool at_end_ = false;
};

}  // namespace

Result<std::unique_ptr<Collector>> CollectFromKafka(const KafkaSource& source,
                                                    const CollectorTopics& topics,
                                                    const Collector::Log& log,
                                                    const std::atomic<bool>& stop) {
  Result<std::vector<Topic>> list = ListTopics(topics);
  if (!list) return list.error();
  KafkaReader::Options options{.brokers = source.brokers,
                               .settings = source.settings,
                               .topics = {},
                               .connect_timeout = source.connect_timeout,
                               .log = log};
  {
    KafkaReader asker(options);
    if (Status s = asker.Open(stop); !s.ok()) return s;
    if (Status s = WaitForTopics(asker, *list, source, log, stop); !s.ok()) return s;
  }
  for (const Topic& topic : *list) {
    std::vector<std::int64_t>& start = options.topics[topic.name];
    const auto given = topics.starts.find(topic.name);
    if (topic.output && !topics.outputs_from_starts) continue;
    if (given != topics.starts.end()) start = given->second;
  }
  auto collector = std::make_unique<KafkaCollector>(std::move(options), std::move(*list));
  if (Status s = collector->Open(stop); !s.ok()) return s;
  return std::unique_ptr<Collector>(std::move(collector));
}

Result<std::unique_ptr<Collector>> CollectFromFiles(const std::string& folder,
                                                    const CollectorTopics& topics) {
  Result<std::vector<Topic>> list = ListTopics(topics);
  if (!list) return list.error();
  std::vector<std::string> paths;
  for (const Topic& topic : *list) {
    Result<std::string> path = FindEventFile(folder, topic.name);
    if (!path) return path.error();
    paths.push_back(std::move(*path));
  }
  return std::unique_ptr<Collector>(std::make_unique<FileCollector>(*list, paths));
}

}  // namespace playload
