"""run --verify on a real broker: what it says while the run goes on, and that its verdict is the one
that `playload verify` comes to afterwards. Latencies and thresholds; pipelines that are wrong, stop,
start again, repeat, never answer; topics with other things in them; Ctrl-C."""

import os
import re
import time
import unittest

import harness
from kafka_server import KafkaServer

CREATE_TOPICS = ["--create-topics", "partitions=6,replication=1"]
CLASSES = (
    *("expected", "matched", "missing", "unexpected", "duplicate", "wrong", "unreadable", "may"),
    "foreign",
)
WRONG_BY_NOW = r"verify: [\d,]+ matched, [\d,]+ outstanding, [1-9][\d,]* wrong"
server: KafkaServer


def setUpModule():
    global server
    server = unittest.enterModuleContext(KafkaServer())


def message(topic, key, value, partition=0):
    return harness.Message(topic, partition, 0, 0, key, value.encode())


class LiveCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.name = re.sub(r"\W", "-", self.id().split(".")[-1])
        self.run_dir = self.scratch / "run"
        self.inputs = harness.topic_options(self.name, harness.INPUTS)
        self.outputs = harness.topic_options(self.name, harness.OUTPUTS)
        self.source = f"kafka://{server.bootstrap}"

    def topic(self, usual):
        return f"{self.name}-{usual}"

    def make_topics(self, on=None):
        topics = map(self.topic, (*harness.INPUTS, *harness.OUTPUTS))
        harness.make_topics((on or server).bootstrap, topics)

    def pipeline(self, *options, on=None):
        return self.started(
            *["pipeline", "--kafka", (on or server).bootstrap, *self.inputs, *self.outputs],
            *[*CREATE_TOPICS, *options],
        )

    def run_arguments(self, *options, scenario="fraud-and-overload", verify="--verify", on=None):
        on = on or server
        return [
            *["run", scenario, "--to", f"kafka://{on.bootstrap}", *self.inputs, *self.outputs],
            *[*CREATE_TOPICS, "--run-dir", self.run_dir, verify, *options],
        ]

    def offline(self, *options, on=None, code=0):
        """What `verify` says of the same outputs; the live verdict is replaced by it."""
        on = on or server
        self.playload(
            *["verify", self.run_dir, "--from", f"kafka://{on.bootstrap}", *self.outputs],
            *["--timeout", "4s", *options],
            code=code,
        )
        return self.verdict(self.run_dir)

    def assert_same(self, live, afterwards):
        for output in harness.OUTPUTS:
            one, other = live["outputs"][output], afterwards["outputs"][output]
            self.assertEqual({c: one[c] for c in CLASSES}, {c: other[c] for c in CLASSES}, output)
            self.assertEqual(one["examples"], other["examples"], output)


