#include "generator/shrink/attempt_topics.h"

#include <sys/random.h>

#include <array>
#include <cstdio>
#include <optional>
#include <utility>

namespace playload {
namespace {

constexpr int kAsTheClusterDoes = -1;  // replication

// Drawn once for a process.
const std::string& Ours() {
  static const std::string kDrawn = [] {
    std::uint64_t bits = 0;
    while (getrandom(&bits, sizeof(bits), 0) != static_cast<ssize_t>(sizeof(bits))) {
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(bits));
    return std::string(text.data());
  }();
  return kDrawn;
}

}  // namespace

Result<std::unique_ptr<AttemptTopics>> AttemptTopics::Make(const Options& options,
                                                           std::uint64_t attempt,
                                                           const std::vector<std::string>& usual,
                                                           const std::atomic<bool>& stop) {
  KafkaClient::Options client;
  client.brokers = options.brokers;
  client.settings = options.settings;
  Result<std::unique_ptr<KafkaClient>> made = KafkaClient::Make(std::move(client));
  if (!made) return made.error();
  if (Status s = (*made)->WaitForBroker(options.connect_timeout, stop); !s.ok()) return s;
  std::unique_ptr<AttemptTopics> topics(new AttemptTopics(
      std::move(*made), "playload-shrink-" + Ours() + "-" + std::to_string(attempt) + "-",
      options.keep));
  for (const std::string& name : usual) {
    const std::string own = topics->prefix_ + name;
    topics->made_.push_back(own);  // before it is, as an interruption may come in between
    const Result<int> ensured = topics->client_->EnsureTopic(
        own, KafkaTopicShape{options.partitions, kAsTheClusterDoes}, stop);
    if (!ensured) return ensured.error();
    topics->names_.emplace(name, own);
  }
  return topics;
}

AttemptTopics::~AttemptTopics() {
  if (!keep_ && !made_.empty()) (void)client_->DeleteTopics(made_);
}

}  // namespace playload
