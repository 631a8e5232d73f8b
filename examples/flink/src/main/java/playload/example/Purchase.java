package playload.example;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.util.Collector;

/** What the rules need of an event of purchase-events. */
public record Purchase(String transaction, String user, double amount, String currency) {

  /** Hands on one purchase, or none where a field is missing or of another type. */
  static void read(String line, Collector<Purchase> out) {
    JsonNode event = Json.read(line);
    JsonNode transaction = event.at("/parameters/transaction_id");
    JsonNode user = event.at("/user_data/user_id");
    JsonNode amount = event.at("/parameters/amount");
    JsonNode currency = event.at("/parameters/currency");
    if (transaction.isTextual() && user.isTextual() && amount.isNumber() && currency.isTextual()) {
      out.collect(
          new Purchase(
              transaction.asText(), user.asText(), amount.asDouble(), currency.asText()));
    }
  }
}
