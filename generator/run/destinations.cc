#include "generator/run/destinations.h"

#include <utility>

#include "generator/base/text.h"
#include "generator/pace/plan.h"
#include "generator/run/spec_text.h"
#include "transports/file/file_transport.h"
#include "transports/file/stdout_transport.h"
#include "transports/null/null_transport.h"

namespace playload {
namespace {

constexpr std::array<const char*, 4> kOutputTopics = {
    "player-session-summaries", "purchase-aggregates", "server-alerts", "fraud-alerts"};

constexpr std::int64_t kNsPerMs = 1'000'000;

std::unique_ptr<Deliveries> MakeDeliveries(const RunSpec& spec, const RunStart& start) {
  if (!IsPaced(spec)) {
    return std::make_unique<Deliveries>([](Position) { return std::int64_t{-1}; });
  }
  return std::make_unique<Deliveries>(
      [plan = Plan(spec.scenario.plan), &start](Position position) -> std::int64_t {
        const std::int64_t planned =
            start.zero_ns.load(std::memory_order_acquire) + plan.PlannedAt(position);
        return planned < start.opened_ns.load(std::memory_order_relaxed) ? -1 : planned;
      });
}

std::unique_ptr<KafkaTransport> MakeKafka(const Address& address, const RunSpec& spec,
                                          const DestinationOptions& options, const RunStart& start,
                                          const std::array<std::string, kKinds>& topics,
                                          Deliveries* deliveries) {
  KafkaTransport::Options kafka;
  kafka.address = address.kafka;
  kafka.settings = options.kafka;
  kafka.topics = topics;
  kafka.output_topics.clear();
  for (const char* topic : kOutputTopics) {
    kafka.output_topics.push_back(TopicFor(options.topics, topic));
  }
  kafka.create_topics = options.create_topics;
  kafka.connect_timeout = options.connect_timeout;
  kafka.log = options.log;
  kafka.full_speed = !IsPaced(spec);
  if (spec.rate_max) {
    kafka.timestamp_ms = [](const Batch& batch, std::uint32_t) {
      return batch.stamp_ns / kNsPerMs;
    };
  } else {
    kafka.timestamp_ms = [plan = Plan(spec.scenario.plan), &start](const Batch& batch,
                                                                   std::uint32_t i) {
      return (start.start_ns.load(std::memory_order_relaxed) + plan.PlannedAt(batch.position(i))) /
             kNsPerMs;
    };
  }
  return std::make_unique<KafkaTransport>(std::move(kafka), deliveries);
}

// http://ADDRESS:PORT, where a lone slash at the end is as good as none.
Status ParseHttpUrl(std::string_view to, ListenAddress* listen) {
  constexpr std::string_view kScheme = "http://";
  const std::string wrong = "--to " + Quoted(to) + ": ";
  if (!to.starts_with(kScheme)) return Invalid(wrong + "http://ADDRESS:PORT is right");
  std::string_view rest = to.substr(kScheme.size());
  const std::size_t end = rest.find_first_of("/?#");
  if (end != std::string_view::npos) {
    if (rest.substr(end) != "/") {
      return Invalid(wrong +
                     "names a path; playload serves its own paths below "
                     "http://ADDRESS:PORT (docs/http.md)");
    }
    rest.remove_suffix(1);
  }
  if (rest.find('@') != std::string_view::npos) {
    return Invalid("--to http://...: names a user; who may read is said by --token-file");
  }
  const Result<ListenAddress> parsed = ParseListenAddress(rest);
  if (!parsed) return Invalid(wrong + parsed.error().message());
  *listen = *parsed;
  return {};
}

std::unique_ptr<HttpTransport> MakeHttp(const Address& address, const RunSpec& spec,
                                        const DestinationOptions& options, Deliveries* deliveries) {
  HttpSettings http = options.http;
  http.listen = address.http;
  http.scenario = spec.scenario.name;
  http.events.extended_types = spec.event_types == EventTypes::kExtended;
  http.events.timestamp_form = spec.timestamp_form;
  http.events.id_prefix = spec.id_prefix;
  http.events.compat = spec.scenario.compat;
  return std::make_unique<HttpTransport>(std::move(http), deliveries);
}

}  // namespace

Result<Address> ParseAddress(std::string_view to) {
  Address address;
  address.text = to;
  const std::size_t colon = to.find(':');
  const std::string scheme(to.substr(0, colon));
  if (to == "stdout") {
    address.scheme = Address::Scheme::kStdout;
  } else if (to == "null") {
    address.scheme = Address::Scheme::kNull;
  } else if (scheme == "file" && colon != std::string_view::npos) {
    address.scheme = Address::Scheme::kFile;
    address.folder = to.substr(colon + 1);
    if (address.folder.empty()) return Invalid("--to file: names no folder; file:DIR is right");
  } else if (scheme == "kafka" && colon != std::string_view::npos) {
    address.scheme = Address::Scheme::kKafka;
    Result<KafkaAddress> kafka = ParseKafkaUrl(to);
    if (!kafka) return Invalid("--to: " + kafka.error().message());
    address.kafka = *kafka;
  } else if (scheme == "http" && colon != std::string_view::npos) {
    address.scheme = Address::Scheme::kHttp;
    if (Status s = ParseHttpUrl(to, &address.http); !s.ok()) return s;
  } else if (scheme == "https" && colon != std::string_view::npos) {
    return Invalid("--to " + Quoted(to) +
                   ": playload speaks plain HTTP; serve on a loopback address, as in "
                   "http://127.0.0.1:8000, and put a proxy with TLS in front (docs/http.md)");
  } else {
    // The forms as they are typed, by what stands before the colon.
    const std::map<std::string, std::string> forms = {{"kafka", "kafka://HOST:PORT"},
                                                      {"http", "http://ADDRESS:PORT"},
                                                      {"file", "file:DIR"},
                                                      {"stdout", "stdout"},
                                                      {"null", "null"}};
    const std::string near = Nearest(scheme, {"kafka", "http", "file", "stdout", "null"});
    return Invalid("--to " + Quoted(to) + " is no destination" +
                   (near.empty() ? "; valid: kafka://HOST:PORT[,HOST:PORT], kafka://embedded, "
                                   "http://ADDRESS:PORT, file:DIR, stdout, null"
                                 : "; did you mean '" + forms.at(near) + "'?"));
  }
  return address;
}

std::string TopicFor(const std::map<std::string, std::string>& topics, std::string_view usual) {
  const auto found = topics.find(std::string(usual));
  return found == topics.end() ? std::string(usual) : found->second;
}

Destination MakeDestination(const Address& address, const RunSpec& spec,
                            const DestinationOptions& options, const RunStart& start) {
  Destination destination;
  destination.address = address;
  destination.start = &start;
  for (std::size_t k = 0; k < kKinds; ++k) {
    destination.topics[k] = TopicFor(options.topics, TopicName(static_cast<Kind>(k)));
  }
  destination.deliveries = MakeDeliveries(spec, start);
  Deliveries* const deliveries = destination.deliveries.get();
  switch (address.scheme) {
    case Address::Scheme::kKafka: {
      auto kafka = MakeKafka(address, spec, options, start, destination.topics, deliveries);
      destination.kafka = kafka.get();
      destination.transport = std::move(kafka);
      break;
    }
    case Address::Scheme::kHttp: {
      auto http = MakeHttp(address, spec, options, deliveries);
      destination.http = http.get();
      destination.transport = std::move(http);
      break;
    }
    case Address::Scheme::kFile: {
      FileOptions file;
      file.directory = address.folder;
      file.topics = destination.topics;
      file.compression = options.compression;
      destination.transport = std::make_unique<FileTransport>(std::move(file), deliveries);
      break;
    }
    case Address::Scheme::kStdout: {
      StdoutOptions out;
      out.kinds = destination.kinds = options.kinds;
      destination.transport = std::make_unique<StdoutTransport>(std::move(out), deliveries);
      break;
    }
    case Address::Scheme::kNull:
      destination.transport = std::make_unique<NullTransport>(!IsPaced(spec), deliveries);
      break;
  }
  return destination;
}

}  // namespace playload
