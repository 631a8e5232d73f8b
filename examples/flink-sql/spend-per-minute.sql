-- What each user spent in each minute of the clock: the rule set spend-per-minute (playload show
-- rules spend-per-minute). RunSql puts in ${kafka}, ${in}, ${out}, ${name}, ${seconds}, the length of
-- a window (60), and ${lateness}, how many seconds late an event may be (5).

-- Totals are sums in order of arrival; partial ones that are added up have other last digits.
SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';
SET 'table.local-time-zone' = 'UTC';

-- A window is closed when every partition's events are past its end by the lateness.
CREATE TABLE purchase_events (
  parameters ROW<transaction_type STRING, amount DOUBLE>,
  event_timestamp STRING,
  user_data ROW<user_id STRING>,
  instant AS TO_TIMESTAMP(LEFT(event_timestamp, 19), 'yyyy-MM-dd''T''HH:mm:ss'),
  WATERMARK FOR instant AS instant - INTERVAL '${lateness}' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '${in}purchase-events',
  'properties.bootstrap.servers' = '${kafka}',
  'properties.group.id' = '${name}',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE spend_per_minute (
  key_id STRING,
  user_id STRING,
  `minute` BIGINT,
  purchases BIGINT,
  spent DOUBLE
) WITH (
  'connector' = 'kafka',
  'topic' = '${out}spend-per-minute',
  'properties.bootstrap.servers' = '${kafka}',
  'key.format' = 'raw',
  'key.fields' = 'key_id',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TEMPORARY VIEW purchases AS
SELECT user_data.user_id AS user_id, parameters.amount AS amount, instant
FROM purchase_events
WHERE user_data.user_id IS NOT NULL AND parameters.transaction_type = 'purchase';

INSERT INTO spend_per_minute
SELECT
  user_id,
  user_id,
  1000 * CAST(TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', window_start) AS BIGINT),
  COUNT(*),
  SUM(amount)
FROM TABLE(TUMBLE(TABLE purchases, DESCRIPTOR(instant), INTERVAL '${seconds}' SECOND))
GROUP BY user_id, window_start, window_end;
