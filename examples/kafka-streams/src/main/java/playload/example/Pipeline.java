package playload.example;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The four services of playload's reference pipeline as one Kafka Streams application. */
public final class Pipeline {
  private static final int MOST_PURCHASES = 5; // without an alert
  private static final int MOST_LOAD = 80; // percent
  private static final Serde<String> TEXT = Serdes.String();

  private final Options options;
  private final StreamsBuilder builder = new StreamsBuilder();

  private Pipeline(Options options) {
    this.options = options;
  }

  public static void main(String[] args) throws Exception {
    Options options = Options.parse(args);
    Topics.create(options.kafka(), options.topics());
    KafkaStreams streams =
        new KafkaStreams(new Pipeline(options).topology(), properties(options));
    CountDownLatch failed = new CountDownLatch(1);
    streams.setStateListener(
        (now, before) -> {
          if (now == KafkaStreams.State.RUNNING) System.out.println("running");
          if (now == KafkaStreams.State.ERROR) failed.countDown();
        });
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
    failed.await();
    System.exit(1);
  }

  private Topology topology() {
    read("player-events")
        .mapValues(line -> Json.read(line).at("/parameters/player_id"))
        .filter((key, player) -> player.isTextual())
        .map((key, player) -> KeyValue.pair(player.asText(), summary(player.asText())))
        .to(options.out() + "player-session-summaries", Produced.with(TEXT, TEXT));

    read("server-metrics")
        .filter((key, line) -> overloaded(Json.read(line)))
        .to(options.out() + "server-alerts", Produced.with(TEXT, TEXT));

    // State is kept where a record's key leads: all purchases of a user must come to one place.
    // playload's key is the user's id, so they do.
    KStream<String, String> lines = read("purchase-events");
    if (options.breaks("wrong-key")) {
      lines =
          lines
              .selectKey((key, line) -> Json.read(line).at("/parameters/transaction_id").asText())
              .repartition(Repartitioned.with(TEXT, TEXT));
    }
    KStream<String, Purchase> purchases = lines.flatMapValues(Purchase::read);
    aggregates(purchases)
        .to(options.out() + "purchase-aggregates", Produced.with(TEXT, TEXT));

    int most = options.breaks("early-alert") ? MOST_PURCHASES - 1 : MOST_PURCHASES;
    builder.addStateStore(store(FraudDetector.STORE, FraudDetector.Seen.class));
    purchases
        .process(() -> new FraudDetector(most), FraudDetector.STORE)
        .to(options.out() + "fraud-alerts", Produced.with(TEXT, TEXT));
    return builder.build();
  }

  private KStream<String, String> aggregates(KStream<String, Purchase> purchases) {
    if (options.breaks("dsl-cache")) {
      // aggregate() looks the same, but what its cache holds comes out at a commit only: of several
      // updates of a user in between, the last.
      return purchases
          .groupByKey(Grouped.with(TEXT, Json.serde(Purchase.class)))
          .aggregate(
              () -> Aggregator.Totals.NONE,
              (user, purchase, totals) -> totals.plus(purchase),
              Materialized.<String, Aggregator.Totals>as(
                      Stores.persistentKeyValueStore(Aggregator.STORE))
                  .withKeySerde(TEXT)
                  .withValueSerde(Json.serde(Aggregator.Totals.class)))
          .toStream()
          .mapValues(Json::write);
    }
    builder.addStateStore(store(Aggregator.STORE, Aggregator.Totals.class));
    return purchases.process(Aggregator::new, Aggregator.STORE);
  }

  /**
   * A state store, with a changelog topic to restore it from. Under at-least-once it needs its
   * cache: without one every update is in the changelog at once, so that after a crash the state is
   * newer than the committed position, and the purchases in between are counted twice. With it,
   * updates reach the changelog at a commit: state and position are set back together, and outputs
   * only come again; unless the crash falls into a commit, between the changelog and the position.
   * (Exactly-once makes one transaction of all this.)
   */
  private <V> StoreBuilder<KeyValueStore<String, V>> store(String name, Class<V> type) {
    if (options.breaks("lost-state")) {
      return Stores.keyValueStoreBuilder(
              Stores.inMemoryKeyValueStore(name), TEXT, Json.serde(type))
          .withLoggingDisabled();
    }
    StoreBuilder<KeyValueStore<String, V>> store =
        Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore(name), TEXT, Json.serde(type));
    return options.breaks("uncached") ? store.withCachingDisabled() : store.withCachingEnabled();
  }

  private KStream<String, String> read(String topic) {
    return builder.stream(options.in() + topic, Consumed.with(TEXT, TEXT));
  }

  private static String summary(String player) {
    return "{\"player_id\":" + Json.write(player) + ",\"event_count\":1}";
  }

  private static boolean overloaded(JsonNode metric) {
    JsonNode cpu = metric.at("/parameters/cpu_load");
    JsonNode memory = metric.at("/parameters/memory_usage");
    return cpu.isInt()
        && memory.isInt()
        && (cpu.asInt() > MOST_LOAD || memory.asInt() > MOST_LOAD);
  }

  private static Properties properties(Options options) {
    Properties properties = new Properties();
    properties.putAll(
        Map.of(
            StreamsConfig.APPLICATION_ID_CONFIG, options.name(),
            StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.kafka(),
            StreamsConfig.STATE_DIR_CONFIG, options.state(),
            StreamsConfig.NUM_STREAM_THREADS_CONFIG, options.threads(),
            StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, options.commitMs(),
            // Larger than the state: what it must push out early is in the changelog too early.
            StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20,
            // After kill -9 the group waits this long for the one that is gone (default: 45 s).
            StreamsConfig.consumerPrefix("session.timeout.ms"), 6000));
    if (options.exactlyOnce()) {
      properties.put(
          StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    }
    return properties;
  }
}