class RightTest(LiveCase):
    def test_it_says_so_while_the_run_goes_on_and_at_its_end(self):
        self.make_topics()
        with self.pipeline():
            with self.started(
                *self.run_arguments("--seed", "1", "--rate", "5k", "--duration", "13s"),
                *["--threshold", "alert_latency.p(99)<5s"],
                *["--threshold", "alert_latency{fraud-alerts/frequent}.max < 20s"],
                *["--threshold", "matched{player-session-summaries}>10k"],
            ) as run:
                so_far = run.wait_for(r"verify: ([\d,]+) matched, ([\d,]+) outstanding, 0 wrong")
                self.assertGreater(int(so_far[1].replace(",", "")), 10_000)
                self.assertIsNone(run.process.poll(), "that was after the end")
                self.assertEqual(run.wait(), 0, run.output())
        live = self.verdict(self.run_dir)
        self.assertTrue(live["passed"])
        for output in harness.OUTPUTS:
            self.assert_clean(live["outputs"][output], output)
            self.assertGreater(live["outputs"][output]["expected"], 0, output)
            latency = live["latency_ms"][output]
            self.assertIsNone(latency["unknown"], output)
            self.assertEqual(latency["one_in"], 1)
            for part in ("total", "playload", "broker", "pipeline"):
                self.assertEqual(latency[part]["count"], live["outputs"][output]["matched"], output)
            # The parts are those of each event, so their means add up; 1 % is the histogram's.
            parts = sum(latency[part]["mean"] for part in ("playload", "broker", "pipeline"))
            self.assertAlmostEqual(parts, latency["total"]["mean"], delta=0.05 * parts + 0.1)
            self.assertGreater(latency["pipeline"]["p50"], 0)
        self.assertEqual([t["passed"] for t in live["thresholds"]], [True] * 3)
        summary = self.summary(self.run_dir)
        self.assertEqual(summary["thresholds"], live["thresholds"])
        self.assert_same(live, self.offline())

    def test_at_full_speed_and_under_the_virtual_clock(self):
        for name, options in {
            "max": ["--rate", "max", "--events", "200000"],
            "virtual": ["--rate", "20k", "--clock", "virtual", "--duration", "10s"],
        }.items():
            with self.subTest(name):
                self.name = f"unpaced-{name}"
                self.run_dir = self.scratch / name
                self.inputs = harness.topic_options(self.name, harness.INPUTS)
                self.outputs = harness.topic_options(self.name, harness.OUTPUTS)
                self.make_topics()
                with self.pipeline():
                    self.playload(*self.run_arguments("--seed", "3", *options))
                verdict = self.verdict(self.run_dir)
                for output in harness.OUTPUTS:
                    self.assert_clean(verdict["outputs"][output], output)
                    self.assertIsNone(verdict["latency_ms"][output]["total"])
                    self.assertIn("no instants", verdict["latency_ms"][output]["unknown"])

    def test_on_another_kafka(self):
        # Both get the events; the pipeline lives on the other one.
        other = self.enterContext(KafkaServer(heap="256m"))
        self.make_topics(on=other)
        with self.pipeline(on=other):
            arguments = self.run_arguments(
                *["--seed", "5", "--rate", "1k", "--duration", "8s"],
                verify=f"--verify=kafka://{other.bootstrap}",
            )
            self.playload(*arguments, "--to", f"kafka://{other.bootstrap}")
        verdict = self.verdict(self.run_dir)
        self.assertEqual(verdict["from"], f"kafka://{other.bootstrap}")
        for output in harness.OUTPUTS:
            self.assert_clean(verdict["outputs"][output], output)
        done = self.playload(
            *self.run_arguments("--events", "10", verify="--verify=kafka://127.0.0.1:1"),
            *["--run-dir", self.scratch / "unreachable", "--connect-timeout", "1s"],
            code=harness.EXIT_UNREACHABLE,
        )
        self.assertIn("--verify", done.stderr)


