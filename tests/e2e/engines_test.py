"""The examples on real engines: Kafka Streams, Flink and Flink SQL over a real Kafka that playload
feeds at 30,000 events a second, and DuckDB over the same events. Right ones pass `playload verify`;
what is broken in them is named right; kill -9 in the middle does what the declared delivery says.
"""

import datetime
import json
import os
import pathlib
import shutil
import sys
import time
import unittest

import harness

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "docs"))
import fences
from clients import dependencies
from kafka_server import KafkaServer

SCENARIO = ("fraud-and-overload", "--seed", "5", "--rate", "30k", "--duration", "8s")
LONGER = (*SCENARIO[:-1], "12s")  # so that there is always something to kill a job at
KILL_AFTER = 1000  # purchase-aggregates, and after KILL_SECONDS of feeding
KILL_SECONDS = 2
# A job that commits every second is killed when it has put out so much since a commit, and so soon
# behind it that the next one has not begun: what the restart repeats can be said then. In the middle
# of a commit anything may have been saved or not.
OUTPUTS_SINCE_COMMIT = 50
SECONDS_SINCE_COMMIT = 0.7
START_SECONDS = 120
IDLE_SECONDS = 4  # a job whose outputs have not grown for so long has nothing left to do

# Two cores, which broker and engine share: what starts soon beats what runs fastest in the end.
JAVA = ("java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar")

STATELESS = ("player-session-summaries", "server-alerts")
BY_USER = ("purchase-aggregates", "fraud-alerts")

server: KafkaServer


def setUpModule():
    global server
    server = unittest.enterModuleContext(KafkaServer())


def end_offsets(topic: str, partitions: int = 6) -> int:
    """Of all its partitions together: about how many records there are, committed or not."""
    command = ["kcat", "-q", "-b", server.bootstrap, "-X", "isolation.level=read_uncommitted", "-Q"]
    for partition in range(partitions):
        command += ["-t", f"{topic}:{partition}:-1"]
    rows = harness.call(command).stdout.splitlines()
    return sum(int(row.rsplit(" ", 1)[1]) for row in rows)


