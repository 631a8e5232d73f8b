"""--to kafka://embedded: a broker inside the program, which others can look into while it runs."""

import json
import os
import unittest

import harness


class EmbeddedTest(harness.Case):
    def test_kcat_looks_in_during_the_run(self):
        with self.started(
            *["run", "fraud-and-overload", "--rate", "2k", "--duration", "60s"],
            *["--to", "kafka://embedded", "--run-dir", self.scratch / "run"],
        ) as run:
            bootstrap = run.wait_for(r"\b127\.0\.0\.1:\d+\b")[0]
            for topic in harness.INPUTS:
                with self.subTest(topic=topic):
                    command = ["kcat", "-q", "-b", bootstrap, "-C", "-t", topic, "-c", "20"]
                    done = harness.call([*command, "-f", "%k\t%s\n"], timeout=60)
                    self.assertEqual(done.code, 0, done)
                    rows = done.stdout.splitlines()
                    self.assertEqual(len(rows), 20)
                    for row in rows:
                        key, value = row.split("\t")
                        self.assertEqual(key, harness.entity(topic, json.loads(value)))
            run.interrupt()
            self.assertEqual(run.wait(30), harness.EXIT_INTERRUPTED, run.output())
        self.summary(self.scratch / "run")

    def test_the_quickstarts_run(self):
        done = self.playload(
            *["run", "fraud-and-overload", "--rate", "20k", "--duration", "8s", "--seed", "7"],
            *["--to", "kafka://embedded", "--pipeline", "--verify"],
            *["--run-dir", self.scratch / "run"],
        )
        verdict = self.verdict(self.scratch / "run")
        self.assertTrue(verdict["passed"], done)
        for output in harness.OUTPUTS:
            self.assert_clean(verdict["outputs"][output], output)
            self.assertGreater(verdict["outputs"][output]["expected"], 0, output)


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
