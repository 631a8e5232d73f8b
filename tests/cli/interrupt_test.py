"""Ends of a run that nobody planned: Ctrl-C once and twice, a reader that goes away.

The program stands in the environment variable PLAYLOAD. Every wait is for something that the
program does, with a limit; nothing depends on how fast it does it.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PLAYLOAD = os.environ["PLAYLOAD"]
INTERRUPTED = 105
FATES = ("acked", "failed", "unknown", "shed")


class InterruptTest(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-cli-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.run_dir = self.scratch / "run"

    def start(self, *arguments, **options):
        process = subprocess.Popen(
            [PLAYLOAD, "run", *arguments, "--run-dir", str(self.run_dir)],
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", subprocess.DEVNULL),
            stderr=subprocess.PIPE,
            **options,
        )
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def wait_until(self, condition):
        limit = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), limit, "waited in vain")
            time.sleep(0.02)

    def lines(self, topic):
        path = self.scratch / "out" / f"{topic}.ndjson"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def checked_summary(self):
        summary = json.loads((self.run_dir / "summary.json").read_text())
        for topic, counts in summary["topics"].items():
            self.assertEqual(counts["generated"], sum(counts[f] for f in FATES), topic)
        return summary

    def test_each_signal_stops_flushes_and_sums_up(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                shutil.rmtree(self.scratch / "out", ignore_errors=True)
                shutil.rmtree(self.run_dir, ignore_errors=True)
                process = self.start(
                    *["steady", "--rate", "2k", "--duration", "10m", "--to", "file:out", "--quiet"]
                )
                self.wait_until(lambda: self.lines("player-events") > 500)
                process.send_signal(number)
                _, message = process.communicate(timeout=60)
                self.assertEqual(process.returncode, INTERRUPTED, message)
                summary = self.checked_summary()
                self.assertEqual(summary["status"], "interrupted")
                for topic, counts in summary["topics"].items():
                    self.assertEqual(counts["acked"], self.lines(topic), topic)
                    self.assertGreaterEqual(counts["planned"], counts["generated"], topic)
                # Digest and expectation are those of what was sent.
                self.assertIsNotNone(summary["digest"])
                self.assertEqual(
                    summary["expected"]["purchase-aggregates"], self.lines("purchase-events")
                )
                manifest = json.loads((self.run_dir / "manifest.json").read_text())
                self.assertTrue(manifest["finished"])
                sent = sum(self.lines(topic) for topic in summary["topics"])
                self.assertEqual(manifest["destinations"][0]["end"], sent)

    def test_the_second_ctrl_c_does_not_wait(self):
        # A reader that does not read: events are accepted that cannot be written.
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        process = self.start(
            *["steady", "--rate", "50k", "--duration", "10m", "--to", "stdout"],
            *["--drain-timeout", "10m"],
            stdout=write_end,
        )
        os.close(write_end)
        self.wait_until((self.run_dir / "manifest.json").exists)
        # The pipe is full once nothing more goes in.
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        # It says that it is flushing; that can take ten minutes, or less once more asked for.
        for line in process.stderr:
            if b"interrupted" in line:
                break
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)
        summary = self.checked_summary()
        self.assertEqual(summary["status"], "interrupted")

    def test_ctrl_c_while_it_waits_for_its_start(self):
        process = self.start(
            *["steady", "--start", "2100-01-01T00:00:00Z", "--duration", "1s", "--to", "null"]
        )
        self.wait_until((self.run_dir / "manifest.json").exists)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)
        summary = self.checked_summary()
        self.assertEqual(sum(c["planned"] for c in summary["topics"].values()), 0)

    def test_a_background_job_of_a_script_can_be_interrupted(self):
        # A shell starts it with SIGINT ignored.
        process = self.start(
            *["steady", "--rate", "1k", "--duration", "60s", "--to", "null", "--quiet"],
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        self.wait_until((self.run_dir / "manifest.json").exists)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)

    def test_nohup_is_obeyed(self):
        process = self.start(
            *["steady", "--rate", "1k", "--duration", "2s", "--to", "null", "--quiet"],
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
        self.wait_until((self.run_dir / "manifest.json").exists)
        process.send_signal(signal.SIGHUP)
        _, message = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, message)

    def test_a_reader_that_goes_away_is_no_failure(self):
        process = self.start(
            *["steady", "--clock", "virtual", "--events", "1M", "--to", "stdout", "--quiet"],
            stdout=subprocess.PIPE,
        )
        first = process.stdout.readline()
        process.stdout.close()
        message = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 0, message)
        self.assertTrue(json.loads(first)["event_name"])
        summary = self.checked_summary()
        self.assertTrue(summary["destinations"][0]["reader_gone"])
        self.assertLess(summary["destinations"][0]["end"], 1_000_000)

    def test_results_into_a_pipe_that_closes(self):
        done = subprocess.run(
            ["bash", "-c", 'set -o pipefail; "$PLAYLOAD" show scenario launch-day | head -n 1'],
            capture_output=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