class EngineCase(harness.Case):
    """An engine: its right job runs beside a live run, its broken ones read the same topics."""

    engine: str
    run_dir: pathlib.Path
    done: harness.Done  # the last verification

    def command(self, inputs: str, outputs: str, *options: object) -> list[str]:
        """`inputs` and `outputs`: what the topics' names begin with; also who the job is."""
        jar = dependencies.example(self.engine)
        return [
            *[*JAVA, str(jar), "--kafka", server.bootstrap],
            *["--in", f"{inputs}-", "--out", f"{outputs}-", "--name", outputs, *map(str, options)],
        ]

    def start(
        self, inputs: str, outputs: str, *options: object, instance: str = ""
    ) -> harness.Background:
        """A job, once it is running. Its state is in a folder of its outputs' name."""
        state = self.scratch / f"state-{outputs}{instance}"
        job = harness.Background(
            self.command(inputs, outputs, "--state", state, *options), self.scratch
        )
        self.addCleanup(job.end)
        job.wait_for("running", START_SECONDS)
        return job

    def feeding(self, inputs: str, *options: object, scenario=SCENARIO) -> list[object]:
        """The words of a run into topics that begin so."""
        self.run_dir = pathlib.Path(self.scratch, f"run-{inputs}")
        return [
            *["run", *scenario, "--to", f"kafka://{server.bootstrap}"],
            *harness.topic_options(inputs, harness.INPUTS),
            *["--create-topics", "partitions=6,replication=1"],
            *["--run-dir", self.run_dir, "--quiet", *options],
        ]

    def verify(self, outputs: str, *options: object, code: int = 0) -> dict:
        topics = harness.topic_options(outputs, harness.OUTPUTS)
        if "--timeout" not in options:  # a busy machine takes its time to start a job
            options = ("--timeout", f"{START_SECONDS}s", *options)
        self.done = self.playload(
            *["verify", self.run_dir, "--from", f"kafka://{server.bootstrap}", *topics, *options],
            code=code,
            timeout=2 * START_SECONDS,
        )
        return self.verdict(self.run_dir)

    def verify_broken(self, outputs: str, *options: object) -> dict:
        """What the verdict says of each output, once the job has read everything: what is missing
        then need not be waited for."""
        topics = [f"{outputs}-{output}" for output in harness.OUTPUTS]
        inputs = self.summary(self.run_dir)["destinations"][0]["topics"]
        players = next(counts["acked"] for name, counts in inputs.items() if "player" in name)
        # No example is broken in its summaries.
        harness.wait_until(lambda: end_offsets(topics[0]) >= players, START_SECONDS)
        seen, since = 0, time.monotonic()
        while time.monotonic() - since < IDLE_SECONDS:
            time.sleep(0.5)
            if (now := sum(map(end_offsets, topics))) != seen:
                seen, since = now, time.monotonic()
        code = harness.EXIT_VERIFY_FAILED
        return self.verify(outputs, "--timeout", "3s", *options, code=code)["outputs"]

    def assert_right(self, verdict: dict, outputs=harness.OUTPUTS) -> None:
        for output in outputs:
            self.assert_clean(verdict["outputs"][output], output)
            self.assertGreater(verdict["outputs"][output]["expected"], 0, output)

    def check_right(self, *, also: tuple = ()) -> None:
        """The right job beside a live run."""
        job = self.start(self.engine, self.engine)
        for pid in (job.process.pid, server.pid):
            for address in harness.listening(pid):
                self.assertTrue(address.is_loopback, f"{job.command} listens on {address}")
        self.assertTrue(harness.listening(server.pid))
        self.playload(*self.feeding(self.engine, *also))
        self.summary(self.run_dir)
        verdict = self.verify(self.engine)
        job.end()
        self.assert_right(verdict)
        self.assertEqual(verdict["delivery"], "exactly-once")
        self.assertEqual(verdict["isolation"], "read_committed")

    def check_broken(self, jobs: dict[str, tuple]) -> dict[str, dict]:
        """Other jobs over the topics of the right one, side by side, by their names and options: by
        name, what the verdict says of a job's outputs."""
        running = {
            name: self.start(self.engine, f"{self.engine}-{name}", *options)
            for name, options in jobs.items()
        }
        verdicts = {}
        for name, job in running.items():
            verdicts[name] = self.verify_broken(f"{self.engine}-{name}")
            job.end()
        return verdicts

    def commits(self, outputs: str) -> int:
        """Grows by each commit of a job, once that is whole."""
        raise NotImplementedError

    def wait_between_commits(self, outputs: str) -> None:
        aggregates = f"{outputs}-purchase-aggregates"
        commits, wanted, seen = self.commits(outputs), None, 0.0
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if (now := self.commits(outputs)) != commits:
                commits, seen = now, time.monotonic()
                wanted = end_offsets(aggregates) + OUTPUTS_SINCE_COMMIT
            elif wanted and end_offsets(aggregates) >= wanted:
                # This machine may have kept us so long that the next one is near.
                if time.monotonic() - seen < SECONDS_SINCE_COMMIT:
                    return
                wanted = None
        self.fail(f"{outputs} was never between two commits")

    def run_and_kill(self, name: str, *options: object) -> str:
        """A run in whose middle the job is killed and started again; what its topics begin with."""
        name = f"{self.engine}-{name}"
        job = self.start(name, name, *options)
        with self.started(*self.feeding(name, scenario=LONGER)) as feed:
            time.sleep(KILL_SECONDS)
            aggregates = f"{name}-purchase-aggregates"
            harness.wait_until(lambda: end_offsets(aggregates) > KILL_AFTER, START_SECONDS)
            self.wait_between_commits(name)
            job.end()  # SIGKILL
            self.start(name, name, *options)
            self.assertEqual(feed.wait(), harness.EXIT_DONE, feed.output())
        self.summary(self.run_dir)
        return name

    def check_kill_exactly_once(self) -> None:
        name = self.run_and_kill("once", "--delivery", "exactly-once")
        self.assert_right(self.verify(name))
        # What transactions of the killed job had written was not committed, but it is there.
        uncommitted = ["--isolation", "read_uncommitted"]
        verdict = self.verify(name, *uncommitted, code=harness.EXIT_VERIFY_FAILED)
        repeats = sum(verdict["outputs"][output]["duplicate"] for output in harness.OUTPUTS)
        self.assertGreater(repeats, 0, verdict["outputs"])
        verdict = self.verify(name, *uncommitted, "--delivery", "at-least-once")
        self.assertEqual(verdict["isolation"], "read_uncommitted")
        self.assertEqual(
            repeats, sum(verdict["outputs"][output]["repeats"] for output in harness.OUTPUTS)
        )

    def check_kill_at_least_once(self) -> None:
        name = self.run_and_kill("again", "--delivery", "at-least-once")
        verdict = self.verify(name, "--delivery", "at-least-once")
        self.assertEqual(verdict["delivery"], "at-least-once")
        self.assert_right(verdict)
        repeats = {output: verdict["outputs"][output]["repeats"] for output in harness.OUTPUTS}
        self.assertGreater(repeats["player-session-summaries"], 0, repeats)
        self.assertGreater(repeats["purchase-aggregates"], 0, repeats)
        # The same under the promise that was not made.
        strict = self.verify(name, code=harness.EXIT_VERIFY_FAILED)["outputs"]
        for output in harness.OUTPUTS:
            self.assertEqual(strict[output]["duplicate"], repeats[output], strict)
            self.assertEqual(strict[output]["missing"] + strict[output]["unexpected"], 0, strict)

    def check_lost_state(self) -> dict:
        name = self.run_and_kill("lost-state", "--break", "lost-state")
        verdict = self.verify_broken(name)
        self.assert_named(verdict, "purchase-aggregates", "missing", "unexpected")
        self.assert_named(verdict, "fraud-alerts", "missing")
        self.assertIn("or state began anew", self.done.stdout)
        self.assert_explained(verdict, "purchase-aggregates", "state began anew")
        return verdict

    def assert_named(self, outputs: dict, output: str, *classes: str) -> None:
        """There are flaws of these classes."""
        for name in classes:
            self.assertGreater(outputs[output][name], 0, f"{output}: {outputs[output]}")

    def assert_explained(self, outputs: dict, output: str, *what: str) -> None:
        """One of these is among the best explanations of what came, and explains nearly all."""
        causes = outputs[output]["causes"]
        found = [each for each in causes["explanations"] if each["what"] in what]
        self.assertNotEqual(found, [], causes)
        keys = found[0].get("tried", causes["keys"]["differing"])
        self.assertGreater(found[0]["explains"], 0.9 * keys, causes)


