"""What `playload plan` announces as memory is what a run of the same flags has resident.

The program stands in the environment variable PLAYLOAD. SANITIZED=1: the build has sanitizers,
whose own memory is many times ours; nothing is compared then, which exit code 77 says.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

PLAYLOAD = os.environ["PLAYLOAD"]
SKIPPED = 77
MIB = 1 << 20
# bench/generate/memory.py holds it to 10 %; the rest is for how another kernel hands out pages.
TOLERANCE, PAGES = 0.10, 2 * MIB
MAX = ("--rate", "max", "--threads", "1")

CASES = {
    "small": (*MAX, "--players", "10k", "--events", "2M", "--to", "null"),
    "a million players": (*MAX, "--players", "1M", "--events", "6M", "--to", "null"),
    "paced": ("--rate", "100k", "--duration", "2s", "--to", "null"),
    "files": (*MAX, "--events", "500k", "--to", "file:out"),
    "Kafka": ("--rate", "10k", "--duration", "3s", "--to", "kafka://embedded"),
}


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("PLAYLOAD")}


class MemoryTest(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-memory-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)

    def plan(self, *flags: str) -> subprocess.CompletedProcess:
        return subprocess.run([PLAYLOAD, "plan", "steady", "--seed", "1", *flags], cwd=self.scratch,
                              env=environment(), capture_output=True, text=True, timeout=120,
                              check=True)

    def peak(self, *flags: str) -> int:
        """What a run had resident at most."""
        process = subprocess.Popen(
            [PLAYLOAD, "run", "steady", "--seed", "1", "--quiet", *flags], cwd=self.scratch,
            env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        peak = 0
        deadline = time.monotonic() + 120
        while process.poll() is None:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
            peak = int(found[1]) << 10 if found else peak
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.01)
        self.assertEqual(process.returncode, 0)
        return peak

    def test_what_is_announced_is_what_is_resident(self):
        for name, flags in CASES.items():
            with self.subTest(name):
                announced = json.loads(self.plan("--json", *flags).stdout)["memory_bytes"]
                peak = self.peak(*flags)
                self.assertLess(abs(announced - peak), TOLERANCE * peak + PAGES,
                                f"{announced / MIB:.1f} announced, {peak / MIB:.1f} MiB resident")

    def test_what_may_come_on_top_is_named_too(self):
        for to, more in (("null", False), ("kafka://embedded", True), ("stdout", True),
                         ("http://127.0.0.1:0", True)):
            with self.subTest(to):
                flags = ("--rate", "1k", "--duration", "5s", "--to", to)
                plan = json.loads(self.plan("--json", *flags).stdout)
                self.assertEqual(plan["memory_at_most_bytes"] > plan["memory_bytes"], more)
                self.assertEqual("at most" in self.plan(*flags).stdout, more)


if __name__ == "__main__":
    if os.environ.get("SANITIZED") == "1":
        print("a sanitized build: nothing was compared")
        sys.exit(SKIPPED)
    unittest.main()
