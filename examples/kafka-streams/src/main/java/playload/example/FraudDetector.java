package playload.example;

import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** fraud-detection: an alert for every purchase beyond the fifth, or with a second currency. */
final class FraudDetector implements Processor<String, Purchase, String, String> {
  static final String STORE = "seen";

  /** What is known of a user. */
  record Seen(int count, Set<String> currencies) {
    static final Seen NONE = new Seen(0, Set.of());

    Seen and(Purchase purchase) {
      Set<String> all = new TreeSet<>(currencies);
      all.add(purchase.currency());
      return new Seen(count + 1, all);
    }
  }

  record Alert(String user_id, String reason) {}

  private final int most; // purchases without an alert
  private ProcessorContext<String, String> context;
  private KeyValueStore<String, Seen> store;

  FraudDetector(int most) {
    this.most = most;
  }

  @Override
  public void init(ProcessorContext<String, String> context) {
    this.context = context;
    this.store = context.getStateStore(STORE);
  }

  @Override
  public void process(Record<String, Purchase> record) {
    String user = record.value().user();
    Seen before = store.get(user);
    Seen now = (before == null ? Seen.NONE : before).and(record.value());
    store.put(user, now);
    if (now.count() > most) {
      alert(record, "Too frequent transactions");
    } else if (now.currencies().size() > 1) {
      alert(record, "Multiple currency transactions");
    }
  }

  private void alert(Record<String, Purchase> record, String reason) {
    String user = record.value().user();
    context.forward(record.withKey(user).withValue(Json.write(new Alert(user, reason))));
  }
}