class KafkaStreamsTest(EngineCase):
    engine = "kafka-streams"

    def commits(self, outputs: str) -> int:
        return end_offsets("__consumer_offsets", 1)

    def run_and_kill(self, name: str, *options: object) -> str:
        # One thread, since each commits when it likes.
        return super().run_and_kill(name, "--threads", 1, "--commit-interval", 1000, *options)

    def test_right_and_broken(self):
        events = self.scratch / "events"
        self.check_right(also=("--to", f"file:{events}"))
        with self.subTest("DuckDB agrees"):
            self.check_duckdb(events)
        broken = self.check_broken(
            {
                "early-alert": ("--break", "early-alert"),
                "wrong-key": ("--break", "wrong-key"),
                "dsl-cache": ("--break", "dsl-cache", "--delivery", "at-least-once"),
            }
        )
        with self.subTest("early-alert"):
            verdict = broken["early-alert"]
            self.assert_named(verdict, "fraud-alerts", "unexpected")
            early = "'transactions > 5' is 'transactions > 4'"
            self.assert_explained(verdict, "fraud-alerts", early)
            self.assertEqual(verdict["fraud-alerts"]["missing"], 0, verdict)
            self.assert_right({"outputs": verdict}, (*STATELESS, "purchase-aggregates"))
        with self.subTest("wrong-key"):
            verdict = broken["wrong-key"]
            self.assert_named(verdict, "purchase-aggregates", "missing", "unexpected")
            self.assert_named(verdict, "fraud-alerts", "missing")
            self.assert_right({"outputs": verdict}, STATELESS)
            for output in BY_USER:
                places = "the state of a key is in 6 places, by the partition of "
                self.assert_explained(verdict, output, places + "parameters.transaction_id")
        with self.subTest("dsl-cache"):
            verdict = broken["dsl-cache"]
            self.assert_named(verdict, "purchase-aggregates", "missing")
            for other in ("unexpected", "duplicate", "wrong"):
                self.assertEqual(verdict["purchase-aggregates"][other], 0, verdict)
            self.assert_right({"outputs": verdict}, (*STATELESS, "fraud-alerts"))
            # By how often the cache was emptied: once, at the run's end, or again and again.
            last = "only the last output of a key is put out"
            lost = "outputs were lost, though their events were counted"
            self.assert_explained(verdict, "purchase-aggregates", last, lost)

    def check_duckdb(self, events: pathlib.Path) -> None:
        for topic in harness.INPUTS:
            (events / f"{self.engine}-{topic}.ndjson").rename(events / f"{topic}.ndjson")
        outputs = self.scratch / "duckdb"
        script = dependencies.EXAMPLES / "duckdb" / "recompute.py"
        done = harness.call(
            [sys.executable, str(script), str(events), str(outputs)],
            env={"PYTHONPATH": str(dependencies.duckdb())},
        )
        self.assertEqual(done.code, 0, done)
        self.playload("verify", self.run_dir, "--from", f"file:{outputs}")
        self.assert_right(self.verdict(self.run_dir))
        for output in harness.OUTPUTS:
            expected = self.playload("expect", self.run_dir, "--output", output).stdout.splitlines()
            rows = (outputs / f"{output}.ndjson").read_text().splitlines()
            self.assertEqual(len(rows), len(expected), output)
            for row, line in zip(rows, expected):
                wanted = json.loads(line)
                if output == "purchase-aggregates":
                    wanted["value"]["user_id"] = wanted["key"]
                self.assertEqual(json.loads(row), wanted["value"], output)

    def test_instances_that_come_and_go(self):
        """A second instance joins in the middle of a run, and later the first one leaves: the group
        gives partitions, and their state, from one to the other twice."""
        name = f"{self.engine}-instances"
        first = self.start(name, name)
        scenario = ("fraud-and-overload", "--seed", "6", "--rate", "10k", "--duration", "20s")
        with self.started(*self.feeding(name, scenario=scenario)) as feed:
            second = self.start(name, name, instance="-second")
            took_over = end_offsets(f"{name}-purchase-aggregates")
            first.interrupt()
            first.wait()
            self.assertEqual(feed.wait(), harness.EXIT_DONE, feed.output())
        verdict = self.verify(name)
        self.assertIsNone(second.process.poll(), second.output())
        self.assert_right(verdict)
        # Each of them had its part.
        self.assertGreater(took_over, 0)
        self.assertGreater(end_offsets(f"{name}-purchase-aggregates"), took_over)

    def test_kill_under_exactly_once(self):
        self.check_kill_exactly_once()

    def test_kill_under_at_least_once(self):
        self.check_kill_at_least_once()

    def test_kill_under_at_least_once_without_a_cache_counts_twice(self):
        name = self.run_and_kill("uncached", "--delivery", "at-least-once", "--break", "uncached")
        verdict = self.verify_broken(name, "--delivery", "at-least-once")
        self.assert_named(verdict, "purchase-aggregates", "unexpected")
        self.assert_named(verdict, "fraud-alerts", "unexpected")
        self.assert_right({"outputs": verdict}, STATELESS)
        self.assertIn("counted twice", self.done.stdout)
        self.assert_explained(verdict, "purchase-aggregates", "events were counted twice")

    def test_kill_without_a_changelog_loses_state(self):
        self.assert_right({"outputs": self.check_lost_state()}, STATELESS)


