#include "transports/kafka/embedded.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>

namespace playload {

Result<std::unique_ptr<EmbeddedKafka>> EmbeddedKafka::Start(const std::vector<std::string>& topics,
                                                            int partitions) {
  std::unique_ptr<EmbeddedKafka> out(new EmbeddedKafka);
  std::array<char, 512> error{};
  KafkaConf conf(rd_kafka_conf_new());
  rd_kafka_conf_set_log_cb(conf.get(), nullptr);  // it has nothing to say that its clients do not
  rd_kafka_t* host = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), error.data(), error.size());
  if (host == nullptr) {
    return Status(Code::kInternal, "embedded Kafka: " + std::string(error.data()));
  }
  (void)conf.release();  // librdkafka's now
  out->host_.reset(host);
  out->cluster_ = rd_kafka_mock_cluster_new(host, 1);
  if (out->cluster_ == nullptr) {
    return Status(Code::kCannotListen, "embedded Kafka: cannot listen on 127.0.0.1");
  }
  out->bootstrap_ = rd_kafka_mock_cluster_bootstraps(out->cluster_);
  for (const std::string& topic : topics) {
    const rd_kafka_resp_err_t made =
        rd_kafka_mock_topic_create(out->cluster_, topic.c_str(), partitions, 1);
    if (made != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Invalid("embedded Kafka: topic '" + topic + "': " + rd_kafka_err2str(made));
    }
  }
  return out;
}

EmbeddedKafka::~EmbeddedKafka() {
  if (cluster_ != nullptr) rd_kafka_mock_cluster_destroy(cluster_);
}

}  // namespace playload
