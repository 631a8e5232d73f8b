#include "transports/kafka/settings.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "generator/base/text.h"
#include "generator/base/yaml.h"

namespace playload {
namespace {

constexpr std::string_view kScheme = "kafka://";
constexpr std::string_view kEnvironmentPrefix = "PLAYLOAD_KAFKA_";
constexpr std::string_view kHidden = "***";
// What librdkafka 2.0.2 and the allocator need for a queued message beside payload and key,
// measured with 250,000 of them in two producers. (The transport's own 32 bytes are not in it.)
constexpr std::uint64_t kMessageOverheadBytes = 268;

// docs/kafka.md says why each of these is what it is.
constexpr std::array<std::pair<const char*, const char*>, 14> kDefaults = {{
    {"acks", "all"},
    {"allow.auto.create.topics", "false"},
    {"auto.offset.reset", "error"},
    {"client.id", "playload"},
    {"compression.type", "lz4"},
    {"enable.idempotence", "true"},
    {"fetch.wait.max.ms", "100"},
    {"linger.ms", "20"},
    {"message.timeout.ms", "0"},
    {"playload.producers", "2"},
    {"queue.buffering.max.messages", "250000"},
    {"reconnect.backoff.max.ms", "1000"},
    {"socket.nagle.disable", "true"},
    {"topic.metadata.refresh.fast.interval.ms", "100"},
}};

// Other defaults at full speed, where nothing can be late. Each event that waits is memory that
// falls out of the caches: 250,000 of them make up to 0.06 us of CPU an event more. And the few
// purchases and server events would be sent in requests of their own 600 times a second, each as
// dear to the broker as a full one: 0.27 -> 0.22 us of its CPU an event.
constexpr std::array<std::pair<std::string_view, const char*>, 2> kFullSpeed = {{
    {"linger.ms", "100"},
    {"queue.buffering.max.messages", "60000"},
}};

// Properties that the code relies on, and what to do instead of setting them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kOurs = {{
    {"metadata.broker.list", "the brokers are named by the destination, kafka://host:port"},
    {"allow.auto.create.topics", "topics are made by --create-topics"},
    {"auto.offset.reset", "records that are gone are an error"},
    {"delivery.report.only.error", "every event is accounted for by its delivery report"},
    {"enable.auto.commit", "no offsets are committed"},
    {"enable.auto.offset.store", "no offsets are committed"},
    {"enable.partition.eof", "the reader needs it"},
    {"log.queue", "the log goes through the run's own"},
    {"partitioner", "partitions are murmur2 of the key, as Java clients compute them"},
    {"produce.offset.report", "offsets are not used"},
    {"statistics.interval.ms", "statistics are not used"},
    {"transactional.id", "transactions are not used"},
}};

struct Property {
  std::string canonical;
  // 'P', 'C' or '*': librdkafka's own word for whom it concerns. kOwnScope: it does not know it.
  char scope = '*';
};
constexpr char kOwnScope = 'O';
constexpr std::int64_t kMostProducers = 64;

std::string_view Trim(std::string_view text) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

// Every text property of the librdkafka that is linked, read from the table that it prints itself:
//   name | C/P | range | default | importance | description
std::map<std::string, Property, std::less<>> ReadProperties() {
  std::map<std::string, Property, std::less<>> out;
  char* buffer = nullptr;
  std::size_t size = 0;
  std::FILE* memory = open_memstream(&buffer, &size);
  if (memory == nullptr) return out;
  rd_kafka_conf_properties_show(memory);
  (void)std::fclose(memory);
  std::string_view table(buffer, size);
  while (!table.empty()) {
    const std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(table.size(), line.size() + 1));
    const std::size_t first = line.find('|');
    if (first == std::string_view::npos) continue;
    const std::size_t second = line.find('|', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string name(Trim(line.substr(0, first)));
    const std::string_view scope = Trim(line.substr(first + 1, second - first - 1));
    if (scope.size() != 1 || line.find("*Type: see dedicated API*") != std::string_view::npos) {
      continue;  // head lines; function pointers
    }
    Property property{name, scope[0]};
    constexpr std::string_view kAlias = "Alias for `";
    if (const std::size_t at = line.find(kAlias); at != std::string_view::npos) {
      const std::string_view rest = line.substr(at + kAlias.size());
      property.canonical = rest.substr(0, rest.find('`'));
    }
    out.emplace(name, std::move(property));  // the first one counts: global before topic
  }
  out.emplace(KafkaSettings::kProducers,
              Property{std::string(KafkaSettings::kProducers), kOwnScope});
  std::free(buffer);  // NOLINT(cppcoreguidelines-no-malloc): open_memstream's
  return out;
}

const std::map<std::string, Property, std::less<>>& Properties() {
  static const auto kProperties = ReadProperties();
  return kProperties;
}

