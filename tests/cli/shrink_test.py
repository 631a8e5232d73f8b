"""verify --shrink, end to end: broken pipelines become scenarios of a few events, whose files show
the failure again by the commands in their heads, and which a right pipeline passes.

The program stands in the environment variable PLAYLOAD.
"""

import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PLAYLOAD = pathlib.Path(os.environ["PLAYLOAD"]).resolve()
PIPELINE = pathlib.Path(__file__).resolve().parent / "shrink_pipeline.py"
FAILED, BAD, INTERRUPTED = 99, 104, 105


class ShrinkTest(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-shrink-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.temporary = self.scratch / "tmp"
        self.temporary.mkdir()
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("PLAYLOAD")}
        self.environment["PATH"] = f"{PLAYLOAD.parent}:{self.environment['PATH']}"
        self.environment["TMPDIR"] = str(self.temporary)

    def playload(self, *words, code=0, **variables):
        done = subprocess.run(
            [PLAYLOAD, *words], cwd=self.scratch, env={**self.environment, **variables},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    @staticmethod
    def pipeline(broken):
        return f"{shlex.quote(sys.executable)} {shlex.quote(str(PIPELINE))} {broken}"

    def failed_run(self, broken, *words):
        """A run whose pipeline was broken: run/ and outputs/, of 20,000 events."""
        self.playload("run", "fraud-and-overload", "--seed", "1", "--rate", "2k", "--events", "20k",
                      "--start", "2026-01-01T00:00:00Z", "--clock", "virtual", "--to",
                      "file:events", "--run-dir", "run", "--quiet", *words)
        (self.scratch / "outputs").mkdir()
        self.sh(self.pipeline(broken), PLAYLOAD_EVENTS_DIR="events", PLAYLOAD_OUTPUTS_DIR="outputs")

    def sh(self, script, code=0, **variables):
        done = subprocess.run(
            ["sh", "-ec", script], cwd=self.scratch, env={**self.environment, **variables},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def shrink(self, command, *words, code=FAILED):
        return self.playload("verify", "run", "--from", "file:outputs", "--shrink", "small.yaml",
                             "--pipeline", command, *words, code=code)

    def small(self):
        return (self.scratch / "small.yaml").read_text(encoding="ascii")

    def commands(self):
        """Those of the file's head, as one script."""
        head = [line for line in self.small().splitlines() if line.startswith("#")]
        last = max(i for i, line in enumerate(head) if line == "#")
        return "\n".join(line.removeprefix("#   ") for line in head[last + 1:])

    def check_again(self, broken, failure):
        """The commands of the head show it; with the right pipeline in its place nothing fails."""
        script = self.commands()
        again = self.sh(script, code=FAILED)
        output, flaw = failure.split("/")
        self.assertIn(f"\n{output}, {flaw}: ", again.stdout)
        self.assertIn(broken, script)
        shutil.rmtree(self.scratch / "small-again")
        right = script.replace(self.pipeline(broken), self.pipeline("right"))
        self.assertNotEqual(right, script)
        # It makes files that the wrong one may not have made, and the other way round.
        right = re.sub(r"\n(touch .*\n)?(?=playload verify)",
                       "\ncd small-again/outputs; touch player-session-summaries.ndjson "
                       "purchase-aggregates.ndjson server-alerts.ndjson fraud-alerts.ndjson; "
                       "cd ../..\n", right)
        self.assertIn("\npassed\n", self.sh(right).stdout)

    def events(self):
        return int(re.search(r"^# ([\d,]+) events? of", self.small(), re.M)[1].replace(",", ""))

    def test_one_purchase_too_early(self):
        self.failed_run("one-too-early")
        done = self.shrink(self.pipeline("one-too-early"), "--shrink-failure",
                           "fraud-alerts/unexpected")
        # Five purchases and whatever else the first of the players does.
        self.assertLessEqual(self.events(), 12)
        self.assertIn("events            20,000 -> ", done.stdout)
        self.assertIn("players           4,000 -> 1\n", done.stdout)
        self.assertIn("purchase-events purchase", done.stdout)  # the history of the user
        self.assertIn("It showed in all of 3 more re-runs.", done.stdout)
        self.assertRegex(done.stderr, r"attempt 0: the run again, 20,000 events")
        self.assertRegex(done.stderr, r"attempt 1: .*: does not show it")
        self.assertNotIn("personas:", self.small().replace("    personas:", ""))
        self.assertEqual(list(self.temporary.iterdir()), [])
        self.check_again("one-too-early", "fraud-alerts/unexpected")

    def test_refunds_that_are_ignored(self):
        self.failed_run("no-refunds", "--id-prefix", "r7", "--timestamp-precision", "ms")
        self.shrink(self.pipeline("no-refunds"), "--only", "purchase-aggregates")
        self.assertLessEqual(self.events(), 12)
        script = self.commands()
        for words in ("--id-prefix r7", "--timestamp-precision ms", "--only purchase-aggregates"):
            self.assertIn(words, script)
        self.check_again("no-refunds", "purchase-aggregates/missing")

    def test_an_alert_at_exactly_80_percent(self):
        self.failed_run("server-ge-80")
        self.shrink(self.pipeline("server-ge-80"), "--only", "server-alerts")
        self.assertLessEqual(self.events(), 3)
        self.assertEqual(len(re.findall(r"^  - overload: ", self.small(), re.M)), 1)
        self.check_again("server-ge-80", "server-alerts/unexpected")

    def test_a_failure_that_needs_two_incidents(self):
        self.failed_run("deaf-under-load")
        self.shrink(self.pipeline("deaf-under-load"), "--only", "fraud-alerts", "--delivery",
                    "exactly-once")
        text = self.small()
        self.assertEqual(len(re.findall(r"^  - overload: ", text, re.M)), 1, text)
        self.assertLessEqual(len(re.findall(r"^  - ", text, re.M)), 2, text)
        self.assertLessEqual(self.events(), 40)
        self.check_again("deaf-under-load", "fraud-alerts/missing")

    def test_what_passed_is_not_shrunk(self):
        self.failed_run("right")
        for output in ("server-alerts",):
            self.assertTrue((self.scratch / "outputs" / f"{output}.ndjson").exists())
        done = self.shrink(self.pipeline("right"), code=0)
        self.assertIn("nothing to shrink", done.stderr)
        self.assertFalse((self.scratch / "small.yaml").exists())

    def refused(self, command, *words):
        """The message of a shrinking that does not begin."""
        done = self.shrink(command, *words, code=BAD)
        self.assertFalse((self.scratch / "small.yaml").exists())
        self.assertEqual(list(self.temporary.iterdir()), [])
        return done.stderr

    def test_commands_that_do_not_show_it(self):
        self.failed_run("one-too-early")
        said = self.refused(self.pipeline("right"))
        self.assertIn("does not show fraud-alerts/unexpected nor any other failure", said)
        said = self.refused(self.pipeline("no-refunds"))
        self.assertIn("but ", said)
        said = self.refused("echo why not; exit 3")
        self.assertIn("ended with exit code 3", said)
        self.assertIn("why not", said)
        said = self.refused("sleep 60", "--pipeline-timeout", "200ms")
        self.assertIn("did not end within 200ms", said)
        said = self.refused("true")
        self.assertIn("put out nothing", said)
        self.assertIn("fraud-alerts.ndjson", said)

    def test_flags_that_make_no_sense(self):
        self.failed_run("one-too-early")
        command = self.pipeline("one-too-early")
        verify = ("verify", "run", "--from", "file:outputs")
        for words, said in (
            (("--shrink", "small", "--pipeline", "true"), "must end in .yaml"),
            (("--shrink", "no/such/small.yaml", "--pipeline", "true"), "no file can be made"),
            (("--shrink", "small.yaml"), "needs --pipeline"),
            (("--pipeline", "true"), "--pipeline: is for --shrink"),
            (("--keep", "kept"), "--keep: is for --shrink"),
            (("--shrink", "small.yaml", "--pipeline", command, "--shrink-attempts", "0"),
             "--shrink-attempts"),
            (("--shrink", "small.yaml", "--pipeline", command, "--shrink-failure",
              "fraud-alerts/missing"), "is no failure of this run"),
            (("--shrink", "small.yaml", "--pipeline", command, "--inputs"), "--inputs"),
        ):
            self.assertIn(said, self.playload(*verify, *words, code=BAD).stderr)
        (self.scratch / "small.yaml").write_text("mine\n")
        done = self.playload(*verify, "--shrink", "small.yaml", "--pipeline", command, code=BAD)
        self.assertIn("is there already", done.stderr)
        self.assertEqual(self.small(), "mine\n")

    def test_a_failure_that_comes_and_goes_is_told(self):
        self.failed_run("one-too-early")
        # Wrong in the first attempts, then in every other one.
        good, bad = self.pipeline("right"), self.pipeline("one-too-early")
        command = f"if test $((PLAYLOAD_ATTEMPT % 2)) = 0; then {bad}; else {good}; fi"
        done = self.shrink(command, "--shrink-attempts", "30", "--quiet")
        self.assertRegex(done.stdout, r"IT SHOWS ONLY SOMETIMES: in [12] of 3 more re-runs")
        self.assertIn("IT SHOWS ONLY SOMETIMES", self.small())

    def test_so_many_attempts_and_all_of_them_kept(self):
        self.failed_run("one-too-early")
        done = self.shrink(self.pipeline("one-too-early"), "--shrink-attempts", "8", "--keep",
                           "kept")
        self.assertIn("shrunk in 8 attempts", done.stdout)
        self.assertIn("The attempts were used up", done.stdout)
        # The run again, eight, and three times the smallest.
        self.assertEqual(sorted(int(p.name) for p in (self.scratch / "kept").iterdir()),
                         list(range(12)))
        for name in ("events", "outputs", "run", "output.txt"):
            self.assertTrue((self.scratch / "kept/8" / name).exists(), name)

    def test_ctrl_c_writes_the_smallest_so_far(self):
        self.failed_run("one-too-early")
        # From the tenth attempt on it hangs.
        command = (f"if test $PLAYLOAD_ATTEMPT -ge 10; then sleep 600 & echo $! >{self.scratch}/pid;"
                   f" wait; fi; {self.pipeline('one-too-early')}")
        process = subprocess.Popen(
            [PLAYLOAD, "verify", "run", "--from", "file:outputs", "--shrink", "small.yaml",
             "--pipeline", command, "--pipeline-timeout", "10m"],
            cwd=self.scratch, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        pid = self.scratch / "pid"
        limit = time.monotonic() + 120
        while not (pid.exists() and pid.read_text().strip()):
            self.assertLess(time.monotonic(), limit)
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED, out + err)
        self.assertIn("Ended early (interrupted): there may be a smaller one.", out)
        self.assertLess(self.events(), 20_000)
        self.assertEqual(list(self.temporary.iterdir()), [])
        # Nothing of the command is left.
        status = pathlib.Path("/proc", pid.read_text().strip(), "stat")
        limit = time.monotonic() + 30
        while status.exists() and ") Z " not in status.read_text():
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.02)

    def test_other_rules(self):
        self.playload("run", "fraud-ring", "--seed", "1", "--events", "20k", "--start",
                      "2026-01-01T00:00:00Z", "--clock", "virtual", "--to", "file:events",
                      "--run-dir", "run", "--quiet")
        (self.scratch / "outputs").mkdir()
        # Nothing is put out at all: the expected ones are missing.
        (self.scratch / "outputs/velocity-alerts.ndjson").touch()
        outputs = self.playload("expect", "run", "--rules", "velocity").stdout.splitlines()
        self.assertTrue(outputs)
        name = re.search(r'"output":"([^"]+)"', outputs[0])[1]
        (self.scratch / "outputs" / f"{name}.ndjson").touch()
        self.shrink("true", "--rules", "velocity")
        self.assertIn("--rules velocity", self.commands())
        self.assertLess(self.events(), 100)
        self.sh(self.commands(), code=FAILED)


if __name__ == "__main__":
    unittest.main()
