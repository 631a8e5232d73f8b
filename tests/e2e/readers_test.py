"""What summary.json says was acknowledged is what kcat and Kafka's own consumer read."""

import collections
import datetime
import json
import os
import pathlib
import unittest

import harness
from kafka_server import KafkaServer

PARTITIONS = 6
server: KafkaServer


def setUpModule():
    global server
    server = unittest.enterModuleContext(KafkaServer())


class ReadersTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.prefix = self._testMethodName.replace("_", "-")
        self.run_dir = self.scratch / "run"

    def run_into_topics(self, *options):
        self.playload(
            *["run", "fraud-and-overload", "--seed", "8", "--rate", "10k", "--duration", "5s"],
            *["--to", f"kafka://{server.bootstrap}", "--run-dir", self.run_dir, "--quiet"],
            *harness.topic_options(self.prefix, harness.INPUTS),
            *["--create-topics", f"partitions={PARTITIONS},replication=1", *options],
        )
        return self.summary(self.run_dir)

    def test_kcat_reads_what_was_acknowledged(self):
        summary = self.run_into_topics("--to", f"file:{self.scratch / 'files'}")
        for topic in harness.INPUTS:
            messages = harness.kcat_read(server.bootstrap, f"{self.prefix}-{topic}")
            self.assertGreater(len(messages), 0)
            self.check_count(summary, topic, len(messages))
            last: dict[int, str] = {}
            for message in messages:
                event = json.loads(message.value)
                self.assertEqual(message.key, harness.entity(topic, event))
                self.assertEqual(
                    message.partition, harness.partition_of(message.key, PARTITIONS), message
                )
                planned = datetime.datetime.fromtimestamp(
                    message.timestamp_ms // 1000, datetime.timezone.utc
                )
                self.assertEqual(event["event_timestamp"], planned.strftime("%Y-%m-%dT%H:%M:%SZ"))
                self.assertGreaterEqual(
                    event["event_timestamp"], last.get(message.partition, ""), "goes backwards"
                )
                last[message.partition] = event["event_timestamp"]
            # Another destination of the same run has the same events (in a file of the same name).
            rows = harness.lines(self.scratch / "files" / f"{self.prefix}-{topic}.ndjson")
            self.assertEqual(
                collections.Counter(rows), collections.Counter(m.value for m in messages)
            )
            self.assertEqual(
                harness.by_entity(topic, rows),
                harness.by_entity(topic, (m.value for m in messages)),
            )

    def check_count(self, summary, topic, count):
        (kafka,) = [d for d in summary["destinations"] if d["to"].startswith("kafka")]
        counts = kafka["topics"][f"{self.prefix}-{topic}"]
        self.assertEqual((counts["acked"], counts["planned"]), (count, count), topic)

    def test_kafkas_own_consumer_reads_the_same(self):
        summary = self.run_into_topics()
        for topic in harness.INPUTS:
            name = f"{self.prefix}-{topic}"
            by_kcat = harness.kcat_read(server.bootstrap, name)
            self.check_count(summary, topic, len(by_kcat))
            rows = server.console_consumer(name, expected=len(by_kcat))
            self.assertEqual(
                collections.Counter(
                    f"CreateTime:{m.timestamp_ms}\tPartition:{m.partition}\t{m.key}\t"
                    f"{m.value.decode()}"
                    for m in by_kcat
                ),
                collections.Counter(rows),
            )

    def test_batches_are_compressed_on_disk(self):
        summary = self.run_into_topics()
        name = f"{self.prefix}-player-events"
        stored = sum(
            segment.stat().st_size
            for segment in pathlib.Path(server.log_dir).glob(f"{name}-*/*.log")
        )
        messages = harness.kcat_read(server.bootstrap, name)
        raw = sum(len(m.key) + len(m.value) for m in messages)
        self.check_count(summary, "player-events", len(messages))
        self.assertGreater(stored, 0)
        self.assertLess(stored, raw / 2, "lz4 makes less than half of these events")


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
