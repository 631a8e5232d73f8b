package playload.example;

import java.util.List;
import java.util.stream.Stream;

/** The command line. */
record Options(
    String kafka,
    String in,
    String out,
    String name,
    String state,
    String delivery,
    String broken) {

  static final List<String> DELIVERIES = List.of("exactly-once", "at-least-once");
  static final List<String> BREAKS = List.of("wrong-key", "lost-state");

  static final String USAGE =
      """
      usage: java -jar flink.jar [--kafka HOST:PORT] [options]
        --in PREFIX, --out PREFIX   of the names of the topics that are read, and written
        --name NAME                 its consumer group and transactions: a new one for each run
        --state DIR                 of the checkpoints; it goes on from the newest one there
        --delivery PROMISE          exactly-once (default) or at-least-once
        --break WHAT                wrong-key or lost-state
      """;

  static Options parse(String[] args) {
    String kafka = "127.0.0.1:9092";
    String in = "";
    String out = "";
    String name = "playload-example";
    String state = "state";
    String delivery = "exactly-once";
    String broken = "";
    for (int i = 0; i < args.length; i += 2) {
      String value = i + 1 < args.length ? args[i + 1] : wrong(args[i] + " has no value");
      switch (args[i]) {
        case "--kafka" -> kafka = value;
        case "--in" -> in = value;
        case "--out" -> out = value;
        case "--name" -> name = value;
        case "--state" -> state = value;
        case "--delivery" -> delivery = value;
        case "--break" -> broken = value;
        default -> wrong("unknown option " + args[i]);
      }
    }
    if (!DELIVERIES.contains(delivery)) wrong("--delivery " + delivery);
    if (!broken.isEmpty() && !BREAKS.contains(broken)) wrong("--break " + broken);
    return new Options(kafka, in, out, name, state, delivery, broken);
  }

  /** All topics, under their names here. */
  List<String> topics() {
    Stream<String> inputs = Stream.of("player-events", "purchase-events", "server-metrics");
    Stream<String> outputs =
        Stream.of(
            "player-session-summaries", "purchase-aggregates", "server-alerts", "fraud-alerts");
    return Stream.concat(inputs.map(in::concat), outputs.map(out::concat)).toList();
  }

  boolean exactlyOnce() {
    return delivery.equals("exactly-once");
  }

  boolean breaks(String what) {
    return broken.equals(what);
  }

  private static String wrong(String what) {
    System.err.print(what + "\n" + USAGE);
    System.exit(104);
    throw new AssertionError();
  }
}