class FlinkTest(EngineCase):
    engine = "flink"

    def start(self, inputs: str, outputs: str, *options: object) -> harness.Background:
        """A job that has made a checkpoint: only then all its tasks are at work."""
        before = self.jobs(outputs)
        job = super().start(inputs, outputs, *options)
        harness.wait_until(lambda: bool(self.jobs(outputs) - before), START_SECONDS)
        return job

    def checkpoints(self, outputs: str) -> list[pathlib.Path]:
        return list((self.scratch / f"state-{outputs}").glob("*/chk-*/_metadata"))

    def jobs(self, outputs: str) -> set[pathlib.Path]:
        """Of which there are checkpoints: a job that is started again is another one."""
        return {path.parents[1] for path in self.checkpoints(outputs)}

    def commits(self, outputs: str) -> int:
        """The number of the newest checkpoint; what a sink wrote before it is committed with it."""
        numbers = (path.parent.name.removeprefix("chk-") for path in self.checkpoints(outputs))
        return max(map(int, numbers), default=0)

    def test_right_and_broken(self):
        self.check_right()
        with self.subTest("wrong-key"):
            verdict = self.check_broken({"wrong-key": ("--break", "wrong-key")})["wrong-key"]
            self.assert_named(verdict, "purchase-aggregates", "missing", "unexpected")
            self.assertEqual(verdict["fraud-alerts"]["matched"], 0, verdict)
            by_transaction = "the key is parameters.transaction_id"
            self.assert_explained(verdict, "purchase-aggregates", by_transaction)
            self.assert_right({"outputs": verdict}, STATELESS)

    def test_kill_under_exactly_once(self):
        self.check_kill_exactly_once()

    def test_kill_under_at_least_once(self):
        self.check_kill_at_least_once()

    def test_kill_without_a_checkpoint_loses_state(self):
        self.check_lost_state()


