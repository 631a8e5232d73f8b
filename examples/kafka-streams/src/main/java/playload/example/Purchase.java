package playload.example;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/** What the rules need of an event of purchase-events. */
record Purchase(String transaction, String user, double amount, String currency) {

  /** One purchase, or none where a field is missing or of another type. */
  static List<Purchase> read(String line) {
    JsonNode event = Json.read(line);
    JsonNode transaction = event.at("/parameters/transaction_id");
    JsonNode user = event.at("/user_data/user_id");
    JsonNode amount = event.at("/parameters/amount");
    JsonNode currency = event.at("/parameters/currency");
    boolean whole =
        transaction.isTextual() && user.isTextual() && amount.isNumber() && currency.isTextual();
    return whole
        ? List.of(
            new Purchase(
                transaction.asText(), user.asText(), amount.asDouble(), currency.asText()))
        : List.of();
  }
}
