package playload.example;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.OffsetResetStrategy;

/** The four services of playload's reference pipeline as one Flink job, on a cluster of its own. */
public final class Pipeline {
  private static final int PARALLELISM = 2;
  private static final int MOST_PURCHASES = 5; // without an alert
  private static final int MOST_LOAD = 80; // percent
  private static final Duration CHECKPOINTS = Duration.ofSeconds(1);
  private static final String LOOPBACK = "127.0.0.1";

  private final Options options;
  private final StreamExecutionEnvironment environment;

  private Pipeline(Options options) throws IOException {
    this.options = options;
    this.environment =
        StreamExecutionEnvironment.createLocalEnvironment(PARALLELISM, configuration(options));
  }

  public static void main(String[] args) throws Exception {
    Options options = Options.parse(args);
    Topics.create(options.kafka(), options.topics());
    Pipeline pipeline = new Pipeline(options);
    pipeline.build();
    JobClient job = pipeline.environment.executeAsync("playload's reference pipeline");
    System.out.println("running");
    job.getJobExecutionResult().get(); // only a failure ends it
  }

  private void build() {
    TypeInformation<Output> output = TypeInformation.of(Output.class);
    write("player-session-summaries", read("player-events").flatMap(Pipeline::summary, output));
    write("server-alerts", read("server-metrics").flatMap(Pipeline::serverAlert, output));

    // State is kept by key: all purchases of a user must have one.
    KeyedStream<Purchase, String> purchases =
        read("purchase-events")
            .flatMap(Purchase::read, TypeInformation.of(Purchase.class))
            .keyBy(options.breaks("wrong-key") ? Purchase::transaction : Purchase::user);
    write("purchase-aggregates", purchases.process(new Aggregator()).uid("aggregator"));
    write(
        "fraud-alerts", purchases.process(new FraudDetector(MOST_PURCHASES)).uid("fraud-detector"));
  }

  private static void summary(String line, Collector<Output> out) {
    JsonNode player = Json.read(line).at("/parameters/player_id");
    if (!player.isTextual()) return;
    String value = "{\"player_id\":" + player + ",\"event_count\":1}";
    out.collect(new Output(player.asText(), value));
  }

  private static void serverAlert(String line, Collector<Output> out) {
    JsonNode event = Json.read(line);
    JsonNode server = event.at("/parameters/server_id");
    JsonNode cpu = event.at("/parameters/cpu_load");
    JsonNode memory = event.at("/parameters/memory_usage");
    if (!server.isTextual() || !cpu.isInt() || !memory.isInt()) return;
    if (cpu.asInt() > MOST_LOAD || memory.asInt() > MOST_LOAD) {
      out.collect(new Output(server.asText(), line));
    }
  }

  @SuppressWarnings("deprecation") // OffsetResetStrategy: the connector asks for it
  private DataStream<String> read(String topic) {
    // From a checkpoint the source goes on where that was made, whatever is said here.
    OffsetsInitializer begin =
        options.breaks("lost-state")
            ? OffsetsInitializer.committedOffsets(OffsetResetStrategy.EARLIEST)
            : OffsetsInitializer.earliest();
    KafkaSource<String> source =
        KafkaSource.<String>builder()
            .setBootstrapServers(options.kafka())
            .setTopics(options.in() + topic)
            .setGroupId(options.name())
            .setStartingOffsets(begin)
            .setValueOnlyDeserializer(new SimpleStringSchema())
            .build();
    return environment.fromSource(source, WatermarkStrategy.noWatermarks(), topic).uid(topic);
  }

  private void write(String topic, DataStream<Output> outputs) {
    KafkaSink<Output> sink =
        KafkaSink.<Output>builder()
            .setBootstrapServers(options.kafka())
            .setRecordSerializer(new ToTopic(options.out() + topic))
            .setDeliveryGuarantee(
                options.exactlyOnce()
                    ? DeliveryGuarantee.EXACTLY_ONCE
                    : DeliveryGuarantee.AT_LEAST_ONCE)
            .setTransactionalIdPrefix(options.name() + "-" + topic)
            // The default of an hour is more than a broker allows.
            .setProperty("transaction.timeout.ms", "60000")
            .build();
    outputs.sinkTo(sink).name(topic).uid(topic);
  }

  private static Configuration configuration(Options options) throws IOException {
    Path state = Files.createDirectories(Path.of(options.state()).toAbsolutePath());
    Configuration configuration = new Configuration();
    // Whoever reaches Flink's REST port can cancel jobs; by default everybody does.
    configuration.set(RestOptions.BIND_ADDRESS, LOOPBACK);
    configuration.set(JobManagerOptions.BIND_HOST, LOOPBACK);
    configuration.set(RestartStrategyOptions.RESTART_STRATEGY, "disable");
    configuration.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, CHECKPOINTS);
    configuration.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, state.toUri().toString());
    configuration.set(
        CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION,
        ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
    Optional<Path> newest = options.breaks("lost-state") ? Optional.empty() : newest(state);
    newest.ifPresent(
        checkpoint ->
            configuration.set(StateRecoveryOptions.SAVEPOINT_PATH, checkpoint.toUri().toString()));
    return configuration;
  }

  /** The newest checkpoint that was completed: state/JOB/chk-N with its _metadata. */
  private static Optional<Path> newest(Path state) throws IOException {
    try (Stream<Path> files = Files.find(state, 3, (path, a) -> path.endsWith("_metadata"))) {
      return files
          .max(Comparator.comparingLong(path -> path.toFile().lastModified()))
          .map(Path::getParent);
    }
  }
}