class PageTest(harness.Case):
    """A stranger's way: the commands of docs/verify.md that need Maven, in their order."""

    REASON = "needs Maven; tests/e2e/engines_test.py runs these"

    def script(self) -> str:
        """Each command, and that it ends as the page says; in one shell, for `kill $!`."""
        root = dependencies.EXAMPLES.parent
        page = root / "docs" / "verify.md"
        steps = [
            "trap 'kill $(jobs -p)' EXIT",
            'ended_with() { [ $3 = $1 ] || { echo "$2: exit code $3" >&2; exit 1; }; }',
        ]
        for fence in fences.read(page.relative_to(root), page.read_text()):
            if fence.marks.get("not run") != self.REASON:
                continue
            commands = fence.commands()
            for command in commands:
                code = fence.marks.get("exit", "0") if command is commands[-1] else "0"
                steps.append(f"{command}\nended_with {code} '{fence.where}' $?")
        return "\n".join([*steps, ""])

    def test_on_a_real_engine(self):
        # The page changes a line of the example: a copy of it, then.
        shutil.copytree(
            dependencies.EXAMPLES / "flink",
            self.scratch / "examples" / "flink",
            ignore=shutil.ignore_patterns("target"),
        )
        (self.scratch / "bin").mkdir()
        (self.scratch / "bin" / "playload").symlink_to(harness.program())
        path = f"{self.scratch}/bin{os.pathsep}{os.environ['PATH']}"
        with KafkaServer() as kafka:
            done = harness.call(
                # timeout ends the whole group, jobs too.
                ["timeout", "400", "bash", "-c", f"cd '{self.scratch}'\n{self.script()}"],
                env={"KAFKA": kafka.bootstrap, "PATH": path},
                timeout=420,
            )
        self.assertEqual(done.code, 0, done)
        right, _, early = done.stdout.partition("passed\n")
        self.assertIn("fraud-alerts", right)
        verdict = self.verdict(self.scratch / "runs" / "engine")["outputs"]["fraud-alerts"]
        self.assertGreater(verdict["unexpected"], 0, verdict)
        self.assertEqual(verdict["missing"], 0, verdict)
        # Who, which events, and why.
        user = verdict["examples"][0]["key"]
        self.assertRegex(early, rf"(?s)fraud-alerts, unexpected: .*threshold is too low.*{user}")
        self.assertIn("'transactions > 5' is 'transactions > 4': what came for ", early)
        self.assertRegex(early, r"event \d+ \S+ \S+ purchase .*: 4 events, .* -> 5 events, ")


