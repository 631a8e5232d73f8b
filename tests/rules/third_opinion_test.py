"""`expect` and `verify --rules` against a third opinion (third_opinion.py, third_verdict.py).

The program stands in the environment variable PLAYLOAD. A failure names its seed; --seeds N --first
SEED runs other and more ones, of each kind, and what else stands there goes to unittest:

    PLAYLOAD=build/release/playload python3 tests/rules/third_opinion_test.py --seeds 99 --first 50
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import random_rule_sets
import third_opinion
import third_verdict

PLAYLOAD = os.environ["PLAYLOAD"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "scenarios" / "rules").glob("*.yaml"))
SCENARIOS = sorted(path.stem for path in (ROOT / "scenarios" / "data").glob("*.yaml"))
DONE, VERIFY_FAILED, BAD_INPUT = 0, 99, 104

seeds = range(12)


def playload(*arguments: object, codes: tuple[int, ...] = (DONE,)) -> subprocess.CompletedProcess:
    command = [PLAYLOAD, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, timeout=120, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode in codes, f"{' '.join(command)}: {done.returncode}, {done.stderr!r}"
    return done


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-third-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.run_dir = self.scratch / "run"
        self.rules = self.scratch / "rules.yaml"

    def stream(self, scenario: object, seed: int, *options: object) -> list[bytes]:
        """The lines of a run, in order of arrival; its folder is self.run_dir."""
        shutil.rmtree(self.run_dir, ignore_errors=True)
        plan = ["--clock", "virtual", "--start", "2026-01-01T00:00:30Z", "--threads", 1]
        where = ["--to", "stdout", "--run-dir", self.run_dir, "--quiet"]
        done = playload("run", scenario, "--seed", seed, *plan, *options, *where)
        return done.stdout.splitlines()

    def random_stream(self, rng: random.Random, seed: int) -> list[bytes]:
        scenario = self.scratch / "scenario.yaml"
        scenario.write_text(random_rule_sets.random_scenario(rng), encoding="utf-8")
        precision = rng.choice(["s", "ms", "us", "naive"])
        options = ["--events", rng.choice([100, 300, 600]), "--timestamp-precision", precision]
        return self.stream(scenario, seed, *options)

    def check_expected(self, lines: list[bytes], text: str, rules: object) -> int:
        """How many outputs there were."""
        want = list(third_opinion.RuleSet(text).outputs(lines))
        done = playload("expect", self.run_dir, "--rules", rules, "--threads", 1)
        got = done.stdout.decode().splitlines()
        for number, (line, output) in enumerate(zip(got, want)):
            if not third_opinion.says(line, output):
                self.fail(f"output {number} of\n{text}\ngot  {line}\nwant {output.line()}")
        self.assertEqual(len(got), len(want), f"outputs of\n{text}")
        return len(want)


class ExpectTest(Case):
    def test_shipped_rule_sets_over_shipped_scenarios(self) -> None:
        outputs = dict.fromkeys(SHIPPED, 0)
        for number, scenario in enumerate(SCENARIOS):
            # Some see many events of a user within seconds, others windows that close.
            rate, precision = [(5, "ms"), (50, "s"), (2, "s"), (500, "ms")][number % 4]
            with self.subTest(scenario=scenario, seed=seeds[0]):
                options = ["--events", 600, "--rate", rate, "--timestamp-precision", precision]
                lines = self.stream(scenario, seeds[0], *options)
                for path in SHIPPED:
                    outputs[path] += self.check_expected(lines, path.read_text(), path.stem)
        silent = [path.stem for path, count in outputs.items() if count == 0]
        # Ten levels within a minute and two currencies within an hour are rare.
        self.assertLessEqual(set(silent), {"level-spike", "impossible-travel"})

    def test_random_rule_sets_over_random_streams(self) -> None:
        for seed in seeds:
            rng = random.Random(f"expect {seed}")
            lines = self.random_stream(rng, seed)
            for number in range(6):
                text = random_rule_sets.random_rule_set(rng)
                self.rules.write_text(text, encoding="utf-8")
                with self.subTest(seed=seed, rule_set=number):
                    self.check_expected(lines, text, self.rules)


class VerifyTest(Case):
    def test_random_damage(self) -> None:
        for seed in seeds:
            rng = random.Random(f"verify {seed}")
            lines = self.random_stream(rng, seed)
            for number in range(4):
                text = random_rule_sets.random_rule_set(rng, most=4)
                self.rules.write_text(text, encoding="utf-8")
                with self.subTest(seed=seed, rule_set=number):
                    self.check_verdict(rng, lines, text)

    def check_verdict(self, rng: random.Random, lines: list[bytes], text: str) -> None:
        rule_set = third_opinion.RuleSet(text)
        outputs = list(rule_set.outputs(lines))
        delivery = rng.choice(["exactly-once", "exactly-once", "at-least-once"])
        folder = self.scratch / "outputs"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        topics = []
        for name in sorted({rule.output for rule in rule_set.rules}):
            topic = third_verdict.Topic(name, rule_set, outputs)
            records = third_verdict.right_outputs(topic, rng)
            done = [third_verdict.damage(rng, records) for _ in range(rng.choice([0, 1, 1, 2, 4]))]
            topics.append((topic, records, done))
            written = [third_verdict.line(rng, name, record) + "\n" for record in records]
            (folder / f"{name}.ndjson").write_text("".join(written), encoding="utf-8")
        options = ["--delivery", delivery, "--no-causes", "--quiet", "--threads", 1]
        source = ["--rules", self.rules, "--from", f"file:{folder}"]
        codes = (DONE, VERIFY_FAILED)
        code = playload("verify", self.run_dir, *source, *options, codes=codes).returncode
        verdict = json.loads((self.run_dir / "verdict.json").read_text())
        passed = True
        for topic, records, done in topics:
            of_topic = verdict["outputs"][topic.name]
            got = {name: of_topic.get(name, 0) for name in third_verdict.CLASSES}
            count = topic.verdict(records, delivery)
            want = {name: count[name] for name in third_verdict.CLASSES}
            what = f"{topic.name} {done} {delivery} of\n{text}\ngot  {got}\nwant {want}"
            if topic.sequence and (len(done) > 1 or "value" in done):
                # Which of several flaws stands for which one that is missing is not said; and a
                # value may have become that of another record.
                self.assertEqual(got["expected"], want["expected"], what)
                self.assertEqual(got["matched"], want["matched"], what)
                self.assertLessEqual(abs(got["wrong"] - want["wrong"]), len(done), what)
                seen = sum(got.values()) - got["expected"] - got["missing"]
                self.assertEqual(seen, len(records), what)
            else:
                self.assertEqual(got, want, what)
            flaws = ("missing", "wrong", "unexpected", "duplicate", "unreadable")
            passed = passed and not any(want[name] for name in flaws)
        self.assertEqual(code == DONE, passed, text)
        self.assertEqual(verdict["passed"], passed)

    def test_what_was_put_out_in_another_order(self) -> None:
        """Of a key with so many outputs that a table of all pairs of them would not fit."""
        self.rules.write_text(
            "rule_set: long\n"
            "rules:\n"
            "  - {rule: n, input: server-metrics, key: parameters.server_id, state: {n: count},\n"
            "     output: out, record: {n: n}}\n"
        )
        self.stream("compat", 1, "--events", 30000, "--rate", "1k")
        rows = playload("expect", self.run_dir, "--rules", self.rules).stdout.splitlines()
        mine = [at for at, row in enumerate(rows) if b'"server_1"' in row]
        self.assertGreater(len(mine), 3000)
        first, last = mine[10], mine[-10]
        rows[first], rows[last] = rows[last], rows[first]
        folder = self.scratch / "outputs"
        folder.mkdir()
        (folder / "out.ndjson").write_bytes(b"\n".join(rows) + b"\n")
        command = ["verify", self.run_dir, "--rules", self.rules, "--from", f"file:{folder}"]
        playload(*command, "--no-causes", codes=(VERIFY_FAILED,))
        verdict = json.loads((self.run_dir / "verdict.json").read_text())["outputs"]["out"]
        self.assertEqual((verdict["wrong"], verdict["matched"]), (2, len(rows) - 2))


JUNK = [
    "", "~", "true", "-1", "1e999", "99999999999999999999", "[]", "{a: b}", '"', "'", "|", "&a x",
    "*a", "!!str x", "%", "-", ": :", "0x7f", "1s", "-1s", "nan", "a.b.c", "event", "key", "\u00fc",
    "count where", "sum", "((((", "'\"x'", "1 ==", "not", "n n", "<<", "4294967296", "1.", "1--",
]  # fmt: skip


def broken(rng: random.Random, text: str) -> bytes:
    """A rule set with one thing wrong, or one that is right by chance."""
    rows = text.split("\n")
    at = rng.randrange(1, len(rows) - 1)
    kind = rng.choice(["value", "key", "twice", "gone", "indent", "tab", "case", "byte", "cut"])
    if kind == "value":
        rows[at] = f"{rows[at].split(': ')[0]}: {rng.choice(JUNK)}"
    elif kind == "key":
        rows[at] = re.sub(r"([a-z_]+):", rng.choice([r"\1x:", r"x\1:", "<<:", ":"]), rows[at], 1)
    elif kind == "twice":
        rows.insert(at, rows[at])
    elif kind == "gone":
        del rows[at]
    elif kind == "indent":
        rows[at] = rng.choice([" " + rows[at], rows[at][1:], "\t" + rows[at]])
    elif kind == "tab":
        rows[at] = rows[at].replace("  ", "\t")
    elif kind == "case":
        rows[at] = rows[at].swapcase()
    data = bytearray("\n".join(rows).encode())
    if kind == "byte":
        data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == "cut":
        del data[rng.randrange(len(data)) :]
    return bytes(data)


class RefusedTest(Case):
    def refusal(self, data: bytes) -> str | None:
        self.rules.write_bytes(data)
        done = playload("show", "rules", self.rules, codes=(DONE, BAD_INPUT))
        if done.returncode == DONE:
            self.assertEqual(done.stdout, data)
            return None
        message = done.stderr.decode()
        self.assertTrue(message.startswith(f"playload: {self.rules}:"), message)
        self.assertEqual(message.count("\n"), 1, message)
        self.assertTrue(message.rstrip("\n").isprintable(), message)
        return message

    def test_random_damage_is_refused_in_a_line_or_means_something(self) -> None:
        refused = 0
        for seed in range(seeds[0], seeds[0] + 10 * len(seeds)):
            rng = random.Random(f"refuse {seed}")
            with self.subTest(seed=seed):
                data = broken(rng, random_rule_sets.random_rule_set(rng, most=2))
                message = self.refusal(data)
                if message is None:
                    third_opinion.RuleSet(data.decode())
                    continue
                refused += 1
                self.assertRegex(message, r"rules\.yaml:[1-9][0-9]*: .{5}")
        self.assertGreater(refused, len(seeds))

    def test_files_that_are_none(self) -> None:
        good = SHIPPED[0].read_bytes()
        windows = good.replace(b"\n", b"\r\n")
        for data in (good, b"\xef\xbb\xbf" + good, windows, good.rstrip(b"\n")):
            self.assertIsNone(self.refusal(data), data)
        random_bytes = random.Random(1).randbytes(100_000)
        for data in (
            b"", b"\n", b"# nothing\n", b"\0", random_bytes, good + b"---\n" + good, b"[" * 100_000,
            b"{" * 100_000, b"- " * 100_000, b"a: " * 100_000, good.decode().encode("utf-16"),
            good + b"#" * 10_000_000, b"rules: &a [*a]\n", b"- a\n", b"hello\n",
        ):  # fmt: skip
            self.assertIsNotNone(self.refusal(data), data[:100])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--seeds", type=int, default=len(seeds))
    parser.add_argument("--first", type=int, default=seeds[0])
    arguments, others = parser.parse_known_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    unittest.main(argv=[sys.argv[0], *others])