std::string Canonical(std::string_view name) {
  const auto it = Properties().find(name);
  return it == Properties().end() ? std::string(name) : it->second.canonical;
}

std::string EnvironmentName(std::string_view key) {
  std::string out(kEnvironmentPrefix);
  for (const char c : key) {
    out += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string NearestHint(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(name, candidates);
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

bool IsOurs(const std::string& canonical, std::string_view* instead) {
  for (const auto& [name, why] : kOurs) {
    if (canonical == Canonical(name)) {
      *instead = why;
      return true;
    }
  }
  return false;
}

Result<std::string> ParseHostPort(std::string_view text) {
  std::string_view host;
  std::string_view port = "9092";
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return Invalid("'" + std::string(text) + "' has no ']'");
    host = text.substr(0, end + 1);
    const std::string_view address = host.substr(1, host.size() - 2);
    const auto good = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == ':' || c == '.' || c == '%';
    };
    if (address.find(':') == std::string_view::npos ||
        !std::all_of(address.begin(), address.end(), good)) {
      return Invalid("'" + std::string(host) + "' is no IPv6 address");
    }
    text.remove_prefix(end + 1);
    if (!text.empty() && text[0] != ':') {
      return Invalid("':port' expected after '" + std::string(host) + "'");
    }
    if (!text.empty()) port = text.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) {
      return Invalid("'" + std::string(text) +
                     "' has more than one ':'; write an IPv6 address as " + "[::1]:9092");
    }
    const auto good = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    };
    if (host.empty()) return Invalid("a host name is missing; give host:port");
    if (!std::all_of(host.begin(), host.end(), good)) {
      return Invalid("'" + std::string(host) + "' is no host name; give host:port");
    }
  }
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65535) {
    return Invalid("'" + std::string(port) + "' is no port; give 1 to 65535");
  }
  return std::string(host) + ":" + std::to_string(number);
}

// `text` without the value of a secret property.
std::string Without(std::string text, std::string_view name, const std::string& value) {
  if (!KafkaSettings::IsSecret(name) || value.empty()) return text;
  for (std::size_t at = text.find(value); at != std::string::npos;
       at = text.find(value, at + kHidden.size())) {
    text.replace(at, value.size(), kHidden);
  }
  return text;
}

bool IsTrue(std::string_view value) {
  std::string lower(value);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower == "true" || lower == "t" || lower == "1";
}

std::int64_t Number(const std::string& text, std::int64_t fallback) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : fallback;
}

}  // namespace

void KafkaConfDelete::operator()(rd_kafka_conf_s* conf) const { rd_kafka_conf_destroy(conf); }

Result<KafkaAddress> ParseKafkaUrl(std::string_view url) {
  if (!url.starts_with(kScheme)) {
    return Invalid("a Kafka destination is kafka://host:port[,host:port] or kafka://embedded");
  }
  url.remove_prefix(kScheme.size());
  // Not echoed: what stands before the @ may be a password.
  if (url.find('@') != std::string_view::npos) {
    return Invalid(
        "a Kafka URL takes no user name or password; put sasl.username and sasl.password " +
        std::string("into --kafka-config FILE or the environment"));
  }
  if (url.empty()) return Invalid("kafka:// needs host:port, or 'embedded'");
  if (url == "embedded") return KafkaAddress{"", true};
  if (url.find_first_of("/?#") != std::string_view::npos) {
    return Invalid("'" + std::string(kScheme) + std::string(url) +
                   "': nothing may follow the brokers; topics are renamed by --topic");
  }
  KafkaAddress address;
  for (;;) {
    const std::size_t comma = url.find(',');
    auto broker = ParseHostPort(Trim(url.substr(0, comma)));
    if (!broker) return broker.error();
    if (!address.brokers.empty()) address.brokers += ',';
    address.brokers += *broker;
    if (comma == std::string_view::npos) return address;
    url.remove_prefix(comma + 1);
  }
}

Result<std::string> ParseBrokers(std::string_view text) {
  std::string url(text);
  if (!text.starts_with(kScheme)) {
    if (text.find("://") != std::string_view::npos) {
      return Invalid("'" + std::string(text.substr(0, text.find("://") + 3)) +
                     "...': give host:port or kafka://host:port");
    }
    url = std::string(kScheme) + url;
  }
  auto address = ParseKafkaUrl(url);
  if (!address) return address.error();
  if (address->embedded) {
    return Invalid("the embedded broker lives inside a run; give the host:port that it prints");
  }
  return address->brokers;
}

