"""A broker that is killed with SIGKILL during a run: nothing is lost and nothing is miscounted."""

import os
import time
import unittest

import harness
from kafka_server import KafkaServer


class BrokerKillTest(harness.Case):
    def test_killed_and_restarted(self):
        with KafkaServer() as server:
            run_dir = self.scratch / "run"
            source = f"kafka://{server.bootstrap}"
            with self.started(
                *["run", "fraud-ring", "--seed", "6", "--rate", "10k", "--duration", "20s"],
                *["--to", source, "--create-topics", "partitions=6,replication=1"],
                # A broker that was killed repairs its logs first, which takes what it takes.
                *["--run-dir", run_dir, "--drain-timeout", "150s"],
            ) as run:
                self.wait_for_events(server, "player-events")
                for _ in range(2):
                    time.sleep(3)
                    server.kill()
                    time.sleep(1)
                    server.restart()
                code = run.wait(240)
                output = run.output()
            self.assertEqual(code, harness.EXIT_DONE, output)

            summary = self.summary(run_dir)
            for topic, counts in summary["topics"].items():
                self.assertEqual(counts["acked"], counts["planned"], topic)
            # An idempotent producer repeats nothing unless it had to be rebuilt, which is said.
            announced = summary["destinations"][0]["counters"].get("possible_duplicates", 0)
            self.playload(
                *["verify", run_dir, "--inputs", "--from", source, "--timeout", "15s"],
                code=harness.EXIT_DONE,
            )
            for topic, classes in self.verdict(run_dir)["inputs"].items():
                self.assertEqual(classes["missing"], 0, topic)
                self.assertEqual(classes["unexpected"], 0, topic)
                self.assertEqual(classes["wrong"], 0, topic)
            duplicates = 0
            for topic in harness.INPUTS:
                read = len(harness.kcat_read(server.bootstrap, topic))
                duplicates += read - summary["topics"][topic]["acked"]
            self.assertGreaterEqual(duplicates, 0)
            self.assertLessEqual(duplicates, announced)

    def test_killed_for_good(self):
        with KafkaServer() as server:
            run_dir = self.scratch / "run"
            with self.started(
                *["run", "fraud-ring", "--rate", "5k", "--duration", "8s"],
                *["--to", f"kafka://{server.bootstrap}", "--run-dir", run_dir],
                *["--create-topics", "partitions=6,replication=1", "--kafka"],
                *["message.timeout.ms=6000"],
            ) as run:
                self.wait_for_events(server, "player-events")
                time.sleep(2)
                server.kill()
                code = run.wait(120)
                output = run.output()
            self.assertEqual(code, harness.EXIT_DESTINATION_FAILED, output)
            summary = self.summary(run_dir)  # adds up
            acked = sum(counts["acked"] for counts in summary["topics"].values())
            lost = sum(
                counts["failed"] + counts["unknown"] + counts["shed"]
                for counts in summary["topics"].values()
            )
            self.assertGreater(acked, 0)
            self.assertGreater(lost, 0)

    def wait_for_events(self, server, topic):
        """Until the topic holds something: the run is under way."""
        command = ["kcat", "-q", "-b", server.bootstrap, "-C", "-t", topic, "-c", "1", "-e"]
        harness.wait_until(lambda: harness.call(command).stdout != "")


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
