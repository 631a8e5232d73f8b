"""Probes that are woven in: the run's folder alone is enough to make its events again, no thread and no
shard changes them, and with them every built-in scenario but compat catches every mutant of every
built-in rule set that can be caught.

The program stands in the environment variable PLAYLOAD.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

PLAYLOAD = os.environ["PLAYLOAD"]
FIXED = ("--seed", "3", "--start", "2026-01-01T00:00:00Z", "--clock", "virtual", "--quiet")
FILES = ("player-events.ndjson", "purchase-events.ndjson", "server-metrics.ndjson")
MINE = """rule_set: mine
rules:
  - rule: fast
    input: purchase-events
    key: user_data.user_id
    window: {sliding: 5s}
    state: {n: count}
    when: n > 2
    output: alerts
    record: {user: key, n: n}
"""
SCENARIO = """scenario: world
population: {players: 2000, mix: {casual: 0.6, regular: 0.4}}
probes: {rules: rules/mine.yaml, rate: 5}
plan: {rate: 5k}
duration: 20s
"""
# Scenario, rule set, events: enough of them for what goes wrong once in 10,000 to matter, and for the
# windows of the rules. By the scenario's own plan.
WOVEN = (
    ("edges", "dataflow", "1M"),
    ("edges", "velocity", "3M"),
    ("edges", "refund-abuse", "6M"),
    ("edges", "impossible-travel", "9M"),
    ("edges", "level-spike", "5M"),
    ("edges", "sustained-overload", "1M"),
    ("edges", "spend-per-minute", "2M"),
    ("fraud-and-overload", "dataflow", "2M"),
    ("data-faults", "dataflow", "10M"),
    ("data-faults", "spend-per-minute", "10M"),
    ("steady", "dataflow", "20M"),
    ("launch-day", "dataflow", "10M"),
    ("fraud-ring", "dataflow", "10M"),
    ("overload", "dataflow", "10M"),
)


class WeaveTest(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-weave-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)

    def playload(self, *words: str, code: int = 0) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PLAYLOAD")}
        done = subprocess.run([PLAYLOAD, *words], cwd=self.scratch, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def events(self, folder: str) -> list[str]:
        return [hashlib.sha256((self.scratch / folder / name).read_bytes()).hexdigest()
                for name in FILES]

    def run_to(self, name: str, *words: str) -> None:
        self.playload("run", *words, *FIXED, "--to", f"file:{name}", "--run-dir", f"{name}-run")

    def test_the_run_is_made_again_without_the_rules(self):
        rules = self.scratch / "world/rules/mine.yaml"
        rules.parent.mkdir(parents=True)
        rules.write_text(MINE)
        (self.scratch / "world/world.yaml").write_text(SCENARIO)
        self.run_to("first", "world/world.yaml")
        text = json.loads((self.scratch / "first-run/manifest.json").read_text())["scenario"]["text"]
        self.assertIn("probe: woven-players", text)
        self.assertIn("rate: 5\n", text)
        self.assertIn("after 4.999s from 1", text)
        self.assertNotIn("mine.yaml", text)
        known = ("expect", "first-run", "--rules", "./kept.yaml", "--output", "alerts")
        shutil.copy(rules, self.scratch / "kept.yaml")
        alerts = self.playload(*known)
        self.assertGreater(len(alerts.splitlines()), 20)

        # The rules are changed, then gone; the run stays what it was.
        rules.write_text(MINE.replace("n > 2", "n > 7").replace("5s", "9s"))
        self.assertEqual(self.playload(*known), alerts)
        rules.unlink()
        self.assertEqual(self.playload(*known), alerts)
        (self.scratch / "outputs").mkdir()
        (self.scratch / "outputs/alerts.ndjson").write_text(alerts)
        self.playload("verify", "first-run", "--rules", "./kept.yaml", "--from", "file:outputs")
        wrong = alerts.splitlines(keepends=True)
        (self.scratch / "outputs/alerts.ndjson").write_text("".join(wrong[1:]))
        self.playload("verify", "first-run", "--rules", "./kept.yaml", "--from", "file:outputs",
                      code=99)
        # The text of the manifest is a scenario; and as a flag the rules make the same of it.
        (self.scratch / "again.yaml").write_text(text)
        self.run_to("again", "again.yaml")
        self.assertEqual(self.events("again"), self.events("first"))
        bare = SCENARIO.replace("probes: {rules: rules/mine.yaml, rate: 5}\n", "")
        (self.scratch / "bare.yaml").write_text(bare)
        self.run_to("flag", "bare.yaml", "--weave", "./kept.yaml", "--weave-rate", "5")
        self.assertEqual(self.events("flag"), self.events("first"))

    def test_neither_threads_nor_shards_change_an_event(self):
        woven = ("edges", "--weave", "velocity", "--weave", "dataflow", "--weave", "level-spike",
                 "--events", "120000", "--rate", "200")
        self.run_to("one", *woven, "--threads", "1")
        self.run_to("four", *woven, "--threads", "4")
        self.assertEqual(self.events("one"), self.events("four"))
        lines = []
        for shard in range(3):
            self.run_to(f"shard{shard}", *woven, "--shard", f"{shard}/3")
            lines.append({name: (self.scratch / f"shard{shard}" / name).read_text().splitlines()
                          for name in FILES})
        for name in FILES:
            together = sorted(line for shard in lines for line in shard[name])
            whole = (self.scratch / "one" / name).read_text().splitlines()
            self.assertEqual(together, sorted(whole))

    def test_the_plan_says_how_many_and_how_near(self):
        plan = ("plan", "edges", "--weave", "velocity", "--seed", "1", "--events", "2M")
        met = self.playload(*plan)
        self.assertRegex(met, r"probe woven-players +\d+ scripts, [0-9.]+ begun per second")
        self.assertRegex(met, r"edge 10m +met to the millisecond")
        missed = self.playload(*plan, "--rate", "1k")
        self.assertRegex(missed, r"edge 10m +missed by 50ms; at --rate \d+ met to the millisecond")
        clock = self.playload("plan", "edges", "--weave", "level-spike", "--seed", "1",
                              "--events", "2M")
        self.assertRegex(clock, r"edge of each 1m +met to the millisecond")
        short = json.loads(self.playload(*plan, "--rate", "20k", "--json"))
        self.assertEqual(short["edges"],
                         [{"edge": "10m", "of_clock": False, "missed_by_ms": None}])
        self.assertEqual([p["name"] for p in short["probes"]],
                         ["purchases", "percentages", "woven-players"])

    def test_with_them_every_scenario_kills_every_mutant_that_can_be_killed(self):
        # Under a sanitizer everything takes ten times as long.
        for scenario, rules, events in WOVEN[:2] if os.environ.get("SANITIZED") == "1" else WOVEN:
            with self.subTest(scenario=scenario, rules=rules):
                found = json.loads(self.playload(
                    "mutants", scenario, "--weave", rules, "--rules", rules, "--seed", "1",
                    "--events", events, "--timestamp-precision", "ms", "--json"))
                fates = [mutant["fate"] for mutant in found["mutants"]]
                self.assertNotIn("survived", fates)
                self.assertGreater(fates.count("killed"), 12)
                for mutant in found["mutants"]:
                    if mutant["fate"] == "equivalent":
                        self.assertTrue(mutant["why"].startswith("proven"), mutant)


if __name__ == "__main__":
    unittest.main()
