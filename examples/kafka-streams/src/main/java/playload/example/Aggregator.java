package playload.example;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** purchase-aggregator: a user's total and number of purchases, after every one of them. */
final class Aggregator implements Processor<String, Purchase, String, String> {
  static final String STORE = "totals";

  /** The state, and the output as it is. */
  record Totals(
      @JsonProperty("total_amount") double amount, @JsonProperty("transaction_count") int count) {
    static final Totals NONE = new Totals(0, 0);

    Totals plus(Purchase purchase) {
      return new Totals(amount + purchase.amount(), count + 1);
    }
  }

  private ProcessorContext<String, String> context;
  private KeyValueStore<String, Totals> store;

  @Override
  public void init(ProcessorContext<String, String> context) {
    this.context = context;
    this.store = context.getStateStore(STORE);
  }

  @Override
  public void process(Record<String, Purchase> record) {
    String user = record.value().user();
    Totals before = store.get(user);
    Totals now = (before == null ? Totals.NONE : before).plus(record.value());
    store.put(user, now);
    context.forward(record.withKey(user).withValue(Json.write(now)));
  }
}
