-- The outputs of playload's reference pipeline, computed over recorded events, which stand in the
-- folder getvariable('events'). recompute.py runs it.

-- A line's place is the order of arrival: one thread, and rows keep the order of the file.
SET threads = 1;
SET preserve_insertion_order = true;

CREATE TEMP TABLE purchases AS
SELECT
  row_number() OVER () AS place,
  user_data.user_id AS user_id,
  parameters.amount::DOUBLE AS amount,
  parameters.currency AS currency
FROM read_json(
  getvariable('events') || '/purchase-events.ndjson',
  format = 'newline_delimited',
  columns = {
    parameters: 'STRUCT(amount DOUBLE, currency VARCHAR)',
    user_data: 'STRUCT(user_id VARCHAR)'
  }
);

-- A total is folded from the left, as a service adds it up: sum() of a window adds in another
-- order, and then one total in two hundred differs in its last bit.
CREATE TEMP TABLE histories AS
SELECT
  place,
  user_id,
  list_reduce(list(amount) OVER so_far, lambda total, amount: total + amount) AS total_amount,
  count(*) OVER so_far AS transaction_count,
  min(currency) OVER so_far <> max(currency) OVER so_far AS several_currencies
FROM purchases
WINDOW so_far AS (
  PARTITION BY user_id
  ORDER BY place
  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
);

CREATE TEMP TABLE player_session_summaries AS
SELECT parameters.player_id AS player_id, 1 AS event_count
FROM read_json(
  getvariable('events') || '/player-events.ndjson',
  format = 'newline_delimited',
  columns = {parameters: 'STRUCT(player_id VARCHAR)'}
);

CREATE TEMP TABLE purchase_aggregates AS
SELECT user_id, total_amount, transaction_count
FROM histories
ORDER BY place;

CREATE TEMP TABLE server_alerts AS
SELECT *
FROM read_json(
  getvariable('events') || '/server-metrics.ndjson',
  format = 'newline_delimited',
  columns = {
    event_name: 'VARCHAR',
    parameters:
      'STRUCT(server_id VARCHAR, cpu_load UINTEGER, memory_usage UINTEGER, latency UINTEGER)',
    event_timestamp: 'VARCHAR',
    server_data: 'STRUCT(region VARCHAR, server_type VARCHAR)'
  }
)
WHERE parameters.cpu_load > 80 OR parameters.memory_usage > 80;

CREATE TEMP TABLE fraud_alerts AS
SELECT
  user_id,
  CASE
    WHEN transaction_count > 5 THEN 'Too frequent transactions'
    ELSE 'Multiple currency transactions'
  END AS reason
FROM histories
WHERE transaction_count > 5 OR several_currencies
ORDER BY place;
