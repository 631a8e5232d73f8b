package playload.example;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** fraud-detection: an alert for every purchase beyond the fifth, or with a second currency. */
final class FraudDetector extends KeyedProcessFunction<String, Purchase, Output> {
  private static final long serialVersionUID = 1;

  /** What is known of a user: how many purchases, the first one's currency, whether others came. */
  public record Seen(int count, String currency, boolean several) {
    Seen and(Purchase purchase) {
      return new Seen(count + 1, currency, several || !purchase.currency().equals(currency));
    }
  }

  private record Alert(String user_id, String reason) {}

  private final int most; // purchases without an alert
  private transient ValueState<Seen> state;

  FraudDetector(int most) {
    this.most = most;
  }

  @Override
  public void open(OpenContext context) {
    state = getRuntimeContext().getState(new ValueStateDescriptor<>("seen", Seen.class));
  }

  @Override
  public void processElement(Purchase purchase, Context context, Collector<Output> out)
      throws Exception {
    Seen before = state.value();
    Seen now = (before == null ? new Seen(0, purchase.currency(), false) : before).and(purchase);
    state.update(now);
    if (now.count() > most) {
      out.collect(alert(purchase, "Too frequent transactions"));
    } else if (now.several()) {
      out.collect(alert(purchase, "Multiple currency transactions"));
    }
  }

  private static Output alert(Purchase purchase, String reason) {
    return new Output(purchase.user(), Json.write(new Alert(purchase.user(), reason)));
  }
}
