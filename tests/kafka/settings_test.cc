#include "transports/kafka/settings.h"

#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace playload {
namespace {

// A file that is gone with the test.
class File {
 public:
  explicit File(const std::string& content) {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("playload-settings-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
    std::ofstream(path_) << content;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Result<KafkaSettings> Make(std::vector<std::string> flags, const std::string& file = "",
                           std::vector<const char*> environment = {}) {
  environment.push_back(nullptr);
  return KafkaSettings::Make({std::move(flags), file, environment.data()});
}

std::string Error(const Result<KafkaSettings>& result) {
  if (result) return "no error";
  CHECK(result.error().code() == Code::kInvalid);
  CHECK(result.error().message().find('\n') == std::string::npos);
  return result.error().message();
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string InForce(const KafkaSettings& settings, KafkaSettings::Role role, const char* name) {
  const auto conf = settings.Conf(role, "127.0.0.1:9092");
  REQUIRE(conf.has_value());
  std::array<char, 256> value{};
  std::size_t size = value.size();
  REQUIRE(rd_kafka_conf_get(conf->get(), name, value.data(), &size) == RD_KAFKA_CONF_OK);
  return value.data();
}

}  // namespace

TEST_CASE("Kafka URL: brokers with and without ports, IPv6, embedded") {
  const auto brokers = [](const char* url) {
    const auto address = ParseKafkaUrl(url);
    REQUIRE_MESSAGE(address.has_value(), address.error().message());
    CHECK_FALSE(address->embedded);
    return address->brokers;
  };
  CHECK(brokers("kafka://localhost") == "localhost:9092");
  CHECK(brokers("kafka://127.0.0.1:19092") == "127.0.0.1:19092");
  CHECK(brokers("kafka://a.example:1,b-2.example,c_3:65535") ==
        "a.example:1,b-2.example:9092,c_3:65535");
  CHECK(brokers("kafka://[::1]:9093,[fe80::1%eth0]") == "[::1]:9093,[fe80::1%eth0]:9092");
  const auto embedded = ParseKafkaUrl("kafka://embedded");
  REQUIRE(embedded.has_value());
  CHECK(embedded->embedded);
  CHECK(embedded->brokers.empty());

  CHECK(*ParseBrokers("127.0.0.1:9092") == "127.0.0.1:9092");
  CHECK(*ParseBrokers("kafka://a,b") == "a:9092,b:9092");
  CHECK_FALSE(ParseBrokers("kafka://embedded").has_value());
  CHECK_FALSE(ParseBrokers("http://a").has_value());
}

TEST_CASE("Kafka URL: what is wrong is said in one line, and a password in it is not repeated") {
  for (const char* url : {"",
                          "kafka:",
                          "kafka://",
                          "kafka:///",
                          "http://a:1",
                          "kafka://a:",
                          "kafka://a:0",
                          "kafka://a:65536",
                          "kafka://a:9092x",
                          "kafka://a:-1",
                          "kafka://:9092",
                          "kafka://a,,b",
                          "kafka://a,",
                          "kafka://a/topic",
                          "kafka://a?x=1",
                          "kafka://::1",
                          "kafka://[::1",
                          "kafka://[]",
                          "kafka://[::1]9092",
                          "kafka://[host]:1",
                          "kafka://a b",
                          "kafka://a;b",
                          "kafka://u:hidden@a",
                          "embedded"}) {
    CAPTURE(url);
    const auto address = ParseKafkaUrl(url);
    REQUIRE_FALSE(address.has_value());
    CHECK(address.error().code() == Code::kInvalid);
    CHECK_FALSE(Has(address.error().message(), "hidden"));
    CHECK_FALSE(Has(address.error().message(), "\n"));
  }
}

TEST_CASE("KafkaSettings: a flag beats the environment, which beats the file, which beats us") {
  const File file("# comment\n\n  linger.ms = 7 \nbatch.size=1000\nclient.id=from=file\r\n");
  const std::vector<const char*> environment = {"PLAYLOAD_KAFKA_BATCH_SIZE=2000",
                                                "PLAYLOAD_KAFKA_QUEUE_BUFFERING_MAX_KBYTES=5",
                                                "PLAYLOAD_SEED=1", "HOME=/"};
  const auto settings = Make({"batch.size=3000"}, file.path(), environment);
  REQUIRE_MESSAGE(settings.has_value(), settings.error().message());
  CHECK(settings->Get("batch.size") == "3000");
  CHECK(settings->Get("queue.buffering.max.kbytes") == "5");
  CHECK(settings->Get("linger.ms") == "7");
  CHECK(settings->Get("queue.buffering.max.ms") == "7");  // its alias
  CHECK(settings->Get("client.id") == "from=file");
  CHECK(settings->Get("compression.type") == "lz4");
  CHECK(settings->Get("fetch.min.bytes").empty());
  CHECK(InForce(*settings, KafkaSettings::Role::kProducer, "linger.ms") == "7");
  CHECK(InForce(*settings, KafkaSettings::Role::kProducer, "batch.size") == "3000");

  // The file itself may come from the environment.
  const std::string variable = "PLAYLOAD_KAFKA_CONFIG=" + file.path();
  const auto other = Make({}, "", {variable.c_str()});
  REQUIRE(other.has_value());
  CHECK(other->Get("linger.ms") == "7");
}

TEST_CASE("KafkaSettings: our defaults are in force, for whom they concern") {
  const KafkaSettings settings;
  using Role = KafkaSettings::Role;
  CHECK(InForce(settings, Role::kProducer, "enable.idempotence") == "true");
  CHECK(InForce(settings, Role::kProducer, "acks") == "-1");
  CHECK(InForce(settings, Role::kProducer, "compression.type") == "lz4");
  CHECK(InForce(settings, Role::kProducer, "message.timeout.ms") == "0");
  CHECK(InForce(settings, Role::kProducer, "allow.auto.create.topics") == "false");
  CHECK(InForce(settings, Role::kProducer, "socket.nagle.disable") == "true");
  CHECK(InForce(settings, Role::kProducer, "bootstrap.servers") == "127.0.0.1:9092");
  CHECK(InForce(settings, Role::kConsumer, "socket.nagle.disable") == "true");
  CHECK(InForce(settings, Role::kConsumer, "enable.idempotence") == "false");
  CHECK(InForce(settings, Role::kConsumer, "isolation.level") == "read_committed");
  CHECK(InForce(settings, Role::kConsumer, "enable.auto.commit") == "false");
  CHECK(InForce(settings, Role::kConsumer, "enable.partition.eof") == "true");
  CHECK(InForce(settings, Role::kConsumer, "group.id") == "playload");
  const auto grouped = Make({"group.id=mine", "linger.ms=1"});
  REQUIRE(grouped.has_value());
  CHECK(InForce(*grouped, Role::kConsumer, "group.id") == "mine");
}

TEST_CASE("KafkaSettings: an unknown property names the nearest one and where it was given") {
  CHECK(Error(Make({"linger.msec=5"})) ==
        "--kafka: unknown Kafka property 'linger.msec'; did you mean 'linger.ms'?");
  CHECK(Has(Error(Make({"acks"})), "--kafka acks: key=value expected"));
  CHECK(Has(Error(Make({"=5"})), "unknown Kafka property ''"));
  CHECK(Has(Error(Make({"error_cb=5"})), "unknown Kafka property 'error_cb'"));
  const File file("acks=all\n\ncompresion.type=lz4\n");
  CHECK(Has(Error(Make({}, file.path())),
            file.path() + ":3: unknown Kafka property 'compresion.type'; did you mean "
                          "'compression.type'?"));
  CHECK(Error(Make({}, "", {"PLAYLOAD_KAFKA_LINGR_MS=5"})) ==
        "environment PLAYLOAD_KAFKA_LINGR_MS: no Kafka property is meant by this; did you mean "
        "'PLAYLOAD_KAFKA_LINGER_MS'?");
  const File torn("sasl.username=me\nhidden-word\n");
  CHECK(Has(Error(Make({}, torn.path())), torn.path() + ":2: 'key=value' expected"));
  CHECK_FALSE(Has(Error(Make({}, torn.path())), "hidden-word"));
  CHECK(Has(Error(Make({}, "/nowhere/kafka.conf")), "/nowhere/kafka.conf"));
}

TEST_CASE("KafkaSettings: wrong values, doubles and what is not to be set are refused") {
  CHECK(Has(Error(Make({"linger.ms=soon"})), "--kafka: invalid value of 'linger.ms': "));
  CHECK(Has(Error(Make({"compression.type=rar"})), "compression.type"));
  CHECK(Has(Error(Make({"linger.ms=1", "linger.ms=2"})), "'linger.ms' is given twice"));
  CHECK(Has(Error(Make({"linger.ms=1", "queue.buffering.max.ms=2"})),
            "'queue.buffering.max.ms' is given twice, first as 'linger.ms'"));
  const File file("linger.ms=1\nlinger.ms=1\n");
  CHECK(Has(Error(Make({}, file.path())),
            ":2: 'linger.ms' is given twice, first at " + file.path() + ":1"));
  for (const char* flag :
       {"bootstrap.servers=a", "metadata.broker.list=a", "transactional.id=x", "partitioner=random",
        "delivery.report.only.error=true", "enable.auto.commit=true", "auto.offset.reset=latest",
        "statistics.interval.ms=1", "log.queue=false", "allow.auto.create.topics=true"}) {
    CAPTURE(flag);
    CHECK(Has(Error(Make({flag})), "cannot be set: "));
  }
}

TEST_CASE("KafkaSettings: conflicts with idempotence name the property and the way out") {
  const char* conflicts[] = {"acks=1",
                             "request.required.acks=0",
                             "retries=0",
                             "message.send.max.retries=0",
                             "max.in.flight=6",
                             "max.in.flight.requests.per.connection=1000",
                             "queuing.strategy=lifo"};
  for (const char* flag : conflicts) {
    CAPTURE(flag);
    const std::string error = Error(Make({flag}));
    CHECK(Has(error, std::string("--kafka: ") + flag + " conflicts with enable.idempotence=true"));
    CHECK(Has(error, "enable.idempotence=false"));
    CHECK(Make({flag, "enable.idempotence=false"}).has_value());
  }
  for (const char* flag : {"acks=-1", "acks=all", "retries=5", "max.in.flight=5"}) {
    CAPTURE(flag);
    CHECK(Make({flag}).has_value());
  }
}

// Whatever way a secret comes in, it shows nowhere.
TEST_CASE("KafkaSettings: secrets are redacted, in lists and in foreign text") {
  const File file("sasl.password=hidden1\nssl.key.pem=hidden2\n");
  const auto settings = Make({"ssl.key.password=hidden3", "sasl.username=me"}, file.path(),
                             {"PLAYLOAD_KAFKA_SASL_OAUTHBEARER_CONFIG=hidden4",
                              "PLAYLOAD_KAFKA_SSL_KEYSTORE_PASSWORD=hidden5"});
  REQUIRE_MESSAGE(settings.has_value(), settings.error().message());
  const auto shown = settings->Redacted();
  CHECK(std::is_sorted(shown.begin(), shown.end()));
  int stars = 0;
  for (const auto& [name, value] : shown) {
    CHECK_FALSE(Has(value, "hidden"));
    if (value == "***") ++stars;
  }
  CHECK(stars == 5);
  const auto has = [&shown](const char* name, const char* value) {
    return std::find(shown.begin(), shown.end(),
                     std::pair<std::string, std::string>(name, value)) != shown.end();
  };
  CHECK(has("sasl.password", "***"));
  CHECK(has("sasl.username", "me"));
  CHECK(has("acks", "all"));
  CHECK(settings->Scrub("login hidden1/hidden1 with hidden3.") == "login ***/*** with ***.");
  CHECK(settings->Scrub("nothing") == "nothing");
  REQUIRE(settings->warnings().size() == 1);
  CHECK(Has(settings->warnings()[0], "ssl.key.password"));
  CHECK_FALSE(Has(settings->warnings()[0], "hidden"));
  CHECK(settings->Get("sasl.password") == "hidden1");  // it is there for the client

  for (const char* name :
       {"sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem",
        "sasl.oauthbearer.config", "sasl.oauthbearer.client.secret"}) {
    CAPTURE(name);
    CHECK(KafkaSettings::IsSecret(name));
  }
  CHECK_FALSE(KafkaSettings::IsSecret("sasl.username"));
  CHECK_FALSE(KafkaSettings::IsSecret("ssl.key.location"));
}

TEST_CASE("KafkaSettings: the queue's memory is bounded by messages and by kilobytes") {
  const auto settings =
      Make({"queue.buffering.max.messages=1000", "queue.buffering.max.kbytes=10"});
  REQUIRE(settings.has_value());
  CHECK(settings->QueueMemoryBytes(5) == 1'000 * (5 + 268));
  CHECK(settings->QueueMemoryBytes(1024) == 10 * (1024 + 268));
  CHECK(KafkaSettings().QueueMemoryBytes(300) == 250'000ULL * (300 + 268));
}

TEST_CASE("KafkaSettings: the number of producers is ours, and librdkafka never sees it") {
  CHECK(KafkaSettings().GetNumber(KafkaSettings::kProducers, 0) == 2);
  KafkaSettings::Input input;
  input.flags = {"playload.producers=3"};
  const char* const environment[] = {"PLAYLOAD_KAFKA_PLAYLOAD_PRODUCERS=4", nullptr};
  input.environment = environment;
  const auto settings = KafkaSettings::Make(input);
  REQUIRE(settings.has_value());
  CHECK(settings->GetNumber(KafkaSettings::kProducers, 0) == 3);
  CHECK(settings->Conf(KafkaSettings::Role::kProducer, "127.0.0.1:1").has_value());
  CHECK(settings->Conf(KafkaSettings::Role::kConsumer, "127.0.0.1:1").has_value());
  input.flags.clear();
  CHECK(KafkaSettings::Make(input)->GetNumber(KafkaSettings::kProducers, 0) == 4);
  for (const char* wrong : {"0", "-1", "65", "two", "", "1.5"}) {
    CAPTURE(wrong);
    input.flags = {std::string("playload.producers=") + wrong};
    const auto refused = KafkaSettings::Make(input);
    REQUIRE(!refused.has_value());
    CHECK(refused.error().message() ==
          "--kafka: invalid value of 'playload.producers': a number from 1 to 64");
  }
}

TEST_CASE("KafkaSettings: at full speed other defaults are in force, but what was given stays") {
  KafkaSettings ours;
  CHECK(ours.Get("queue.buffering.max.messages") == "250000");
  ours.UseFullSpeedDefaults();
  CHECK(ours.Get("queue.buffering.max.messages") == "60000");
  CHECK(ours.Get("linger.ms") == "100");
  CHECK(ours.Get("acks") == "all");
  auto given = Make({"queue.buffering.max.messages=250000"});
  REQUIRE(given.has_value());
  given->UseFullSpeedDefaults();
  CHECK(given->Get("linger.ms") == "100");
  CHECK(given->Get("queue.buffering.max.messages") == "250000");
}

TEST_CASE("KafkaSettings: With() replaces one value of a copy") {
  const KafkaSettings settings;
  CHECK(settings.With("linger.ms", "7").Get("linger.ms") == "7");
  CHECK(settings.With("queue.buffering.max.kbytes", "9").Get("queue.buffering.max.kbytes") == "9");
  CHECK(settings.Get("linger.ms") == "20");
}

}  // namespace playload
