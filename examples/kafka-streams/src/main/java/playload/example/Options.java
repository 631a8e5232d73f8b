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
    int threads,
    int commitMs,
    String broken) {

  static final List<String> DELIVERIES = List.of("exactly-once", "at-least-once");
  static final List<String> BREAKS =
      List.of("early-alert", "wrong-key", "dsl-cache", "uncached", "lost-state");

  static final String USAGE =
      """
      usage: java -jar kafka-streams.jar [--kafka HOST:PORT] [options]
        --in PREFIX, --out PREFIX   of the names of the topics that are read, and written
        --name NAME                 application.id: a new one for each run
        --state DIR                 where the state stores are
        --delivery PROMISE          exactly-once (default) or at-least-once
        --threads N                 that share the partitions (default: 2)
        --commit-interval MS        default: 100 under exactly-once, 2000 under at-least-once
        --break WHAT                early-alert, wrong-key, dsl-cache, uncached or lost-state
      """;

  static Options parse(String[] args) {
    String kafka = "127.0.0.1:9092";
    String in = "";
    String out = "";
    String name = "playload-example";
    String state = "state";
    String delivery = "exactly-once";
    int threads = 2;
    int commitMs = 0; // as the promise has it
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
        case "--threads" -> threads = number(args[i], value);
        case "--commit-interval" -> commitMs = number(args[i], value);
        case "--break" -> broken = value;
        default -> wrong("unknown option " + args[i]);
      }
    }
    if (!DELIVERIES.contains(delivery)) wrong("--delivery " + delivery);
    if (!broken.isEmpty() && !BREAKS.contains(broken)) wrong("--break " + broken);
    if (commitMs == 0) commitMs = delivery.equals("exactly-once") ? 100 : 2000;
    return new Options(kafka, in, out, name, state, delivery, threads, commitMs, broken);
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

  private static int number(String option, String value) {
    if (!value.matches("[1-9][0-9]{0,5}")) wrong(option + " " + value);
    return Integer.parseInt(value);
  }

  private static String wrong(String what) {
    System.err.print(what + "\n" + USAGE);
    System.exit(104);
    throw new AssertionError();
  }
}
