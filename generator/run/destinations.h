// Destinations: what `--to` can name, and the one function that makes a transport for each.
//
// Threads: Destination's parts as their own headers say; the functions are pure.
// Errors: kInvalid naming the flag.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/stream/spec.h"
#include "transports/deliveries.h"
#include "transports/file/names.h"
#include "transports/http/http_transport.h"
#include "transports/http/settings.h"
#include "transports/kafka/kafka_transport.h"
#include "transports/transport.h"

namespace playload {

struct Address {
  enum class Scheme { kKafka, kHttp, kFile, kStdout, kNull };
  Scheme scheme = Scheme::kNull;
  std::string text;    // as given
  std::string folder;  // kFile
  KafkaAddress kafka;  // kKafka
  ListenAddress http;  // kHttp
};

// "kafka://HOST:PORT[,...]", "kafka://embedded", "http://ADDRESS:PORT", "file:DIR", "stdout",
// "null".
Result<Address> ParseAddress(std::string_view to);

// What the flags say of all destinations.
struct DestinationOptions {
  std::map<std::string, std::string> topics;  // --topic: the usual name -> another
  KafkaSettings kafka;
  HttpSettings http;  // address and run say the rest: `listen`, `scenario`, `events`
  std::optional<KafkaTopicShape> create_topics;
  std::chrono::milliseconds connect_timeout{30'000};
  Compression compression = Compression::kNone;
  std::array<bool, kKinds> kinds = {true, true, true};  // --type
  KafkaLog log;
};

// When the events of a run are due, known once everything is open. Set by the main thread before
// the senders start (release), read by whoever acknowledges (acquire).
struct RunStart {
  std::atomic<std::int64_t> start_ns{0};   // UTC
  std::atomic<std::int64_t> zero_ns{0};    // the same instant on the steady clock
  std::atomic<std::int64_t> opened_ns{0};  // steady: events planned before are not measured
};

struct Destination {
  Address address;
  std::array<std::string, kKinds> topics;
  std::array<bool, kKinds> kinds = {true, true, true};
  std::unique_ptr<Deliveries> deliveries;
  std::unique_ptr<Transport> transport;  // after deliveries: destroyed first
  KafkaTransport* kafka = nullptr;       // the transport, when it is one
  HttpTransport* http = nullptr;         // the same
  const RunStart* start = nullptr;       // of the run
};

// `start` outlives the destination.
Destination MakeDestination(const Address& address, const RunSpec& spec,
                            const DestinationOptions& options, const RunStart& start);

// The name of a topic after --topic renames.
std::string TopicFor(const std::map<std::string, std::string>& topics, std::string_view usual);

// Whether the plan says when each event is sent.
inline bool IsPaced(const RunSpec& spec) { return spec.clock == Clock::kLive && !spec.rate_max; }

}  // namespace playload
