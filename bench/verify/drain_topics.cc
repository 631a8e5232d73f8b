// Yardstick of verify_bench.py --kafka: reads topics to their ends with the reader that `verify`
// uses, and does nothing with the records: what fetching alone costs. Prints how many there were.
//
//   drain_topics HOST:PORT TOPIC...

#include <atomic>
#include <chrono>
#include <cstdio>

#include "transports/kafka/reader.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: drain_topics HOST:PORT TOPIC...\n", stderr);
    return 2;
  }
  playload::KafkaReader::Options options;
  options.brokers = argv[1];
  for (int i = 2; i < argc; ++i) options.topics[argv[i]] = {};
  playload::KafkaReader reader(std::move(options));
  const std::atomic<bool> stop{false};
  playload::Status status = reader.Open(stop);
  while (status.ok() && !reader.at_end()) {
    const auto records = reader.Next(std::chrono::milliseconds(100));
    if (!records) status = records.error();
  }
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(reader.count()));
}
