package playload.example;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.errors.TopicExistsException;

/** Makes topics. */
final class Topics {
  private static final int PARTITIONS = 6;
  private static final short REPLICATION = 1;

  private Topics() {}

  /** Those of them that are not there yet. */
  static void create(String kafka, List<String> topics) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", kafka))) {
      Set<String> there = admin.listTopics().names().get();
      List<NewTopic> missing =
          topics.stream()
              .filter(topic -> !there.contains(topic))
              .map(topic -> new NewTopic(topic, PARTITIONS, REPLICATION))
              .toList();
      admin.createTopics(missing).all().get();
    } catch (ExecutionException e) {
      // Somebody else was faster.
      if (!(e.getCause() instanceof TopicExistsException)) throw e;
    }
  }
}
