"""Brokers and topics that are not as they should be: one clear message, its own exit code."""

import os
import socket
import unittest

import harness
from kafka_server import KafkaServer

RUN = ["run", "steady", "--rate", "1k", "--duration", "1s"]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NoBrokerTest(harness.Case):
    def unreachable(self, address, timeout_s):
        done = self.playload(
            *[*RUN, "--to", f"kafka://{address}", "--connect-timeout", f"{timeout_s}s"],
            *["--run-dir", self.scratch / "run"],
            code=harness.EXIT_UNREACHABLE,
        )
        self.assertGreaterEqual(done.seconds, timeout_s - 0.5, done)
        self.assertLess(done.seconds, timeout_s + 10, done)
        self.assertIn(address, done.stderr)
        return done

    def test_nobody_listens(self):
        address = f"127.0.0.1:{closed_port()}"
        done = self.unreachable(address, 12)
        # Says so every 5 seconds while it waits, and once at the end.
        said = [line for line in done.stderr.splitlines() if address in line]
        self.assertGreaterEqual(len(said), 3, done)

    def test_a_host_that_is_not_there(self):
        self.unreachable("no-such-host.invalid:9092", 3)

    def test_somebody_else_listens(self):
        # Takes connections and says nothing.
        with socket.create_server(("127.0.0.1", 0)) as mute:
            self.unreachable(f"127.0.0.1:{mute.getsockname()[1]}", 3)

    def test_a_summary_is_written_all_the_same(self):
        self.unreachable(f"127.0.0.1:{closed_port()}", 1)
        summary = self.summary(self.scratch / "run")
        self.assertEqual(summary["status"], "failed")
        self.assertEqual(summary["exit_code"], harness.EXIT_UNREACHABLE)
        for topic, counts in summary["topics"].items():
            self.assertEqual((counts["generated"], counts["acked"]), (0, 0), topic)


class TopicsTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(KafkaServer())

    def to_kafka(self, name, *options, **how):
        return self.playload(
            *[*RUN, "--to", f"kafka://{self.server.bootstrap}", "--run-dir", self.scratch / name],
            *options,
            **how,
        )

    def test_a_missing_topic_is_named(self):
        done = self.to_kafka(
            "run", "--topic", "player-events=no-such-topic", code=harness.EXIT_BAD_INPUT
        )
        self.assertIn("no-such-topic", done.stderr)
        self.assertIn("--create-topics", done.stderr)

    def test_topics_are_created_once_and_kept(self):
        names = harness.topic_options("created", harness.INPUTS)
        create = ["--create-topics", "partitions=3,replication=1"]
        self.to_kafka("one", *names, *create)
        first = harness.kcat_read(self.server.bootstrap, "created-player-events")
        # There already: neither deleted nor changed, whatever is asked for.
        self.to_kafka("two", *names, "--create-topics", "partitions=5,replication=1")
        both = harness.kcat_read(self.server.bootstrap, "created-player-events")
        self.assertGreater(len(both), len(first))
        self.assertLessEqual(set(first), set(both))
        self.assertEqual({message.partition for message in both}, {0, 1, 2})

    def test_a_replication_that_cannot_be_is_named(self):
        names = harness.topic_options("replicated", harness.INPUTS)
        done = self.playload(
            *[*RUN, "--to", f"kafka://{self.server.bootstrap}", *names],
            *["--create-topics", "partitions=3,replication=3", "--run-dir", self.scratch / "run"],
            code=harness.EXIT_BAD_INPUT,
        )
        self.assertIn("replication", done.stderr.lower())

    def test_a_secret_is_not_shown(self):
        secret = "hunter2-hunter2"
        config = self.scratch / "client.properties"
        config.write_text(f"sasl.password={secret}\n")
        run_dir = self.scratch / "run"
        done = self.playload(
            *[*RUN, "--to", f"kafka://{self.server.bootstrap}", "--kafka-config", config],
            *["--create-topics", "partitions=1,replication=1", "--run-dir", run_dir],
        )
        self.assertNotIn(secret, done.stdout + done.stderr)
        for path in run_dir.iterdir():
            self.assertNotIn(secret, path.read_text(), path)


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
