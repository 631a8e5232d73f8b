#include "tests/kafka/kafka_fixture.h"

#include <algorithm>
#include <set>
#include <thread>

#include "transports/kafka/partition.h"

namespace playload {

Position PositionOf(std::uint64_t n) { return (n / kRunLength) * 5 * kRunLength + n % kRunLength; }

std::string KeyOf(std::uint64_t n) {
  return (KindOfEvent(n) == Kind::kServer ? "server_" : "player_") + std::to_string(n % 97);
}

std::string ValueOf(std::uint64_t n, std::size_t pad) {
  return R"({"key":")" + KeyOf(n) + R"(","n":)" + std::to_string(n) + R"(,"pad":")" +
         std::string(pad, 'x') + R"("})";
}

Batch MakeBatch(std::uint64_t first, std::uint32_t count, std::size_t pad) {
  REQUIRE(first % kRunLength == 0);
  Batch batch;
  batch.count = count;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t n = first + i;
    if (i % kRunLength == 0) batch.runs.push_back(PositionOf(n));
    const std::string line = ValueOf(n, pad) + "\n";
    std::vector<char>& buffer = batch.buffers[0];
    batch.events.push_back({.begin = static_cast<std::uint32_t>(buffer.size()),
                            .length = static_cast<std::uint16_t>(line.size()),
                            .key_begin = 8,
                            .key_length = static_cast<std::uint8_t>(KeyOf(n).size()),
                            .kind = KindOfEvent(n),
                            .fault = 0});
    buffer.insert(buffer.end(), line.begin(), line.end());
    ++batch.kinds[n % 3];
  }
  batch.sizes[0] = static_cast<std::uint32_t>(batch.buffers[0].size());
  return batch;
}

int LogLines::Count(const std::string& part) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(
      lines_.begin(), lines_.end(),
      [&part](const std::string& line) { return line.find(part) != std::string::npos; }));
}

std::unique_ptr<EmbeddedKafka> StartCluster() {
  auto made = EmbeddedKafka::Start(kAllTopics, 6);
  REQUIRE_MESSAGE(made.has_value(), made.error().message());
  return std::move(*made);
}

KafkaSettings Settings(const std::vector<std::string>& flags) {
  KafkaSettings::Input input;
  input.flags = flags;
  auto settings = KafkaSettings::Make(input);
  REQUIRE_MESSAGE(settings.has_value(), settings.error().message());
  return *settings;
}

KafkaTransport::Options TestOptions(const std::string& brokers, LogLines* log,
                                    const std::vector<std::string>& flags) {
  KafkaTransport::Options options;
  options.address.brokers = brokers;
  options.settings = Settings(flags);
  options.timestamp_ms = [](const Batch& batch, std::uint32_t i) {
    return 1'700'000'000'000 + static_cast<std::int64_t>(batch.position(i));
  };
  options.output_topics.clear();  // asking for their offsets takes longer than most tests
  options.say_every = std::chrono::milliseconds(50);
  if (log != nullptr) options.log = [log](const std::string& line) { log->Add(line); };
  return options;
}

std::uint32_t OfferAll(KafkaTransport& transport, Deliveries& deliveries, const Batch& batch) {
  std::uint32_t taken = 0;
  while (taken < batch.count && transport.failed().ok()) {
    const std::uint32_t n = transport.Offer(batch, taken, batch.count);
    for (std::uint32_t i = taken; i < taken + n; ++i) {
      deliveries.Generated(batch.events[i].kind, 1);
    }
    taken += n;
    if (n == 0) std::this_thread::yield();
  }
  return taken;
}

std::uint64_t Sum(const Deliveries& deliveries, Fate fate) {
  std::uint64_t sum = 0;
  for (int kind = 0; kind < kKinds; ++kind) sum += deliveries.fate(fate, static_cast<Kind>(kind));
  return sum;
}

std::uint64_t Generated(const Deliveries& deliveries) {
  std::uint64_t sum = 0;
  for (int kind = 0; kind < kKinds; ++kind) sum += deliveries.generated(static_cast<Kind>(kind));
  return sum;
}

void CheckAddsUp(const Deliveries& deliveries) {
  for (int k = 0; k < kKinds; ++k) {
    const auto kind = static_cast<Kind>(k);
    CAPTURE(k);
    CHECK(deliveries.generated(kind) ==
          deliveries.fate(Fate::kAcked, kind) + deliveries.fate(Fate::kFailed, kind) +
              deliveries.fate(Fate::kUnknown, kind) + deliveries.fate(Fate::kShed, kind));
  }
}

std::map<std::string, std::map<std::int32_t, std::vector<Seen>>> ReadAll(
    const std::string& brokers, const std::vector<std::string>& topics) {
  KafkaReader::Options options;
  options.brokers = brokers;
  for (const std::string& topic : topics) options.topics[topic] = {};
  KafkaReader reader(options);
  const std::atomic<bool> stop{false};
  const Status opened = reader.Open(stop);
  REQUIRE_MESSAGE(opened.ok(), opened.message());
  std::map<std::string, std::map<std::int32_t, std::vector<Seen>>> all;
  while (!reader.at_end()) {
    const auto records = reader.Next(std::chrono::milliseconds(100));
    REQUIRE_MESSAGE(records.has_value(), records.error().message());
    for (const KafkaRecord& r : *records) {
      all[std::string(r.topic)][r.partition].push_back(
          {r.partition, r.timestamp_ms, std::string(r.key), std::string(r.value)});
    }
  }
  return all;
}

void CheckArrived(const std::string& brokers, std::uint64_t count, bool duplicates,
                  std::size_t pad) {
  static const std::array<std::string, kKinds> kTopics = {"player-events", "purchase-events",
                                                          "server-metrics"};
  std::map<std::string, std::pair<int, std::uint64_t>> expected;  // value -> kind, n
  for (std::uint64_t n = 0; n < count; ++n) {
    expected[ValueOf(n, pad)] = {static_cast<int>(n % 3), n};
  }
  std::uint64_t found = 0;
  std::uint64_t wrong = 0;
  std::uint64_t again = 0;
  std::uint64_t disordered = 0;
  for (const auto& [topic, partitions] : ReadAll(brokers, {kTopics.begin(), kTopics.end()})) {
    for (const auto& [partition, records] : partitions) {
      std::set<std::uint64_t> seen;
      for (const Seen& record : records) {
        const auto it = expected.find(record.value);
        if (it == expected.end()) {
          ++wrong;
          continue;
        }
        const auto [kind, n] = it->second;
        if (topic != kTopics[static_cast<unsigned>(kind)] || record.key != KeyOf(n) ||
            record.timestamp_ms != TimestampOf(n) || record.partition != PartitionOf(KeyOf(n), 6)) {
          ++wrong;
        }
        if (seen.count(n) != 0) {
          ++again;
          continue;
        }
        if (!seen.empty() && *seen.rbegin() > n) ++disordered;
        seen.insert(n);
        ++found;
      }
    }
  }
  CHECK(found == count);
  CHECK(wrong == 0);
  CHECK(disordered == 0);
  if (!duplicates) CHECK(again == 0);
}

}  // namespace playload