bool KafkaSettings::IsSecret(std::string_view key) {
  std::string lower(key);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* word : {"password", "secret", "token", "pem", "oauthbearer.config"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

KafkaSettings::KafkaSettings() {
  for (const auto& [name, value] : kDefaults) {
    settings_[Canonical(name)] = Setting{name, value, Source::kDefault, "default"};
  }
}

Status KafkaSettings::Put(const std::string& name, const std::string& value, Source source,
                          const std::string& where) {
  const std::string at = where + ": ";
  const auto& properties = Properties();
  const auto it = properties.find(name);
  if (it == properties.end()) {
    std::vector<std::string> names;
    names.reserve(properties.size());
    for (const auto& [known, property] : properties) names.push_back(known);
    return Invalid(at + "unknown Kafka property '" + name + "'" + NearestHint(name, names));
  }
  const std::string& canonical = it->second.canonical;
  if (std::string_view instead; IsOurs(canonical, &instead)) {
    return Invalid(at + "'" + name + "' cannot be set: " + std::string(instead));
  }
  if (value.find('\0') != std::string::npos) {
    return Invalid(at + "the value of '" + name + "' has a NUL in it");
  }
  const KafkaConf probe(rd_kafka_conf_new());
  std::array<char, 512> error{};
  if (it->second.scope == kOwnScope) {
    if (const std::int64_t n = Number(value, 0); n < 1 || n > kMostProducers) {
      return Invalid(at + "invalid value of '" + name + "': a number from 1 to " +
                     std::to_string(kMostProducers));
    }
  } else if (rd_kafka_conf_set(probe.get(), name.c_str(), value.c_str(), error.data(),
                               error.size()) != RD_KAFKA_CONF_OK) {
    return Invalid(at + "invalid value of '" + name + "': " + Without(error.data(), name, value));
  }
  const auto old = settings_.find(canonical);
  if (old != settings_.end() && old->second.source == source) {
    std::string first;
    if (old->second.name != name) first += ", first as '" + old->second.name + "'";
    if (old->second.where != where) first += ", first at " + old->second.where;
    return Invalid(at + "'" + name + "' is given twice" + first);
  }
  settings_[canonical] = Setting{name, value, source, where};
  return {};
}

Status KafkaSettings::ReadFile(const std::string& path) {
  auto text = ReadTextFile(path);
  if (!text) return text.error();
  std::string_view rest = *text;
  for (int number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    line = Trim(line);
    if (line.empty() || line[0] == '#') continue;
    const std::string where = path + ":" + std::to_string(number);
    const std::size_t equal = line.find('=');
    if (equal == std::string_view::npos) {
      // Not echoed: a line that is torn may be a password.
      return Invalid(where + ": 'key=value' expected, or '#' and a comment");
    }
    const std::string name(Trim(line.substr(0, equal)));
    const std::string value(Trim(line.substr(equal + 1)));
    if (Status s = Put(name, value, Source::kFile, where); !s.ok()) return s;
  }
  return {};
}

Status KafkaSettings::ReadEnvironment(const char* const* environment) {
  if (environment == nullptr) return {};
  std::map<std::string, std::string, std::less<>> by_variable;
  for (const auto& [name, property] : Properties()) by_variable[EnvironmentName(name)] = name;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const std::size_t equal = entry.find('=');
    const std::string variable(entry.substr(0, equal));
    if (equal == std::string_view::npos || !variable.starts_with(kEnvironmentPrefix) ||
        variable == "PLAYLOAD_KAFKA_CONFIG") {
      continue;
    }
    const std::string where = "environment " + variable;
    const auto it = by_variable.find(variable);
    if (it == by_variable.end()) {
      std::vector<std::string> names;
      names.reserve(by_variable.size());
      for (const auto& [known, name] : by_variable) names.push_back(known);
      return Invalid(where + ": no Kafka property is meant by this" + NearestHint(variable, names));
    }
    const std::string value(entry.substr(equal + 1));
    if (Status s = Put(it->second, value, Source::kEnvironment, where); !s.ok()) return s;
  }
  return {};
}

Status KafkaSettings::CheckConflicts() const {
  const auto conflict = [this](std::string_view key, const std::string& needed) -> Status {
    const Setting& given = settings_.find(Canonical(key))->second;
    return Invalid(given.where + ": " + given.name + "=" + given.value +
                   " conflicts with enable.idempotence=true, which needs " + needed +
                   "; give enable.idempotence=false as well (order and single delivery are then "
                   "not kept over retries)");
  };
  if (!IsTrue(Get("enable.idempotence"))) return {};
  if (const std::string acks = Get("acks"); acks != "all" && acks != "-1") {
    return conflict("acks", "acks=all");
  }
  if (const std::string n = Get("max.in.flight"); !n.empty() && Number(n, 1) > 5) {
    return conflict("max.in.flight", "at most 5");
  }
  if (Get("retries") == "0") return conflict("retries", "retries");
  if (Get("queuing.strategy") == "lifo") return conflict("queuing.strategy", "fifo");
  return {};
}

Result<KafkaSettings> KafkaSettings::Make(const Input& input) {
  if (Properties().empty()) {
    return Status(Code::kInternal, "librdkafka did not say which properties it has");
  }
  KafkaSettings out;
  std::string file = input.config_file;
  if (file.empty() && input.environment != nullptr) {
    constexpr std::string_view kFile = "PLAYLOAD_KAFKA_CONFIG=";
    for (const char* const* entry = input.environment; *entry != nullptr; ++entry) {
      if (std::string_view(*entry).starts_with(kFile)) file = *entry + kFile.size();
    }
  }
  if (!file.empty()) {
    if (Status s = out.ReadFile(file); !s.ok()) return s;
  }
  if (Status s = out.ReadEnvironment(input.environment); !s.ok()) return s;
  for (const std::string& flag : input.flags) {
    const std::size_t equal = flag.find('=');
    if (equal == std::string::npos) {
      return Invalid("--kafka " + flag + ": key=value expected");
    }
    const std::string name(Trim(std::string_view(flag).substr(0, equal)));
    const std::string value = flag.substr(equal + 1);
    if (Status s = out.Put(name, value, Source::kFlag, "--kafka"); !s.ok()) return s;
    if (IsSecret(name)) {
      out.warnings_.push_back("--kafka " + name +
                              "=...: other users can read the command line; put it into "
                              "--kafka-config FILE or " +
                              EnvironmentName(name));
    }
  }
  if (Status s = out.CheckConflicts(); !s.ok()) return s;
  return out;
}

Result<KafkaConf> KafkaSettings::Conf(Role role, const std::string& brokers) const {
  KafkaConf conf(rd_kafka_conf_new());
  std::array<char, 512> error{};
  const auto set = [&](const char* name, const char* value) {
    return rd_kafka_conf_set(conf.get(), name, value, error.data(), error.size()) ==
           RD_KAFKA_CONF_OK;
  };
  const char foreign = role == Role::kProducer ? 'C' : 'P';
  for (const auto& [canonical, setting] : settings_) {
    const auto property = Properties().find(setting.name);
    if (property != Properties().end() &&
        (property->second.scope == foreign || property->second.scope == kOwnScope)) {
      continue;
    }
    if (!set(setting.name.c_str(), setting.value.c_str())) {
      return Invalid(setting.where + ": invalid value of '" + setting.name +
                     "': " + Without(error.data(), setting.name, setting.value));
    }
  }
  if (!set("bootstrap.servers", brokers.c_str())) return Invalid(error.data());
  if (role == Role::kConsumer) {
    // assign() needs a group's name, though nobody joins it and nothing is committed.
    const bool ours = set("enable.partition.eof", "true") && set("enable.auto.commit", "false") &&
                      (!Get("group.id").empty() || set("group.id", "playload"));
    if (!ours) return Status(Code::kInternal, error.data());
  }
  return conf;
}

std::vector<std::pair<std::string, std::string>> KafkaSettings::Redacted() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [canonical, setting] : settings_) {
    out.emplace_back(setting.name, IsSecret(setting.name) ? std::string(kHidden) : setting.value);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string KafkaSettings::Scrub(std::string text) const {
  for (const auto& [canonical, setting] : settings_) {
    text = Without(std::move(text), setting.name, setting.value);
  }
  return text;
}

std::string KafkaSettings::Get(std::string_view key) const {
  const auto it = settings_.find(Canonical(key));
  return it == settings_.end() ? "" : it->second.value;
}

std::int64_t KafkaSettings::GetNumber(std::string_view key, std::int64_t fallback) const {
  return Number(Get(key), fallback);
}

void KafkaSettings::UseFullSpeedDefaults() {
  for (const auto& [name, value] : kFullSpeed) {
    Setting& setting = settings_[Canonical(name)];
    if (setting.source == Source::kDefault) setting.value = value;
  }
}

KafkaSettings KafkaSettings::With(std::string_view key, const std::string& value) const {
  KafkaSettings out = *this;
  const std::string canonical = Canonical(key);
  Setting& setting = out.settings_[canonical];
  if (setting.name.empty()) setting.name = canonical;
  setting.value = value;
  return out;
}

std::uint64_t KafkaSettings::QueueMemoryBytes(std::uint64_t event_bytes) const {
  const auto messages =
      static_cast<std::uint64_t>(Number(Get("queue.buffering.max.messages"), 100'000));
  const auto kbytes =
      static_cast<std::uint64_t>(Number(Get("queue.buffering.max.kbytes"), 1'048'576));
  const std::uint64_t payload = std::min(messages * event_bytes, kbytes * 1024);
  const std::uint64_t queued = event_bytes == 0 ? messages : payload / event_bytes;
  return payload + queued * kMessageOverheadBytes;
}

}  // namespace playload
