"""Output topics as pipelines leave them: garbage between alerts, alerts of other runs and of before,
ten million of them, none; pipelines that restart, rebalance and repeat. Each is named in clear words,
by the verification of the reference pipeline and by that of a rule set (the same rules, so the same
answers)."""

import collections
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterable

import harness
from kafka_server import KafkaServer
from producer import Record, produce

PARTITIONS = 6
CREATE_TOPICS = ["--create-topics", f"partitions={PARTITIONS},replication=1"]
USERS = ("purchase-aggregates", "fraud-alerts")
SCENARIO = ("fraud-and-overload", "--clock", "virtual", "--rate", "10k", "--duration", "4s")
ALERT = b'{"user_id":"player_1","reason":"Too frequent transactions"}'
MIB = 1 << 20

GARBAGE: list[Record] = [
    (b"player_1", b"\x00\x01\xff\xfe\x80binary"),
    (None, b"\xc3( is no UTF-8"),
    (b"player_2", b"\x1b[2J\x1b[31mred"),  # a terminal would obey
    (b"player_3", ALERT[: len(ALERT) // 2]),
    (b"player_4", b""),
    (b"player_5", None),  # a tombstone
    (None, None),
    (b"", b""),
    (b"player_6", b"[1,2]"),
    (b"player_7", b"{}"),
    (b"player_8", b"[" * 100_000),
    (b"player_9", b"x" * MIB),
    (b"player_10", b'{"user_id":"player_10","reason":"' + b"y" * MIB + b'"}'),
    (b"k" * 100_000, b"null"),
    (b"\xff\x00", b'{"user_id":1,"reason":2}'),
]

server: KafkaServer
world: "World"


@dataclasses.dataclass
class World:
    """What all tests here share: a run in Kafka, and the rules as a file."""

    run_dir: pathlib.Path
    rules: pathlib.Path
    expected: dict[str, list[Record]]  # by output, in the order of their cause


def setUpModule():
    global server, world
    server = unittest.enterModuleContext(KafkaServer({"message.max.bytes": str(4 * MIB)}))
    scratch = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    run_dir = feed(scratch / "run", "inputs", "--seed", "1")
    rules = scratch / "mine.yaml"
    text = call("show", "rules", "dataflow")
    rules.write_text(text.replace("rule_set: dataflow", "rule_set: mine"))
    world = World(run_dir, rules, expected_of(run_dir))


def call(*arguments: object, code: int = 0) -> str:
    done = harness.call([harness.program(), *map(str, arguments)])
    if done.code != code:
        raise AssertionError(f"{arguments}: {done}")
    return done.stdout


def feed(run_dir: pathlib.Path, name: str, *options: object) -> pathlib.Path:
    """A run into topics that begin with `name`."""
    call(
        *["run", *SCENARIO, "--to", f"kafka://{server.bootstrap}", *CREATE_TOPICS, "--quiet"],
        *[*harness.topic_options(name, harness.INPUTS), "--run-dir", run_dir, *options],
    )
    return run_dir


def make_topics(name: str) -> None:
    """Outputs that begin with `name`, and nothing in them."""
    topics = (f"{name}-{output}" for output in harness.OUTPUTS)
    harness.make_topics(server.bootstrap, topics, PARTITIONS)


def expected_of(run_dir: pathlib.Path) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {output: [] for output in harness.OUTPUTS}
    for line in call("expect", run_dir).splitlines():
        row = json.loads(line)
        value = json.dumps(row["value"], separators=(",", ":")).encode()
        found[row["output"]].append((row["key"].encode(), value))
    return found


class BadOutputsCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.name = self._testMethodName.removeprefix("test_").replace("_", "-")
        make_topics(self.name)

    def write(self, output: str, records: Iterable[Record], partition: int = -1) -> None:
        produce(server.bootstrap, f"{self.name}-{output}", records, partition=partition)

    def write_right(self, *outputs: str) -> None:
        for output in outputs:
            self.write(output, world.expected[output])

    def verify(self, *options, only=harness.OUTPUTS, code=99):
        """Of both verifications: what is printed, and what the verdict says of each output."""
        found = []
        for rules in ([], ["--rules", world.rules]):
            copy = self.scratch / f"run-{len(list(self.scratch.iterdir()))}"
            shutil.copytree(world.run_dir, copy)
            done = self.playload(
                *["verify", copy, "--from", f"kafka://{server.bootstrap}", *rules],
                *harness.topic_options(self.name, only),
                *[word for output in only for word in ("--only", output)],
                *["--timeout", "2s", *options],
                code=code,
            )
            self.assert_text(done.stdout + done.stderr)
            verdict = self.verdict(copy)  # is UTF-8, and JSON
            self.assertEqual(verdict["passed"], code == 0, done)
            found.append((done, verdict["outputs"]))
        return found

    def assert_text(self, text):
        """Nothing that a terminal would obey."""
        self.assertTrue(all(c == "\n" or c.isprintable() for c in text), ascii(text[:2000]))

    def assert_classes(self, classes, **wanted):
        """All that was expected came, and beside it only this."""
        allowed = dict.fromkeys(
            ("missing", "unexpected", "duplicate", "wrong", "unreadable", "foreign"), 0
        )
        self.assertEqual({**allowed, **wanted}, {name: classes[name] for name in allowed}, classes)
        self.assertEqual(classes["matched"] + classes["missing"], classes["expected"])


class TopicsTest(BadOutputsCase):
    def test_garbage_between(self):
        for output in harness.OUTPUTS:
            right = world.expected[output]
            every = len(right) // len(GARBAGE)
            mixed = list(right)
            for number, record in enumerate(GARBAGE):
                mixed.insert((number + 1) * every + number, record)
            self.write(output, mixed)
        for done, outputs in self.verify():
            for output, classes in outputs.items():
                # One of them has all that a fraud alert must have, and a reason that is none.
                other = 1 if output == "fraud-alerts" else 0
                self.assert_classes(classes, unreadable=len(GARBAGE) - other, unexpected=other)
                for example in classes["examples"]:
                    self.assertLess(len(example["got"]), 1100, "shortened")
            self.assertRegex(done.stdout, r"not (a JSON object|JSON)\)")
            self.assertIn(r"\xff", done.stdout)
            self.assertLess(len(done.stdout), 200_000)
            self.assertIn("FAILED: 60 differences", done.stdout)

    def test_of_another_run(self):
        other = feed(self.scratch / "other", "other", "--seed", "2", "--id-prefix", "two")
        self.write_right(*harness.OUTPUTS)
        theirs = expected_of(other)
        for output in harness.OUTPUTS:
            self.write(output, theirs[output])
        for _, outputs in self.verify():
            for output in ("player-session-summaries", *USERS):
                self.assert_classes(outputs[output], foreign=len(theirs[output]))
            # Servers have no prefix: docs/verify.md says that their alerts need topics of their own.
            self.assert_classes(
                outputs["server-alerts"], unexpected=len(theirs["server-alerts"])
            )
        self.verify(only=USERS, code=0)
        # Theirs alone, as when a pipeline reads the topics of the run before.
        self.name += "-alone"
        make_topics(self.name)
        self.write("fraud-alerts", theirs["fraud-alerts"])
        for done, outputs in self.verify(only=["fraud-alerts"]):
            classes = outputs["fraud-alerts"]
            self.assertEqual(classes["missing"], classes["expected"])
            self.assertEqual(classes["foreign"], len(theirs["fraud-alerts"]))
            self.assertIn(f"all that came from {self.name}-fraud-alerts is of other", done.stdout)

    def test_server_alerts_of_another_day(self):
        other = feed(self.scratch / "other", "other-day", "--seed", "2", "--start", "2020-02-02T00:00:00Z")
        theirs = expected_of(other)["server-alerts"]
        self.write_right("server-alerts")
        self.write("server-alerts", theirs)
        done, outputs = self.verify(only=["server-alerts"])[0]
        self.assert_classes(outputs["server-alerts"], unexpected=len(theirs))
        self.assertIn("have timestamps from outside of this run", done.stdout)
        self.assertIn("--topic server-alerts=OTHER", done.stdout)

    def test_from_before(self):
        # An earlier run of the same ids, which a live verification passes over
        # (live_verify_test.py) and this one is told to expect.
        before = expected_of(feed(self.scratch / "before", "before", "--seed", "3"))
        self.write("fraud-alerts", before["fraud-alerts"])
        self.write_right("fraud-alerts")
        for done, outputs in self.verify(only=["fraud-alerts"]):
            classes = outputs["fraud-alerts"]
            self.assertEqual(classes["missing"], 0, classes)
            surplus = classes["unexpected"] + classes["duplicate"]
            self.assertEqual(surplus, len(before["fraud-alerts"]), classes)
            self.assertIn("state is older than the run", done.stdout)

    def test_none_at_all(self):
        for done, outputs in self.verify():
            for classes in outputs.values():
                self.assert_classes(classes, missing=classes["expected"])
            topics = ", ".join(f"{self.name}-{output}" for output in harness.OUTPUTS)
            self.assertIn(f"nothing came from {topics}: is your pipeline running", done.stdout)
            self.assertIn("fraud-alerts (nothing came)", done.stderr)
            self.assertLess(done.seconds, 10)

    def test_no_topic(self):
        for rules in ([], ["--rules", world.rules]):
            done = self.playload(
                *["verify", world.run_dir, "--from", f"kafka://{server.bootstrap}", *rules],
                *["--topic", "fraud-alerts=nowhere", "--only", "fraud-alerts", "--timeout", "1s"],
                code=harness.EXIT_BAD_INPUT,
            )
            self.assertIn("waiting for topic 'nowhere'", done.stderr)
            self.assertIn("there is no topic 'nowhere'", done.stderr)
            self.assertIn("--topic USUAL=OTHER", done.stderr)
            self.assertLess(done.seconds, 10)
        self.assertNotIn('"nowhere"', harness.call(["kcat", "-b", server.bootstrap, "-L"]).stdout)


class MillionsTest(BadOutputsCase):
    """However much there is, it takes seconds and a memory that is known."""

    def measured(self, run_dir, *options, code, most_mib):
        """The verdict on the outputs."""
        gauge = [sys.executable, "-c", GAUGE]
        done = self.playload("verify", run_dir, *options, code=code, prefix=gauge, timeout=300)
        used = done.stderr.rsplit("used ", 1)[1].split()
        peak, seconds = int(used[0]) / 1024, float(used[1])
        print(f"\n{self._testMethodName}: {seconds:.1f} s of CPU, {peak:.0f} MiB", end=" ")
        self.assertLess(peak, most_mib, done)
        self.assertLess(seconds, 30, done)  # whatever else the machine is doing
        return self.verdict(run_dir)["outputs"]

    def test_ten_million_of_a_pipeline_that_goes_round_in_circles(self):
        folder = self.scratch / "outputs"
        folder.mkdir()
        rows = b"".join(
            b'{"user_id":"player_%d","reason":"Too frequent transactions"}\n' % (1 + i % 1000)
            for i in range(100_000)
        )
        with open(folder / "fraud-alerts.ndjson", "wb") as file:
            for _ in range(100):
                file.write(rows)
        copy = pathlib.Path(shutil.copytree(world.run_dir, self.scratch / "run"))
        options = ["--from", f"file:{folder}", "--only", "fraud-alerts"]
        for rules in ([], ["--rules", world.rules]):
            outputs = self.measured(copy, *options, *rules, code=99, most_mib=64)
            classes = outputs["fraud-alerts"]
            seen = sum(classes[name] for name in ("matched", "unexpected", "duplicate", "wrong"))
            self.assertEqual(seen, 10_000_000)
            self.assertLessEqual(len(classes["examples"]), 40)

    def test_ten_million_users_that_are_not_there(self):
        folder = self.scratch / "outputs"
        folder.mkdir()
        file = folder / "fraud-alerts.ndjson.zst"
        right = [value for _, value in world.expected["fraud-alerts"]]
        with subprocess.Popen(
            ["zstd", "-q", "-1", "-o", str(file)], stdin=subprocess.PIPE
        ) as packed:
            assert packed.stdin is not None
            for begin in range(100_001, 10_100_001, 100_000):
                packed.stdin.write(
                    b"".join(
                        b'{"user_id":"player_%d","reason":"Too frequent transactions"}\n' % i
                        for i in range(begin, begin + 100_000)
                    )
                )
                # What is expected stands among them.
                some, right = right[:10], right[10:]
                packed.stdin.write(b"".join(value + b"\n" for value in some))
            packed.stdin.write(b"".join(value + b"\n" for value in right))
            packed.stdin.close()
        self.assertEqual(packed.returncode, 0)
        copy = pathlib.Path(shutil.copytree(world.run_dir, self.scratch / "run"))
        options = ["--from", f"file:{folder}", "--only", "fraud-alerts"]
        for rules in ([], ["--rules", world.rules]):
            outputs = self.measured(copy, *options, *rules, code=99, most_mib=64)
            self.assert_classes(outputs["fraud-alerts"], unexpected=10_000_000)
            self.assertEqual(len(outputs["fraud-alerts"]["examples"]), 10)

    def test_ten_million_that_must_be(self):
        run_dir = self.scratch / "run"
        self.playload(
            *["run", "steady", "--seed", "1", "--events", "10500k", "--rate", "1M", "--quiet"],
            *["--clock", "virtual", "--to", "null", "--run-dir", run_dir],
        )
        folder = self.scratch / "outputs"
        folder.mkdir()
        only = "player-session-summaries"
        with subprocess.Popen(
            [harness.program(), "expect", str(run_dir), "--output", only], stdout=subprocess.PIPE
        ) as expect:
            packed = ["zstd", "-q", "-1", "-o", str(folder / f"{only}.ndjson.zst")]
            subprocess.run(packed, stdin=expect.stdout, check=True, timeout=60)
        self.assertEqual(expect.returncode, 0)
        options = ["--from", f"file:{folder}", "--only", only]
        classes = self.measured(run_dir, *options, code=0, most_mib=64)[only]
        self.assertGreater(classes["matched"], 10_000_000)

    def test_a_million_users_that_are_not_there(self):
        rows = (
            (None, b'{"user_id":"player_%d","reason":"Too frequent transactions"}' % i)
            for i in range(100_001, 1_100_001)
        )
        self.write("fraud-alerts", rows)
        self.write_right("fraud-alerts")
        copy = pathlib.Path(shutil.copytree(world.run_dir, self.scratch / "run"))
        for rules in ([], ["--rules", world.rules]):
            classes = self.measured(
                *[copy, "--from", f"kafka://{server.bootstrap}", "--only", "fraud-alerts", *rules],
                *harness.topic_options(self.name, ["fraud-alerts"]),
                code=99,
                most_mib=150,
            )["fraud-alerts"]
            self.assert_classes(classes, unexpected=1_000_000)


# Runs a command and says how much memory it held at most, in KiB, and how many seconds of CPU it took.
GAUGE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(process.pid, 0)
sys.stderr.write(f"used {used.ru_maxrss} {used.ru_utime + used.ru_stime}\\n")
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Worker:
    """The purchase services of the reference pipeline, as one member of a group: it takes partitions
    of the purchases, from the offsets that were committed, with the state that it is given."""

    def __init__(self, purchases: list[harness.Message], state: dict | None = None):
        self.rows: dict[int, list[harness.Message]] = collections.defaultdict(list)
        for message in purchases:
            self.rows[message.partition].append(message)
        self.state = {user: list(values) for user, values in (state or {}).items()}
        self.out: dict[str, list[Record]] = {output: [] for output in USERS}

    def process(self, partition: int, begin: int, end: int) -> None:
        for message in self.rows[partition][begin:end]:
            parameters = json.loads(message.value)["parameters"]
            count, total, currencies = self.state.get(message.key, (0, 0.0, frozenset()))
            count, total = count + 1, total + parameters["amount"]
            currencies = currencies | {parameters["currency"]}
            self.state[message.key] = [count, total, currencies]
            key = message.key.encode()
            row = {"total_amount": total, "transaction_count": count}
            self.out["purchase-aggregates"].append((key, json.dumps(row).encode()))
            for wanted, reason in (
                (count > 5, "Too frequent transactions"),
                (len(currencies) > 1, "Multiple currency transactions"),
            ):
                if wanted:
                    alert = {"user_id": message.key, "reason": reason}
                    self.out["fraud-alerts"].append((key, json.dumps(alert).encode()))
                    break


class PipelinesTest(BadOutputsCase):
    """Pipelines of these tests' own: they read the run's purchases in Kafka, and stumble."""

    purchases: list[harness.Message]

    @classmethod
    def setUpClass(cls):
        cls.purchases = harness.kcat_read(server.bootstrap, "inputs-purchase-events")

    def middle(self, partition: int) -> int:
        return sum(message.partition == partition for message in self.purchases) // 2

    def put_out(self, *workers: Worker) -> None:
        for output in USERS:
            self.write(output, [record for worker in workers for record in worker.out[output]])

    def killed_and_restarted(self, *, keeps_later_state: bool) -> int:
        """kill -9 after a commit and 40 purchases of each partition more, which come again; with
        the state as of the commit, or as of the kill. How many purchases came again."""
        first = Worker(self.purchases)
        for partition in range(PARTITIONS):
            first.process(partition, 0, self.middle(partition))
        committed = {user: list(values) for user, values in first.state.items()}
        for partition in range(PARTITIONS):
            first.process(partition, self.middle(partition), self.middle(partition) + 40)
        second = Worker(self.purchases, first.state if keeps_later_state else committed)
        for partition in range(PARTITIONS):
            second.process(partition, self.middle(partition), len(self.purchases))
        self.put_out(first, second)
        return PARTITIONS * 40

    def test_restart_repeats(self):
        again = self.killed_and_restarted(keeps_later_state=False)
        for done, outputs in self.verify(only=USERS):
            self.assert_classes(outputs["purchase-aggregates"], duplicate=again)
            alerts = outputs["fraud-alerts"]["duplicate"]
            self.assertGreater(alerts, 0)
            self.assert_classes(outputs["fraud-alerts"], duplicate=alerts)
            self.assertIn("outputs were repeated after a restart", done.stdout)
        for done, outputs in self.verify("--delivery", "at-least-once", only=USERS, code=0):
            self.assertEqual(outputs["purchase-aggregates"]["repeats"], again)
            self.assertEqual(outputs["fraud-alerts"]["repeats"], alerts)
            self.assertIn(
                f"at-least-once: {again + alerts} outputs came again, which it allows", done.stdout
            )

    def test_restart_counts_twice(self):
        # No promise covers it: its state knows of purchases that it reads again.
        self.killed_and_restarted(keeps_later_state=True)
        for options in ([], ["--delivery", "at-least-once"]):
            for done, outputs in self.verify(*options, only=USERS):
                self.assertGreater(outputs["purchase-aggregates"]["unexpected"], 0, outputs)
                self.assertGreater(outputs["fraud-alerts"]["unexpected"], 0, outputs)
                self.assertIn("counted twice", done.stdout)

    def rebalanced(self, *, keeps_state: bool) -> None:
        """Two of a group; one leaves in the middle, having committed, and the other one takes its
        partitions."""
        stays, leaves = Worker(self.purchases), Worker(self.purchases)
        for partition in range(PARTITIONS):
            worker = (stays, leaves)[partition % 2]
            worker.process(partition, 0, self.middle(partition))
        after = Worker(self.purchases, stays.state | (leaves.state if keeps_state else {}))
        for partition in range(PARTITIONS):
            after.process(partition, self.middle(partition), len(self.purchases))
        self.put_out(stays, leaves, after)

    def test_rebalance_with_its_state(self):
        self.rebalanced(keeps_state=True)
        for delivery in ("exactly-once", "at-least-once"):
            for _, outputs in self.verify("--delivery", delivery, only=USERS, code=0):
                for output in USERS:
                    self.assert_classes(outputs[output])

    def test_rebalance_without_its_state(self):
        self.rebalanced(keeps_state=False)
        for options in ([], ["--delivery", "at-least-once"]):
            for done, outputs in self.verify(*options, only=USERS):
                self.assertGreater(outputs["purchase-aggregates"]["missing"], 0, outputs)
                self.assertGreater(outputs["fraud-alerts"]["missing"], 0, outputs)
                self.assertIn("state began anew", done.stdout)


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
