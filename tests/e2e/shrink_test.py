"""verify --shrink over a real Kafka: topics of its own for each attempt, which are gone afterwards,
and a file whose head shows the failure again. tests/cli/shrink_test.py has the rest, over files."""

import pathlib
import subprocess
import unittest

import harness
from kafka_server import KafkaServer

# Writes what is not verified to topics that all attempts share.
PIPELINE = (
    "playload pipeline --kafka $PLAYLOAD_BROKERS --until-idle 1s --break threshold=4"
    " --topic player-events=$PLAYLOAD_TOPIC_PLAYER_EVENTS"
    " --topic purchase-events=$PLAYLOAD_TOPIC_PURCHASE_EVENTS"
    " --topic server-metrics=$PLAYLOAD_TOPIC_SERVER_METRICS"
    " --topic fraud-alerts=$PLAYLOAD_TOPIC_FRAUD_ALERTS"
    " --topic player-session-summaries=other-summaries"
    " --topic purchase-aggregates=other-aggregates --topic server-alerts=other-alerts"
    " --create-topics partitions=1,replication=1"
)
server: KafkaServer


def setUpModule():
    global server
    server = unittest.enterModuleContext(KafkaServer())


class ShrinkTest(harness.Case):
    def sh(self, script, code):
        folder = str(pathlib.Path(harness.program()).resolve().parent)
        done = harness.call(["sh", "-ec", f"PATH={folder}:$PATH; cd {self.scratch}; {script}"])
        self.assertEqual(done.code, code, done)
        return done

    def topics(self):
        listed = subprocess.run(["kcat", "-b", server.bootstrap, "-L"], check=True, text=True,
                                capture_output=True, timeout=60).stdout
        return listed

    def test_a_threshold_that_is_too_low(self):
        kafka = f"kafka://{server.bootstrap}"
        self.sh("playload run fraud-ring --seed 1 --rate 10k --events 20k --clock virtual"
                f" --create-topics partitions=3,replication=1 --to {kafka} --run-dir run --quiet;"
                f" playload pipeline --kafka {server.bootstrap} --until-idle 3s"
                " --create-topics partitions=3,replication=1 --break threshold=4", 0)
        # As many attempts as it takes to find one card-tester-near alone.
        done = self.sh(f"playload verify run --from {kafka} --only fraud-alerts --shrink small.yaml"
                       f" --pipeline '{PIPELINE}' --shrink-attempts 6", harness.EXIT_VERIFY_FAILED)
        self.assertIn("events            20,000 -> 32\n", done.stdout)
        self.assertIn("It showed in all of 3 more re-runs.", done.stdout)
        self.assertIn("other-alerts", self.topics())
        self.assertNotIn("playload-shrink", self.topics())

        text = (self.scratch / "small.yaml").read_text(encoding="ascii")
        head = [line for line in text.splitlines() if line.startswith("#")]
        last = max(i for i, line in enumerate(head) if line == "#")
        script = "\n".join(line.removeprefix("#   ") for line in head[last + 1:])
        done = self.sh(script, harness.EXIT_VERIFY_FAILED)
        self.assertIn("\nfraud-alerts, unexpected: ", done.stdout)


if __name__ == "__main__":
    unittest.main()
