"""Keys go where Kafka's own Java producer puts them."""

import os
import unittest

import harness
from kafka_server import KafkaServer

PARTITIONS = 7  # no power of two, so that every bit of the hash counts


class JavaPartitionsTest(harness.Case):
    def test_every_key_is_where_java_puts_it(self):
        with KafkaServer() as server:
            self.playload(
                *["run", "steady", "--seed", "9", "--players", "20k", "--rate", "10k"],
                *["--events", "30k"],
                *["--to", f"kafka://{server.bootstrap}", "--run-dir", self.scratch / "run"],
                *["--create-topics", f"partitions={PARTITIONS},replication=1", "--quiet"],
            )
            ours: dict[str, int] = {}
            for topic in harness.INPUTS:
                for message in harness.kcat_read(server.bootstrap, topic):
                    self.assertEqual(
                        ours.setdefault(message.key, message.partition), message.partition
                    )
            self.assertGreater(len(ours), 500)
            server.create_topic("by-java", PARTITIONS)
            server.console_producer("by-java", [(key, "x") for key in ours])
            java = {m.key: m.partition for m in harness.kcat_read(server.bootstrap, "by-java")}
            self.assertEqual(ours, java)


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
