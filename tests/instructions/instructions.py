"""How many instructions an event costs, part by part, and the table of what it should be.

Each part runs under callgrind at two lengths; the difference, per event, is free of start-up. The
count is the same from run to run to within 0.1 %, so a table of figures can be held to.

POLICY
1. A part that costs more than the table says by more than TOLERANCE is a regression: find out why.
2. One that costs less by more than that is an improvement: take it into the table, so that it is
   not lost again unseen.
3. Either change of the table is made by tests/instructions/update, in the commit that causes it,
   which says why.

Figures belong to a compiler, its flags and the CPU that the program sees. valgrind shows a CPU of its
own making: AVX2 where the real one has it, never AVX-512; so what is counted may be another code
path than the one that runs without it.
"""

import os
import pathlib
import re
import subprocess
import tempfile

TABLE = pathlib.Path(__file__).resolve().parent / "figures.txt"
TOLERANCE = 0.03
UNIT = 65_536  # counted_job's
LENGTHS = (8 * UNIT, 24 * UNIT)  # events
TIMEOUT = 280

PARTS = {
    "simulate": "players, servers and the fraud rule into records",
    "encode": "records into lines",
    "digest": "a stream of records, less simulate: digest, tally, hand-over",
    "whole": "playload run steady --players 10k --threads 1 --clock virtual --to null",
}

HEADER = """\
# Instructions an event, counted by callgrind; tests/instructions/update makes them anew, and
# instructions.py has the policy. Figures hold for one compiler, its flags, and CPU.
"""


class CannotCount(Exception):
    pass


class Counter:
    def __init__(self, playload: str, job: str, valgrind: str):
        self.playload = playload
        self.job = job
        self.valgrind = valgrind

    def key(self, under_valgrind: bool) -> str:
        """The build and the CPU."""
        front = [self.valgrind, "-q", "--tool=none"] if under_valgrind else []
        return self._run([*front, self.job, "key"]).strip()

    def count(self, part: str) -> float:
        if part == "digest":
            return self._per_event("records") - self._per_event("simulate")
        return self._per_event(part)

    def _per_event(self, part: str) -> float:
        counts = [self._callgrind(part, length) for length in LENGTHS]
        return (counts[1] - counts[0]) / (LENGTHS[1] - LENGTHS[0])

    def _callgrind(self, part: str, events: int) -> int:
        with tempfile.TemporaryDirectory(prefix="playload-counted-") as scratch:
            out = pathlib.Path(scratch, "callgrind.out")
            command = [self.job, part, str(events)]
            if part == "whole":
                command = [self.playload, "run", "steady", "--seed", "1", "--players", "10k"]
                command += ["--threads", "1", "--clock", "virtual", "--rate", "1M", "--to", "null"]
                command += ["--start", "2026-01-01T00:00:00Z", "--events", str(events), "--quiet"]
                command += ["--run-dir", f"{scratch}/run"]
            self._run([self.valgrind, "-q", "--tool=callgrind", f"--callgrind-out-file={out}",
                       *command])
            totals = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)
            if totals is None:
                raise CannotCount(f"callgrind gave no total of {' '.join(command)}")
            return int(totals[1])

    @staticmethod
    def _run(command: list[str]) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PLAYLOAD")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False,
                              stdin=subprocess.DEVNULL, env=environment)
        if done.returncode != 0:
            raise CannotCount(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout


def read_table() -> dict[str, dict[str, float]]:
    """Key -> part -> instructions an event."""
    table: dict[str, dict[str, float]] = {}
    figures: dict[str, float] = {}
    for line in TABLE.read_text().splitlines():
        if line.startswith("["):
            figures = table.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            part, figure = line.split()
            figures[part] = float(figure)
    return table


def write_table(table: dict[str, dict[str, float]]) -> None:
    text = HEADER
    for key in sorted(table):
        text += f"\n[{key}]\n"
        for part in PARTS:
            text += f"{part:<10}{table[key][part]:8.1f}\n"
    TABLE.write_text(text)