class WrongTest(LiveCase):
    def check_break(self, broken, output, wanted, *options):
        self.make_topics()
        with self.pipeline("--break", broken):
            with self.started(
                *self.run_arguments("--seed", "2", "--rate", "8k", "--duration", "13s", *options)
            ) as run:
                if wanted == "unexpected":
                    run.wait_for(WRONG_BY_NOW)
                    self.assertIsNone(run.process.poll(), "that was after the end")
                self.assertEqual(run.wait(), harness.EXIT_VERIFY_FAILED, run.output())
        live = self.verdict(self.run_dir)
        self.assertGreater(live["outputs"][output][wanted], 0)
        self.assert_same(live, self.offline(code=harness.EXIT_VERIFY_FAILED))

    def test_threshold_too_low(self):
        self.check_break("threshold=4", "fraud-alerts", "unexpected")

    def test_one_in_1000_dropped(self):
        # That the pipeline is silent for longer would take a machine that stands still.
        self.check_break(
            "drop-one-in=1000", "server-alerts", "missing", "--verify-timeout", "6s"
        )

    def test_never_answers(self):
        self.make_topics()
        done = self.playload(
            *self.run_arguments("--seed", "2", "--rate", "2k", "--duration", "3s"),
            *["--verify-timeout", "2s"],
            *["--threshold", "alert_latency.p(99)<5s", "--threshold", "matched>=0"],
            code=harness.EXIT_VERIFY_FAILED,
        )
        verdict = self.verdict(self.run_dir)
        for output in harness.OUTPUTS:
            classes = verdict["outputs"][output]
            self.assertEqual(classes["missing"], classes["expected"])
        self.assertIn("alert_latency.p(99)<5s: unknown (no alert was seen), FAILED", done.stdout)
        self.assertEqual([t["passed"] for t in verdict["thresholds"]], [False, True])
        self.assertIsNone(verdict["thresholds"][0]["value"])

    def test_no_topics(self):
        done = self.playload(
            *self.run_arguments("--rate", "1k", "--duration", "1s", "--verify-timeout", "2s"),
            code=harness.EXIT_BAD_INPUT,
        )
        self.assertIn("there is no topic", done.stderr)
        self.assertLess(done.seconds, 15, done)  # not the 30 s of the default

    def test_stops_and_starts_again_from_the_beginning(self):
        self.make_topics()
        with self.started(
            *self.run_arguments("--seed", "6", "--rate", "3k", "--duration", "14s")
        ) as run:
            with self.pipeline():
                run.wait_for("fraud-and-overload, seed 6")
                time.sleep(5)
            time.sleep(1)
            with self.pipeline():  # all outputs of the first one come again
                run.wait_for(WRONG_BY_NOW)
                self.assertEqual(run.wait(), harness.EXIT_VERIFY_FAILED, run.output())
        live = self.verdict(self.run_dir)
        for output in ("player-session-summaries", "purchase-aggregates"):
            classes = live["outputs"][output]
            self.assertEqual(classes["matched"], classes["expected"], classes)
            self.assertGreater(classes["duplicate"], 0, classes)
            self.assertEqual(classes["unexpected"], 0, classes)
        self.assert_same(live, self.offline(code=harness.EXIT_VERIFY_FAILED))

    def test_lags_behind_for_seconds(self):
        self.make_topics()
        with self.started(
            *self.run_arguments("--seed", "7", "--rate", "3k", "--duration", "8s"),
            *["--threshold", "alert_latency.p(50)<2s"],
        ) as run:
            run.wait_for("fraud-and-overload, seed 7")
            time.sleep(7)
            with self.pipeline():
                self.assertEqual(run.wait(), harness.EXIT_VERIFY_FAILED, run.output())
        verdict = self.verdict(self.run_dir)
        for output in harness.OUTPUTS:
            self.assert_clean(verdict["outputs"][output], output)
        latency = verdict["latency_ms"]["fraud-alerts"]
        self.assertGreater(latency["total"]["p50"], 2_000)
        self.assertGreater(latency["pipeline"]["p50"], 2_000)
        self.assertLess(latency["playload"]["p50"], 1_000)
        self.assertIn("threshold failed: alert_latency.p(50)<2s", run.output())


class OtherThingsInTheTopicsTest(LiveCase):
    def test_before_between_and_of_others(self):
        self.make_topics()
        topic = self.topic("fraud-alerts")
        alert = '{"user_id":"%s","reason":"Too frequent transactions"}'
        # Of before: as wrong as can be, and not looked at.
        for key in ("player_1", "player_2"):
            harness.kcat_write(server.bootstrap, message(topic, key, alert % key))
        with self.pipeline():
            with self.started(
                *self.run_arguments("--seed", "8", "--rate", "2k", "--duration", "13s")
            ) as run:
                run.wait_for("fraud-and-overload, seed 8")
                time.sleep(2)
                other = "player_other_5"
                harness.kcat_write(server.bootstrap, message(topic, other, alert % other))
                harness.kcat_write(server.bootstrap, message(topic, "x", "\u00e4 no JSON"))
                harness.kcat_write(server.bootstrap, message(topic, "player_3", "[1,2]"))
                run.wait_for(r"verify: [\d,]+ matched, [\d,]+ outstanding, 0 wrong, 2 unreadable")
                self.assertIsNone(run.process.poll(), "that was after the end")
                self.assertEqual(run.wait(), harness.EXIT_VERIFY_FAILED, run.output())
        live = self.verdict(self.run_dir)
        classes = live["outputs"]["fraud-alerts"]
        self.assertEqual(classes["matched"], classes["expected"])
        self.assertEqual((classes["unreadable"], classes["foreign"]), (2, 1), classes)
        self.assertEqual(classes["unexpected"], 0, classes)
        for output in harness.OUTPUTS[:3]:
            self.assert_clean(live["outputs"][output], output)


