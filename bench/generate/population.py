#!/usr/bin/env python3
"""What the size of the population costs: events/s, memory per player, time to the first event.

    python3 bench/generate/population.py [--playload build/release/playload] [--rounds 3]
                                         [--largest 100M] [--json figures.json]

`playload run steady --threads 1 --rate max --to null` with 10 k, 1 M, 10 M and 100 M players (2 GB of
memory), interleaved, medians. The rate counts from the start of sending, so the lanes' coming to life
is in it; a run is long enough to touch all of them. Memory per player: what is resident at most, less
that of 10 k players, over the players. First event: from the start of the process to the first byte
out of `--to stdout`, the process being started by this script. Exit code 1: a bound was missed.
"""

import os
import subprocess
import sys
import time

import measure

SMALLEST = 10_000
POPULATIONS = (SMALLEST, 1_000_000, 10_000_000, 100_000_000)
MOST_BYTES = 16  # a player
FIRST_EVENT_SECONDS = {1_000_000: 0.05, 100_000_000: 1.0}


def count(text: str) -> int:
    units = {"k": 1_000, "M": 1_000_000}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def first_event(playload: measure.Playload, players: int) -> float:
    """Seconds from the start of the process to its first byte."""
    command, _ = playload.command("--players", str(players), "--threads", "1", "--rate", "max",
                                  "--to", "stdout")
    begin = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    os.read(process.stdout.fileno(), 1)
    seconds = time.monotonic() - begin
    process.stdout.close()  # it ends by itself when its reader is gone
    measure.wait(process)
    return seconds


def main() -> int:
    parser = measure.arguments(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--largest", type=count, default=POPULATIONS[-1], metavar="PLAYERS",
                        help="leave out larger populations")
    options = parser.parse_args()
    populations = [players for players in POPULATIONS if players <= options.largest]
    table = measure.Table()
    with measure.scratch_folder() as scratch:
        playload = measure.Playload(options.playload, scratch)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}")
            for players in populations:
                # Each player has two events at least, each lane many.
                ran = playload.run("--players", str(players), "--threads", "1", "--rate", "max",
                                   "--events", str(max(60_000_000, 2 * players)), "--to", "null")
                table.add(f"{players:,} players", ran.per_second / 1e6, "M events/s")
                table.add(f"{players:,} players, resident", ran.peak_bytes / measure.MIB, "MiB")
                table.add(f"{players:,} players, first event",
                          first_event(playload, players) * 1e3, "ms")
    print("medians")
    for players in populations:
        name = f"{players:,} players"
        resident = table.median(f"{name}, resident")
        more = (resident - table.median(f"{SMALLEST:,} players, resident")) * measure.MIB
        print(f"  {name:<22}{table.median(name):8.2f} M events/s {resident:10.1f} MiB"
              f"{more / players:7.1f} bytes a player"
              f"{table.median(f'{name}, first event'):8.0f} ms to the first event")
        if players == POPULATIONS[-1]:
            table.bound(f"{name}, of {SMALLEST:,}",
                        table.median(name) / table.median(f"{SMALLEST:,} players"), 0.5, "x",
                        least=True)
            # Here what is not the players' is too little to be seen.
            table.bound(f"{name}, bytes a player", more / players, MOST_BYTES, least=False)
        if players in FIRST_EVENT_SECONDS:
            table.bound(f"{name}, first event", table.median(f"{name}, first event"),
                        FIRST_EVENT_SECONDS[players] * 1e3, " ms", least=False)
    return table.end(options.json)


if __name__ == "__main__":
    sys.exit(main())
