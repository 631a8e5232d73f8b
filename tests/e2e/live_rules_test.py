"""run --verify and verify by rules of one's own, on a real broker: while the run goes on, beside it
and afterwards, with latencies, and from a difference to its cause."""

import contextlib
import unittest

import harness
from kafka_server import KafkaServer

CREATE_TOPICS = ["--create-topics", "partitions=6,replication=1"]
CLASSES = (
    *("expected", "matched", "missing", "unexpected", "duplicate", "wrong", "unreadable", "may"),
    "foreign",
)
server: KafkaServer


def setUpModule():
    global server
    server = unittest.enterModuleContext(KafkaServer())


class LiveRulesTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.name = self.id().split(".")[-1].replace("_", "-")
        self.run_dir = self.scratch / "run"
        self.inputs = harness.topic_options(self.name, harness.INPUTS)
        self.outputs = harness.topic_options(self.name, harness.OUTPUTS)
        self.source = f"kafka://{server.bootstrap}"

    def rules(self, old="", new=""):
        """The reference rules as a file of one's own, with a change."""
        text = self.playload("show", "rules", "dataflow").stdout
        path = self.scratch / f"rules-{len(new)}.yaml"
        path.write_text(text.replace("rule_set: dataflow", "rule_set: mine").replace(old, new))
        return path

    def pipeline(self):
        # It ends where a topic that it is to read is not there yet.
        topics = (option.split("=")[1] for option in (*self.inputs, *self.outputs) if "=" in option)
        harness.make_topics(server.bootstrap, topics)
        return self.started(
            *["pipeline", "--kafka", server.bootstrap, *self.inputs, *self.outputs, *CREATE_TOPICS],
        )

    def run_arguments(self, *options):
        return [
            *["run", "fraud-and-overload", "--to", self.source, *self.inputs, *CREATE_TOPICS],
            *["--run-dir", self.run_dir, *options],
        ]

    def verified(self, *options, code=0, timeout="20s"):
        self.playload(
            *["verify", self.run_dir, "--from", self.source, *self.outputs, *options],
            *["--timeout", timeout],
            code=code,
        )
        return self.verdict(self.run_dir)

    def assert_same(self, one, other):
        for output in harness.OUTPUTS:
            for name in CLASSES:
                self.assertEqual(
                    one["outputs"][output][name], other["outputs"][output][name], output
                )

    def test_live_and_afterwards_and_to_the_cause(self):
        mine = self.rules()
        self.playload(
            *self.run_arguments("--seed", "7", "--rate", "6k", "--duration", "4s", "--pipeline"),
            *["--verify", "--rules", mine, *self.outputs, "--verify-timeout", "20s"],
            *["--threshold", "alert_latency{fraud-alerts}.p(99)<30s"],
        )
        live = self.verdict(self.run_dir)
        self.assertEqual(live["rules"]["name"], "mine")
        for output in harness.OUTPUTS:
            self.assert_clean(live["outputs"][output], output)
            self.assertGreater(live["outputs"][output]["matched"], 0, output)
            latency = live["latency_ms"][output]
            self.assertEqual(latency["total"]["count"], live["outputs"][output]["matched"], output)
            self.assertEqual(latency["pipeline"]["count"], latency["total"]["count"], output)
        self.assert_same(live, self.verified("--rules", mine))
        self.assert_same(live, self.verified())

        # Rules that this pipeline does not follow: whom, which event, where it is, and why.
        wrong = self.rules("transactions > 5", "transactions > 4 ")
        verdict = self.verified(
            *["--rules", wrong, "--locate"], code=harness.EXIT_VERIFY_FAILED, timeout="2s"
        )
        examples = verdict["outputs"]["fraud-alerts"]["examples"]
        missing = next(example for example in examples if example["flaw"] == "missing")
        fifth = missing["history"][4]
        self.assertEqual(fifth["rules"][0]["before"]["transactions"], "4")
        self.assertEqual(fifth["rules"][0]["after"]["transactions"], "5")
        self.assertIsInstance(fifth["offset"], int)
        command = missing["explain"].split()[1:]
        whole = self.playload(*command).stdout.splitlines()
        self.assertGreaterEqual(len(whole), 5)
        self.assertIn("transactions 4 -> 5", whole[4])

    def test_of_a_run_that_goes_on_and_of_its_inputs(self):
        mine = self.rules()
        with self.started(
            *self.run_arguments("--seed", "8", "--rate", "2k", "--duration", "6s")
        ) as run, contextlib.ExitStack() as stack:
            # The run makes the topics that the pipeline reads.
            harness.wait_until(lambda: (self.run_dir / "manifest.json").exists())
            stack.enter_context(self.pipeline())
            verdict = self.verified("--rules", mine)
            self.assertEqual(run.wait(), 0, run.output())
            self.assertGreater(verdict["outputs"]["fraud-alerts"]["matched"], 0)
            both = self.verified(
                *["--rules", mine, "--inputs", *self.inputs, "--only", "fraud-alerts"]
            )
        self.assertEqual(
            both["outputs"]["fraud-alerts"]["matched"], verdict["outputs"]["fraud-alerts"]["matched"]
        )
        purchases = both["inputs"]["purchase-events"]
        self.assertEqual(purchases["matched"], purchases["expected"])
        self.assertGreater(purchases["matched"], 100)


if __name__ == "__main__":
    unittest.main()
