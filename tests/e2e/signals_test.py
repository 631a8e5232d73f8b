"""A run that is told to stop: flushed, summed up, exit code 105. No server."""

import json
import os
import signal
import unittest

import harness


class SignalsTest(harness.Case):
    def stopped_by(self, name: str, *signals: signal.Signals) -> dict:
        """A run into files that gets these signals; its summary."""
        run_dir, out = self.scratch / f"{name}.run", self.scratch / name
        with self.started(
            *["run", "steady", "--seed", "1", "--rate", "5k", "--duration", "60s"],
            *["--to", f"file:{out}", "--run-dir", run_dir],
        ) as run:
            harness.wait_until(
                lambda: out.exists() and sum(path.stat().st_size for path in out.iterdir()) > 0
            )
            for number in signals:
                run.process.send_signal(number)
            self.assertEqual(run.wait(30), harness.EXIT_INTERRUPTED, run.output())
        summary = self.summary(run_dir)
        self.assertEqual(summary["status"], "interrupted")
        self.assertEqual(summary["exit_code"], harness.EXIT_INTERRUPTED)
        for topic in harness.INPUTS:
            rows = harness.lines(out / f"{topic}.ndjson")
            self.assertEqual(summary["topics"][topic]["acked"], len(rows), topic)
            self.assertTrue(all(json.loads(row) for row in rows))
        return summary

    def test_each_signal_stops_a_run_in_good_order(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                summary = self.stopped_by(number.name, number)
                for topic, counts in summary["topics"].items():
                    self.assertEqual(counts["acked"], counts["generated"], topic)
                # What was sent is known, so what must come of it is known too.
                run_dir = self.scratch / f"{number.name}.run"
                expected = self.playload("expect", run_dir, "--output", "purchase-aggregates")
                purchases = summary["topics"]["purchase-events"]["acked"]
                self.assertEqual(len(expected.stdout.splitlines()), purchases)

    def test_a_second_signal_ends_it_at_once_still_with_counts(self):
        self.stopped_by("twice", signal.SIGINT, signal.SIGINT)


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
