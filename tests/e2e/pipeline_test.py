"""Run -> Kafka -> pipeline -> verify, on a real broker: right pipelines pass, wrong ones are named."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import tempfile
import unittest

import harness
from kafka_server import KafkaServer

CREATE_TOPICS = ["--create-topics", "partitions=6,replication=1"]
server: KafkaServer


def setUpModule():
    global server
    server = unittest.enterModuleContext(KafkaServer())


class PipelineCase(harness.Case):
    def seed_topics(self, name, scenario, *options):
        """Runs a scenario into topics that start with `name`; its run directory."""
        self.run_dir = pathlib.Path(tempfile.mkdtemp(dir=self.scratch)) / "run"
        self.inputs = harness.topic_options(name, harness.INPUTS)
        self.playload(
            *["run", scenario, "--to", f"kafka://{server.bootstrap}", *self.inputs],
            *[*CREATE_TOPICS, "--run-dir", self.run_dir, "--quiet", *options],
        )
        self.summary(self.run_dir)
        return self.run_dir

    def pipeline(self, name, *options):
        """Runs the reference pipeline over those topics into output topics of its own."""
        outputs = harness.topic_options(name, harness.OUTPUTS)
        self.playload(
            *["pipeline", "--kafka", server.bootstrap, *self.inputs, *outputs, *CREATE_TOPICS],
            *["--until-idle", "3s", *options],
        )
        return outputs

    def verify(self, *options, run_dir=None, code=0):
        run_dir = run_dir or self.run_dir
        source = f"kafka://{server.bootstrap}"
        done = self.playload(
            *["verify", run_dir, "--from", source, "--timeout", "5s", *options], code=code
        )
        verdict = self.verdict(run_dir)
        self.assertEqual(verdict["passed"], code == 0, done)
        return verdict


    def break_each(self, name, breaks):
        """Breaks the pipeline in each of these ways, side by side, for most of it is waiting: each
        with what its verification says of the outputs."""

        def verdict_of(numbered):
            number, broken = numbered
            outputs = self.pipeline(f"{name}{number}", "--break", broken)
            # A folder of its own: verdict.json is replaced by each verification.
            copy = pathlib.Path(shutil.copytree(self.run_dir, f"{self.run_dir}-{number}"))
            return self.verify(*outputs, run_dir=copy, code=harness.EXIT_VERIFY_FAILED)["outputs"]

        with concurrent.futures.ThreadPoolExecutor(len(breaks)) as pool:
            return list(zip(breaks, pool.map(verdict_of, enumerate(breaks))))


class RightPipelineTest(PipelineCase):
    def check(self, name, scenario, *options):
        self.seed_topics(name, scenario, *options)
        verdict = self.verify(*self.pipeline(name))
        self.assertEqual(set(verdict["outputs"]), set(harness.OUTPUTS))
        for output, classes in verdict["outputs"].items():
            self.assert_clean(classes, output)
        return verdict

    def test_fraud_and_overload(self):
        verdict = self.check(
            "main", "fraud-and-overload", "--seed", "1", "--rate", "20k", "--duration", "8s"
        )
        for output, classes in verdict["outputs"].items():
            self.assertGreater(classes["expected"], 0, output)

    def test_other_scenarios_seeds_and_rates(self):
        # Nothing here is about when an event is sent, so nobody waits for its instant.
        virtual = ["--clock", "virtual", "--rate"]
        self.check("ring", "fraud-ring", "--seed", "99", *virtual, "50k", "--duration", "3s")
        self.check("over", "overload", "--seed", "3", *virtual, "1500", "--duration", "10s")
        self.check("steady", "steady", "--rate", "max", "--events", "200000")

    def test_two_runs_with_their_own_ids_through_one_pipeline(self):
        options = ["--clock", "virtual", "--rate", "10k", "--duration", "2s", "--id-prefix"]
        runs = [self.seed_topics("twice", "fraud-ring", *options, name) for name in ("one", "two")]
        outputs = self.pipeline("twice")
        # Servers are the same ones in all runs, so their alerts cannot be told apart.
        users = [output for output in harness.OUTPUTS if output != "server-alerts"]
        only = [word for output in users for word in ("--only", output)]
        for run_dir in runs:
            verdict = self.verify(*outputs, *only, run_dir=run_dir)
            self.assertEqual(set(verdict["outputs"]), set(users))
            for output, classes in verdict["outputs"].items():
                self.assert_clean(classes, output)
                self.assertGreater(classes["expected"], 0, output)

    def test_expect_is_what_verify_wants(self):
        self.seed_topics("expect", "fraud-and-overload", "--rate", "10k", "--duration", "3s")
        verdict = self.verify(*self.pipeline("expect"))
        counts = dict.fromkeys(harness.OUTPUTS, 0)
        for row in self.playload("expect", self.run_dir).stdout.splitlines():
            expected = json.loads(row)
            self.assertEqual(list(expected), ["output", "key", "value"])
            counts[expected["output"]] += 1
        self.assertEqual(
            counts, {name: classes["expected"] for name, classes in verdict["outputs"].items()}
        )
        only = self.playload("expect", self.run_dir, "--output", "fraud-alerts").stdout.splitlines()
        self.assertEqual(len(only), counts["fraud-alerts"])


class BrokenPipelineTest(PipelineCase):
    # What is broken -> the output that must fail, and the class that its failures must have.
    BREAKS = {
        "threshold=4": ("fraud-alerts", "unexpected"),
        "threshold=6": ("fraud-alerts", "missing"),
        "server-ge-80": ("server-alerts", "unexpected"),
        "ignore-currency": ("fraud-alerts", "missing"),
        "drop-one-in=1000": ("server-alerts", "missing"),
    }

    def test_each_is_caught_and_named(self):
        self.seed_topics(
            *["broken", "fraud-and-overload", "--seed", "2", "--clock", "virtual"],
            *["--rate", "20k", "--duration", "8s"],
        )
        for broken, verdict in self.break_each("broken", self.BREAKS):
            with self.subTest(broken=broken):
                output, wanted = self.BREAKS[broken]
                self.assertGreater(verdict[output][wanted], 0, verdict)
                opposite = {"unexpected": "missing", "missing": "unexpected"}[wanted]
                self.assertEqual(verdict[output][opposite], 0, verdict)
                for other in harness.OUTPUTS:
                    if other != output and broken != "drop-one-in=1000":
                        self.assert_clean(verdict[other], other)


class FaultyInputTest(PipelineCase):
    # What is broken -> the outputs that must fail, and the class that some failures must have.
    BREAKS = {
        "dedup": {"purchase-aggregates": "missing", "player-session-summaries": "missing"},
        "lenient": {"purchase-aggregates": "unexpected", "server-alerts": "unexpected"},
        "skip-unknown-field": {"purchase-aggregates": "missing", "server-alerts": "missing"},
    }

    def test_a_right_pipeline_passes_and_the_wrong_ones_are_named(self):
        self.seed_topics(
            *["faulty", "data-faults", "--seed", "2", "--clock", "virtual"],
            *["--rate", "20k", "--duration", "8s"],
        )
        verdict = self.verify(*self.pipeline("faulty"))
        for output, classes in verdict["outputs"].items():
            self.assert_clean(classes, output)
            self.assertGreater(classes["expected"], 0, output)
        verdict = self.verify("--inputs")
        for topic, classes in verdict["inputs"].items():
            self.assert_clean(classes, topic)
        for broken, verdict in self.break_each("faulty", self.BREAKS):
            with self.subTest(broken=broken):
                for output, wanted in self.BREAKS[broken].items():
                    self.assertGreater(verdict[output][wanted], 0, verdict)


class InputsTest(PipelineCase):
    def setUp(self):
        super().setUp()
        name = f"inputs-{self._testMethodName}"
        self.seed_topics(name, "fraud-ring", "--seed", "4", "--rate", "10k", "--duration", "2s")
        self.topic = f"{name}-purchase-events"

    def one_message(self):
        return harness.kcat_read(server.bootstrap, self.topic)[7]

    def test_untouched_topics_pass(self):
        verdict = self.verify("--inputs")
        self.assertEqual(set(verdict["inputs"]), set(harness.INPUTS))
        for topic, classes in verdict["inputs"].items():
            self.assert_clean(classes, topic)
            self.assertGreater(classes["expected"], 0, topic)

    def test_a_repeated_event_is_a_duplicate(self):
        harness.kcat_write(server.bootstrap, self.one_message())
        verdict = self.verify("--inputs", code=harness.EXIT_VERIFY_FAILED)
        self.assertEqual(verdict["inputs"]["purchase-events"]["duplicate"], 1, verdict["inputs"])
        self.assert_clean(verdict["inputs"]["player-events"], "player-events")

    def test_an_event_of_nobody_is_unexpected(self):
        event = json.loads(self.one_message().value)
        event["parameters"]["transaction_id"] = "trans_1000000000"
        forged = harness.Message(
            *[self.topic, self.one_message().partition, 0, 0, self.one_message().key],
            json.dumps(event, separators=(",", ":")).encode(),
        )
        harness.kcat_write(server.bootstrap, forged)
        verdict = self.verify("--inputs", code=harness.EXIT_VERIFY_FAILED)
        self.assertEqual(verdict["inputs"]["purchase-events"]["unexpected"], 1, verdict["inputs"])

    def test_a_lost_event_is_missing(self):
        # A copy of the topic that leaves one event out.
        copy = f"{self.topic}-copy"
        server.create_topic(copy, partitions=6)
        messages = harness.kcat_read(server.bootstrap, self.topic)
        lost = messages.pop(len(messages) // 2)
        for partition in sorted({message.partition for message in messages}):
            rows = "".join(
                f"{message.key}\t{message.value.decode()}\n"
                for message in messages
                if message.partition == partition
            )
            command = ["kcat", "-q", "-b", server.bootstrap, "-P", "-t", copy, "-K", "\t"]
            done = harness.call([*command, "-p", str(partition)], stdin=rows)
            self.assertEqual(done.code, 0, done)
        verdict = self.verify(
            *["--inputs", "--topic", f"purchase-events={copy}"], code=harness.EXIT_VERIFY_FAILED
        )
        classes = verdict["inputs"]["purchase-events"]
        self.assertEqual((classes["missing"], classes["unexpected"]), (1, 0), (classes, lost))


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