class FlinkSqlTest(EngineCase):
    engine = "flink-sql"
    sql = dependencies.EXAMPLES / "flink-sql" / "pipeline.sql"

    def command(self, inputs: str, outputs: str, *options: object) -> list[str]:
        jar = dependencies.example(self.engine)
        return [
            *[*JAVA, str(jar), str(self.sql)],
            *[server.bootstrap, f"in={inputs}-", f"out={outputs}-", f"name={outputs}"],
            *[str(option) for option in options if "=" in str(option)],
        ]

    def test_right_and_broken(self):
        self.check_right()
        text = self.sql.read_text()
        with self.subTest("another threshold"):
            self.sql = self.scratch / "broken.sql"
            broken = text.replace("transaction_count > 5", "transaction_count > 6")
            self.assertNotEqual(broken, text)
            self.sql.write_text(broken)
            verdict = self.check_broken({"late-alert": ()})["late-alert"]
            self.assert_named(verdict, "fraud-alerts", "missing")
            self.assertEqual(verdict["fraud-alerts"]["unexpected"], 0, verdict)
            late = "'transactions > 5' is 'transactions > 6'"
            self.assert_explained(verdict, "fraud-alerts", late)
            self.assert_right({"outputs": verdict}, (*STATELESS, "purchase-aggregates"))

    def test_windows_that_answer_when_they_close(self):
        """Windows of two seconds instead of a minute, on event time and Flink's watermarks."""
        self.sql = dependencies.EXAMPLES / "flink-sql" / "spend-per-minute.sql"
        rules = self.scratch / "rules.yaml"
        text = self.playload("show", "rules", "spend-per-minute").stdout
        rules.write_text(text.replace("tumbling: 1m, lateness: 5s", "tumbling: 2s, lateness: 1s"))
        settings = ("seconds=2", "lateness=1")
        job = self.start("windows", "windows", *settings)
        # Every partition is to have events in the run's last second.
        start = datetime.datetime.fromtimestamp(int(time.time()) + 4, datetime.timezone.utc)
        instant = start.strftime("%Y-%m-%dT%H:%M:%S.5Z")
        self.playload(*self.feeding("windows", "--start", instant))
        by_rules = ("--rules", rules, "--topic", "spend-per-minute=windows-spend-per-minute")
        self.playload(
            *["verify", self.run_dir, "--from", f"kafka://{server.bootstrap}", *by_rules]
        )
        job.end()
        output = self.verdict(self.run_dir)["outputs"]["spend-per-minute"]
        self.assert_clean(output, "spend-per-minute")
        self.assertGreater(output["expected"], 1000)

        with self.subTest("refunds counted"):
            broken = self.sql.read_text().replace("= 'purchase'", "<> 'gift'")
            self.sql = self.scratch / "broken.sql"
            self.sql.write_text(broken)
            job = self.start("windows", "refunds", *settings)
            topic = "refunds-spend-per-minute"
            harness.wait_until(lambda: end_offsets(topic) >= output["expected"], START_SECONDS)
            self.playload(
                *["verify", self.run_dir, "--from", f"kafka://{server.bootstrap}"],
                *["--rules", rules, "--topic", f"spend-per-minute={topic}", "--timeout", "3s"],
                code=harness.EXIT_VERIFY_FAILED,
            )
            job.end()
            example = self.verdict(self.run_dir)["outputs"]["spend-per-minute"]["examples"][0]
            self.assertEqual(example["flaw"], "wrong")
            refund = [e for e in example["history"] if '"refund"' in e["event"]]
            self.assertIn("counted", refund[0]["rules"][0]["answer"])


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