class InterruptTest(LiveCase):
    def test_ctrl_c(self):
        self.make_topics()
        with self.pipeline():
            with self.started(
                *self.run_arguments("--seed", "9", "--rate", "3k", "--duration", "60s")
            ) as run:
                run.wait_for(r"verify: [1-9][\d,]* matched")
                run.interrupt()
                self.assertEqual(run.wait(20), harness.EXIT_INTERRUPTED, run.output())
        self.assertIn("\npassed\n", run.output())
        live = self.verdict(self.run_dir)
        for output in harness.OUTPUTS:
            self.assert_clean(live["outputs"][output], output)
        self.assert_same(live, self.offline())

    def test_twice_with_a_pipeline_that_hangs(self):
        self.make_topics()
        with self.started(
            *self.run_arguments("--seed", "9", "--rate", "3k", "--duration", "60s")
        ) as run:
            with self.pipeline():
                run.wait_for("fraud-and-overload, seed 9")
                time.sleep(4)
            run.interrupt()
            run.wait_for("interrupted: flushing")
            time.sleep(1)
            run.interrupt()
            self.assertEqual(run.wait(20), harness.EXIT_INTERRUPTED, run.output())
        verdict = self.verdict(self.run_dir)
        self.assertGreater(verdict["outputs"]["player-session-summaries"]["matched"], 0)
        self.assertIn("so far", verdict["notes"][0])
        self.assertIn("so far", run.output())

    def test_while_the_rest_is_waited_for(self):
        self.make_topics()
        with self.started(
            *self.run_arguments("--seed", "9", "--rate", "3k", "--duration", "1s")
        ) as run:
            run.wait_for("done")  # the summary
            time.sleep(1)
            run.interrupt()
            self.assertEqual(run.wait(20), harness.EXIT_INTERRUPTED, run.output())
        verdict = self.verdict(self.run_dir)
        classes = verdict["outputs"]["player-session-summaries"]
        self.assertEqual(classes["missing"], classes["expected"])
        self.assertIn("so far", verdict["notes"][0])


class AfterwardsTest(LiveCase):
    def test_brokers_timestamps_tell_the_latency(self):
        stamping = self.enterContext(
            KafkaServer({"log.message.timestamp.type": "LogAppendTime"}, heap="256m")
        )
        self.make_topics(on=stamping)
        arguments = self.run_arguments(
            *["--seed", "4", "--rate", "2k", "--duration", "5s"], verify="--quiet", on=stamping
        )
        with self.pipeline(on=stamping):
            self.playload(*arguments)
            options = ["--latency", "--threshold", "alert_latency.p(99)<5s"]
            verdict = self.offline(*options, on=stamping)
        for output in harness.OUTPUTS:
            latency = verdict["latency_ms"][output]
            matched = verdict["outputs"][output]["matched"]
            self.assertEqual(latency["total"]["count"], matched, output)
            self.assertIsNone(latency["pipeline"])
        self.assertTrue(verdict["thresholds"][0]["passed"])
        self.offline(
            *["--threshold", "alert_latency.max<1us"], on=stamping, code=harness.EXIT_VERIFY_FAILED
        )

    def test_producers_timestamps_tell_nothing(self):
        self.make_topics()
        with self.pipeline():
            self.playload(
                *self.run_arguments(
                    *["--seed", "4", "--rate", "2k", "--duration", "3s"], verify="--quiet"
                )
            )
            verdict = self.offline(
                *["--threshold", "alert_latency.p(99)<5s"], code=harness.EXIT_VERIFY_FAILED
            )
        self.assertIsNone(verdict["latency_ms"]["fraud-alerts"]["total"])
        self.assertIn("LogAppendTime", verdict["thresholds"][0]["why"])

    def test_thresholds_that_say_nothing_right(self):
        for arguments in (
            ["verify", "nowhere", "--from", "file:x", "--threshold", "alert_latncy.max<1s"],
            ["run", "steady", "--to", "kafka://127.0.0.1:1", "--verify", "--threshold", "matched"],
        ):
            done = self.playload(*arguments, code=harness.EXIT_BAD_INPUT)
            self.assertIn("--threshold", done.stderr)


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
