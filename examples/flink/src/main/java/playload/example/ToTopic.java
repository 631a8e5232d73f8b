package playload.example;

import java.nio.charset.StandardCharsets;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.kafka.clients.producer.ProducerRecord;

/** An output as a record of a topic; its key decides about the partition. */
final class ToTopic implements KafkaRecordSerializationSchema<Output> {
  private static final long serialVersionUID = 1;

  private final String topic;

  ToTopic(String topic) {
    this.topic = topic;
  }

  @Override
  public ProducerRecord<byte[], byte[]> serialize(
      Output output, KafkaSinkContext context, Long timestamp) {
    return new ProducerRecord<>(topic, utf8(output.key()), utf8(output.value()));
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
