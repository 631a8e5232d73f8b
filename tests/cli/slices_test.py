"""Slices of a long run: with checkpoints, without, and with such as must not be trusted.

The program stands in the environment variable PLAYLOAD.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

PLAYLOAD = os.environ["PLAYLOAD"]
# More than three times the events between two checkpoints.
RUN = ("run", "fraud-ring", "--seed", "3", "--events", "30M", "--rate", "1M", "--players", "20k",
       "--start", "2026-01-01T00:00:00Z", "--clock", "virtual", "--to", "null", "--quiet",
       "--run-dir")


def slices(user: str) -> list[tuple[str, ...]]:
    return [
        ("--user", user),
        ("--user", "server_7", "--events"),
        ("--user", user, "--from", "+25s"),
        ("--from", "2026-01-01T00:00:29.5Z", "--to", "2026-01-01T00:00:29.51Z"),
        ("--from", "+25s", "--to", "+25010ms", "--output", "purchase-aggregates"),
        ("--from", "+17s", "--to", "+17001ms", "--events"),
        ("--user", user, "--from", "+28s", "--explain"),
    ]


class SlicesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-slices-"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.playload(*RUN, "run")
        # Somebody who buys late in the run.
        late = cls.playload("expect", "run", "--from", "+29s", "--to", "+29100ms", "--output",
                            "purchase-aggregates").stdout
        cls.user = json.loads(late.splitlines()[0])["key"]

    @classmethod
    def playload(cls, *words: str) -> subprocess.CompletedProcess:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PLAYLOAD")}
        return subprocess.run([PLAYLOAD, *words], cwd=cls.scratch, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=True)

    def files(self, run: str = "run") -> list[pathlib.Path]:
        return sorted((self.scratch / run / "checkpoints").glob("*"))

    def copy(self, name: str) -> str:
        shutil.copytree(self.scratch / "run", self.scratch / name)
        return name

    def slices(self, run: str) -> tuple[list[str], str]:
        answers = [self.playload("expect", run, *words) for words in slices(self.user)]
        return [a.stdout for a in answers], "".join(a.stderr for a in answers)

    def test_checkpoints_are_there_and_the_manifest_says_so(self):
        files = self.files()
        self.assertGreaterEqual(len(files), 2)
        self.assertTrue(all(f.suffix == ".lanes" for f in files), files)
        self.assertEqual(json.loads((self.scratch / "run/manifest.json").read_text())["checkpoints"],
                         "on")

    def test_they_change_no_byte_of_a_slice(self):
        good, notes = self.slices("run")
        self.assertEqual(notes, "")
        self.assertTrue(all(good), [len(g) for g in good])
        without = self.copy("without")
        shutil.rmtree(self.scratch / without / "checkpoints")
        self.assertEqual(self.slices(without), (good, ""))

        damaged = self.copy("damaged")
        for file in self.files(damaged):
            content = bytearray(file.read_bytes())
            for at in range(200, len(content), len(content) // 9):
                content[at] ^= 0x55
            file.write_bytes(content)
        made, notes = self.slices(damaged)
        self.assertEqual(made, good)
        self.assertIn("not used", notes)
        self.assertIn("damaged", notes)

        short = self.copy("short")
        for file in self.files(short):
            os.truncate(file, file.stat().st_size // 2)
        made, notes = self.slices(short)
        self.assertEqual(made, good)
        self.assertIn("cut off", notes)

    def test_those_of_another_run_are_not_trusted(self):
        self.playload(*RUN, "other", "--seed", "4")
        mixed = self.copy("mixed")
        shutil.rmtree(self.scratch / mixed / "checkpoints")
        shutil.copytree(self.scratch / "other/checkpoints", self.scratch / mixed / "checkpoints")
        made, notes = self.slices(mixed)
        self.assertEqual(made, self.slices("run")[0])
        self.assertIn("of another run", notes)

    def test_none_on_request_and_the_plan_knows(self):
        self.playload(*RUN, "off", "--checkpoints", "off")
        self.assertEqual(self.files("off"), [])
        self.assertEqual(json.loads((self.scratch / "off/manifest.json").read_text())["checkpoints"],
                         "none: --checkpoints off")
        plan = ("plan", *RUN[1:-2], "--json")
        on = json.loads(self.playload(*plan).stdout)
        off = json.loads(self.playload(*plan, "--checkpoints", "off").stdout)
        size = sum(f.stat().st_size for f in self.files())
        self.assertAlmostEqual(on["checkpoints"]["disk_bytes"], size, delta=size / 3)
        self.assertEqual(off["checkpoints"]["disk_bytes"], 0)
        # A copy of the lanes and what comes of it: 14 and 7 bytes a player.
        large = [json.loads(self.playload(*plan, "--players", "1M", "--events", "1G",
                                           *more).stdout)["memory_bytes"]
                 for more in ((), ("--checkpoints", "off"))]
        self.assertAlmostEqual(large[0] - large[1], 21e6, delta=3e6)

    def test_a_line_of_a_history_has_the_state_before_and_after(self):
        text = self.playload("expect", "run", "--user", self.user, "--output", "fraud-alerts",
                             "--explain").stdout
        lines = text.splitlines()
        self.assertRegex(lines[0], r"^event \d+ 2026-01-01T00:00:\d\d(\.\d+)?Z purchase-events "
                         r"purchase [A-Z]{3} [0-9.]+: 0 events -> 1 event, [0-9.]+, [A-Z]{3}; "
                         r"causes purchase-aggregates$")


if __name__ == "__main__":
    unittest.main()
