package playload.example;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** purchase-aggregator: a user's total and number of purchases, after every one of them. */
final class Aggregator extends KeyedProcessFunction<String, Purchase, Output> {
  private static final long serialVersionUID = 1;

  /** The state, and the output as it is. */
  public record Totals(
      @JsonProperty("total_amount") double amount, @JsonProperty("transaction_count") int count) {
    Totals plus(Purchase purchase) {
      return new Totals(amount + purchase.amount(), count + 1);
    }
  }

  private transient ValueState<Totals> state;

  @Override
  public void open(OpenContext context) {
    state = getRuntimeContext().getState(new ValueStateDescriptor<>("totals", Totals.class));
  }

  @Override
  public void processElement(Purchase purchase, Context context, Collector<Output> out)
      throws Exception {
    Totals before = state.value();
    Totals now = (before == null ? new Totals(0, 0) : before).plus(purchase);
    state.update(now);
    out.collect(new Output(purchase.user(), Json.write(now)));
  }
}
