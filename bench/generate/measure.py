"""What the benchmarks of this folder share: runs of playload, their figures, and a table of bounds.

Everything is bounded in time and ends with the process that started it.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIB = 1 << 20
TIMEOUT = 300


@dataclasses.dataclass(frozen=True)
class Ran:
    """One run, as it says of itself and as the system says."""

    events: int
    seconds: float  # sending, without start-up
    cpu_seconds: float  # of the whole process
    peak_bytes: int  # resident, at most

    @property
    def per_second(self) -> float:
        return self.events / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.events / self.cpu_seconds


class Playload:
    def __init__(self, program: pathlib.Path, scratch: str):
        self.program = program.resolve()
        self.scratch = pathlib.Path(scratch)
        self.runs = 0

    def command(self, *flags: str) -> tuple[list[str], pathlib.Path]:
        """A run of scenario steady, and where it writes."""
        self.runs += 1
        folder = self.scratch / f"run-{self.runs}"
        return [str(self.program), "run", "steady", "--seed", "1", "--quiet", "--run-dir",
                str(folder), *flags], folder

    def run(self, *flags: str, stdout: int = subprocess.DEVNULL) -> Ran:
        command, folder = self.command(*flags)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout)
        cpu_seconds, peak = wait(process)
        summary = json.loads((folder / "summary.json").read_text())
        events = sum(topic["acked"] for topic in summary["topics"].values())
        generated = sum(topic["generated"] for topic in summary["topics"].values())
        if events != generated:
            raise SystemExit(f"{' '.join(command)}: {generated - events} events did not arrive")
        return Ran(events, events / summary["achieved_per_second"], cpu_seconds, peak)

    def announced_bytes(self, *flags: str) -> tuple[int, int]:
        """The memory that `playload plan` says a run with these flags will have: as expected, and
        at most."""
        plan = subprocess.run([self.program, "plan", "steady", "--seed", "1", "--json", *flags],
                              check=True, capture_output=True, text=True, timeout=TIMEOUT)
        figures = json.loads(plan.stdout)
        return figures["memory_bytes"], figures["memory_at_most_bytes"]


def resident(pid: int) -> dict[str, int]:
    """VmRSS and VmHWM, now and at most, in bytes; empty once the process has ended."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {name: int(kib) << 10 for name, kib in re.findall(r"^(Vm\w+):\s+(\d+) kB", text, re.M)
            if name in ("VmRSS", "VmHWM")}


def wait(process: subprocess.Popen) -> tuple[float, int]:
    """Waits for a process that must succeed, and kills one that does not end in time; its CPU
    seconds and what it had resident at most. (ru_maxrss would not do: it begins with what was
    resident here.)"""
    deadline = time.monotonic() + TIMEOUT
    peak = 0
    while True:
        peak = resident(process.pid).get("VmHWM", peak)
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid != 0:
            break
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(0.01)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, process.args))}: exit code {process.returncode}")
    return usage.ru_utime + usage.ru_stime, peak


class Table:
    """Figures by name, in the order they came; at the end their medians, and what must hold."""

    def __init__(self) -> None:
        self.figures: dict[str, list[float]] = {}
        self.bounds: list[dict[str, object]] = []

    def add(self, name: str, figure: float, unit: str) -> None:
        self.figures.setdefault(name, []).append(figure)
        print(f"  {name:<58}{figure:10.2f} {unit}", flush=True)

    def median(self, name: str) -> float:
        return statistics.median(self.figures[name])

    def bound(self, what: str, measured: float, wanted: float, unit: str = "", *,
              least: bool) -> None:
        held = measured >= wanted if least else measured <= wanted
        sign = ">=" if least else "<="
        print(f"  {what:<58}{measured:10.2f}{unit} {sign} {wanted:g}{unit}  "
              f"{'held' if held else 'MISSED'}", flush=True)
        self.bounds.append({"what": what, "measured": measured, "wanted": wanted,
                            "sign": sign, "unit": unit, "held": held})

    def end(self, file: pathlib.Path | None) -> int:
        """Writes everything to `file`; the exit code, 1 when a bound was missed."""
        if file is not None:
            text = json.dumps({"figures": self.figures, "bounds": self.bounds}, indent=2)
            file.write_text(text + "\n")
        return 0 if all(bound["held"] for bound in self.bounds) else 1


def arguments(description: str, rounds: int | None = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--playload", type=pathlib.Path, default=ROOT / "build/release/playload")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="write all figures there")
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds)
    return parser


def scratch_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="playload-bench-")
