#!/usr/bin/env python3
"""How long a slice of a long run takes, and what its checkpoints cost the run.

    python3 bench/slices/slices_bench.py [--build build/release] [--events 1G] [--players 1M,10k]
                                         [--rounds 3] [--folder DIR] [--without]
                                         [--cost-events 200M]

Makes a run of --events for each population (virtual clock, into null: 1G takes about a minute on two
cores) and measures `playload expect` for slices at places all over it: wall time and CPU time, the
middle one and the longest of --places places, each the best of --rounds. The last place is the worst
one, the end of the longest time between two checkpoints. --without adds the same without the run
directory's checkpoints, once, at the last place. --folder keeps the runs, and uses those that are
there.

With --cost-events: that many events once with checkpoints and once without, in turns, --rounds
times; CPU seconds and wall time of the whole process, the least of each.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

RATE = 1_000_000  # events per second of the run's own time
RUN_LENGTH = 16  # events; a checkpoint's name counts runs


def count_of(text: str) -> int:
    units = {"k": 10**3, "M": 10**6, "G": 10**9}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def seconds(command: list) -> tuple[float, float]:
    """Wall time and CPU time, user and system, of a command that must succeed."""
    begin = time.monotonic()
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"exit code {child.returncode}: {' '.join(map(str, command))}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime


def best(command: list, rounds: int) -> tuple[float, float]:
    taken = [seconds(command) for _ in range(rounds)]
    return min(t[0] for t in taken), min(t[1] for t in taken)


def run(program: pathlib.Path, folder: pathlib.Path, events: int, players: str, *more: str) -> list:
    return [program, "run", "fraud-and-overload", "--seed", "1", "--events", str(events), "--rate",
            str(RATE), "--players", players, "--start", "2026-01-01T00:00:00Z", "--clock", "virtual",
            "--to", "null", "--quiet", "--run-dir", folder, *more]


def slices_at(at: float, user: str) -> dict[str, list[str]]:
    begin = f"+{at:.3f}s"
    return {
        "player": ["--user", user],
        "player, from then on": ["--user", user, "--from", begin],
        "server": ["--user", "server_7"],
        "server, 1 s": ["--user", "server_7", "--from", begin, "--to", f"+{at + 1:.3f}s"],
        "all, 10 ms, summaries": ["--from", begin, "--to", f"+{at + 0.01:.3f}s", "--output",
                                  "player-session-summaries"],
        "all, 10 ms": ["--from", begin, "--to", f"+{at + 0.01:.3f}s"],
        "all, 1 s": ["--from", begin, "--to", f"+{at + 1:.3f}s"],
    }


def measure(program: pathlib.Path, scratch: pathlib.Path, events: int, players: str, rounds: int,
            places: int, without: bool) -> None:
    folder = scratch / f"run-{players}"
    if not folder.exists():
        took = seconds(run(program, folder, events, players))
        print(f"\n{players} players: the run took {took[0]:.1f} s, {took[1]:.1f} s of CPU")
    files = sorted((folder / "checkpoints").glob("*"))
    size = sum(f.stat().st_size for f in files)
    edges = [0, *(int(f.stem) * RUN_LENGTH for f in files), events]
    gap, end = max((b - a, b) for a, b in zip(edges, edges[1:]))
    print(f"\n{players} players, {events:,} events; {len(files)} checkpoints, {size / 2**20:.1f} MiB, "
          f"{gap / 1e6:.1f} M events apart at most")
    length = events / RATE
    at = [length * (2 * i + 1) / (2 * places) for i in range(places - 1)] + [end / RATE - 1.01]
    found: dict[str, list[tuple[float, float]]] = {}
    print(f"{'':28}{'seconds':>16}{'of CPU':>16}")
    for i in range(places):
        user = someone(program, folder, at[i])
        for name, words in slices_at(at[i], user).items():
            found.setdefault(name, []).append(best([program, "expect", folder, *words], rounds))
    for name, taken in found.items():
        wall, cpu = zip(*taken)
        print(f"{name:28}{statistics.median(wall):8.3f}{max(wall):8.3f}{statistics.median(cpu):8.3f}"
              f"{max(cpu):8.3f}", flush=True)
    if not without:
        return
    print("without checkpoints")
    (folder / "checkpoints").rename(folder / "aside")
    for name, words in slices_at(at[-1], user).items():
        wall_s, cpu_s = seconds([program, "expect", folder, *words])
        print(f"{name:28}{wall_s:16.3f}{cpu_s:16.3f}", flush=True)
    (folder / "aside").rename(folder / "checkpoints")


def someone(program: pathlib.Path, folder: pathlib.Path, at: float) -> str:
    """Somebody who buys then."""
    lines = subprocess.run(
        [str(program), "expect", str(folder), "--from", f"+{at:.3f}s", "--to", f"+{at + 0.01:.3f}s",
         "--output", "purchase-aggregates"], check=True, capture_output=True, text=True).stdout
    return json.loads(lines.splitlines()[0])["key"]


def cost(program: pathlib.Path, scratch: pathlib.Path, events: int, players: str,
         rounds: int) -> None:
    least = {}
    for i in range(rounds):
        for words in ((), ("--checkpoints", "off")) if i % 2 == 0 else (("--checkpoints", "off"), ()):
            folder = scratch / f"cost-{players}-{i}-{len(words)}"
            command = run(program, folder, events, players, *words)
            wall, cpu = seconds(command)
            figures = (cpu, wall)
            before = least.get(words, figures)
            least[words] = tuple(min(a, b) for a, b in zip(before, figures))
            shutil.rmtree(folder)
    for words, (cpu, wall) in least.items():
        print(f"{players} players, {events:,} events, checkpoints {'off' if words else 'on':3}: "
              f"{cpu:.2f} s of CPU, {wall:.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default="build/release")
    parser.add_argument("--events", type=count_of, default=count_of("1G"))
    parser.add_argument("--players", default="1M,10k")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--places", type=int, default=5)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--without", action="store_true")
    parser.add_argument("--cost-events", type=count_of, default=0)
    options = parser.parse_args()
    program = options.build.resolve() / "playload"
    with tempfile.TemporaryDirectory(prefix="playload-slices-") as scratch:
        folder = options.folder or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for players in options.players.split(","):
            if options.cost_events:
                cost(program, folder, options.cost_events, players, options.rounds)
            else:
                measure(program, folder, options.events, players, options.rounds, options.places,
                        options.without)


if __name__ == "__main__":
    main()
