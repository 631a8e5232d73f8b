-- The four services of playload's reference pipeline. RunSql puts in ${kafka}, ${in}, ${out} and
-- ${name}, and runs all INSERTs as one job.

-- What is not as its table says is passed over.
CREATE TABLE player_events (
  parameters ROW<player_id STRING>
) WITH (
  'connector' = 'kafka',
  'topic' = '${in}player-events',
  'properties.bootstrap.servers' = '${kafka}',
  'properties.group.id' = '${name}',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE purchase_events (
  parameters ROW<transaction_id STRING, currency STRING, amount DOUBLE>,
  user_data ROW<user_id STRING>,
  arrival AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = '${in}purchase-events',
  'properties.bootstrap.servers' = '${kafka}',
  'properties.group.id' = '${name}',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE server_metrics (
  event_name STRING,
  parameters ROW<server_id STRING, cpu_load INT, memory_usage INT, latency INT>,
  event_timestamp STRING,
  server_data ROW<region STRING, server_type STRING>
) WITH (
  'connector' = 'kafka',
  'topic' = '${in}server-metrics',
  'properties.bootstrap.servers' = '${kafka}',
  'properties.group.id' = '${name}',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

-- A record's key is a column of its own, in no value.
CREATE TABLE player_session_summaries (
  key_id STRING,
  player_id STRING,
  event_count INT
) WITH (
  'connector' = 'kafka',
  'topic' = '${out}player-session-summaries',
  'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'raw',
  'key.fields' = 'key_id',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TABLE purchase_aggregates (
  key_id STRING,
  total_amount DOUBLE,
  transaction_count BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = '${out}purchase-aggregates',
  'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'raw',
  'key.fields' = 'key_id',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TABLE server_alerts (
  key_id STRING,
  event_name STRING,
  parameters ROW<server_id STRING, cpu_load INT, memory_usage INT, latency INT>,
  event_timestamp STRING,
  server_data ROW<region STRING, server_type STRING>
) WITH (
  'connector' = 'kafka',
  'topic' = '${out}server-alerts',
  'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'raw',
  'key.fields' = 'key_id',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TABLE fraud_alerts (
  key_id STRING,
  user_id STRING,
  reason STRING
) WITH (
  'connector' = 'kafka',
  'topic' = '${out}fraud-alerts',
  'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'raw',
  'key.fields' = 'key_id',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

-- What is known of a user after each purchase. An OVER window takes purchases one by one as they
-- arrive, so a total is the sum from the first on, in this order.
CREATE TEMPORARY VIEW purchases AS
SELECT
  user_data.user_id AS user_id,
  parameters.transaction_id AS transaction_id,
  parameters.amount AS amount,
  parameters.currency AS currency,
  arrival
FROM purchase_events
WHERE user_data.user_id IS NOT NULL
  AND parameters.amount IS NOT NULL
  AND parameters.currency IS NOT NULL;

CREATE TEMPORARY VIEW histories AS
SELECT
  user_id,
  SUM(amount) OVER so_far AS total_amount,
  COUNT(*) OVER so_far AS transaction_count,
  MIN(currency) OVER so_far <> MAX(currency) OVER so_far AS several_currencies
FROM purchases
WINDOW so_far AS (
  PARTITION BY user_id
  ORDER BY arrival
  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
);

INSERT INTO player_session_summaries
SELECT parameters.player_id, parameters.player_id, 1
FROM player_events
WHERE parameters.player_id IS NOT NULL;

INSERT INTO purchase_aggregates
SELECT user_id, total_amount, transaction_count
FROM histories;

INSERT INTO server_alerts
SELECT parameters.server_id, event_name, parameters, event_timestamp, server_data
FROM server_metrics
WHERE parameters.cpu_load > 80 OR parameters.memory_usage > 80;

INSERT INTO fraud_alerts
SELECT
  user_id,
  user_id,
  CASE
    WHEN transaction_count > 5 THEN 'Too frequent transactions'
    ELSE 'Multiple currency transactions'
  END
FROM histories
WHERE transaction_count > 5 OR several_currencies;
