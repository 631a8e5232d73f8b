"""The whole of a run is there for who comes late: what is long gone from the server's memory is made
again, to the byte, up to the present and over the seam; and so from any place within it."""

import datetime
import itertools
import os
import pathlib
import random
import subprocess
import tempfile
import unittest
from collections.abc import Iterator

import harness
from http_expect import wait_until_released
from http_server import PlayloadServer, end_with

# More than two million events, which is what the server keeps.
EVENTS = 3_200_000
RATE = 50_000
PAST_SECONDS = 60
SEED = 23
PLACES = 24
PLACE_EVENTS = 150
BATCH_EVENTS = 4096
SHOWN_BYTES = 400


class PastTest(harness.Case):
    def setUp(self) -> None:
        super().setUp()
        start = datetime.datetime.now(datetime.timezone.utc)
        start -= datetime.timedelta(seconds=PAST_SECONDS)
        self.run_of = ["fraud-and-overload", "--seed", SEED, "--rate", RATE]
        self.run_of += ["--start", start.strftime("%Y-%m-%dT%H:%M:%SZ"), "--events", EVENTS]
        self.server = self.enterContext(PlayloadServer(*self.run_of))
        # The places that are asked for must not lie ahead of the run.
        wait_until_released(self.server.url, PAST_SECONDS * RATE)

    def lines(self) -> Iterator[list[bytes]]:
        """The run's events, made without a server, in batches."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.scratch)) / "run"
        command = [harness.program(), "run", *map(str, self.run_of)]
        command += ["--clock", "virtual", "--to", "stdout", "--quiet", "--run-dir", str(folder)]
        with self.piped(command) as made:
            assert made.stdout is not None
            while batch := list(itertools.islice(made.stdout, BATCH_EVENTS)):
                yield [line[:-1] for line in batch]

    def piped(self, command: list[str]) -> subprocess.Popen:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            preexec_fn=end_with(os.getpid()),
        )

    def curl(self, target: str) -> list[str]:
        return ["curl", "-sSN", "--noproxy", "*", "--max-time", "200", self.server.url + target]

    def assert_whole_run(self, target: str, head: bytes, record) -> None:
        seq = 0
        with self.piped(self.curl(f"{target}&after=0&limit={EVENTS}")) as got:
            assert got.stdout is not None
            self.assertEqual(got.stdout.read(len(head)), head)
            for batch in self.lines():
                wanted = b"".join(record(seq + n, line) for n, line in enumerate(batch, start=1))
                came = got.stdout.read(len(wanted))
                if came != wanted:
                    pairs = enumerate(zip(came, wanted))
                    at = next((n for n, (a, b) in pairs if a != b), min(len(came), len(wanted)))
                    context = slice(max(0, at - SHOWN_BYTES), at + SHOWN_BYTES)
                    got.kill()
                    self.fail(
                        f"behind event {seq}, byte {at}:\n{came[context]!r}\ninstead of\n"
                        f"{wanted[context]!r}"
                    )
                seq += len(batch)
            self.assertEqual(got.stdout.read(), b"")
        self.assertEqual((seq, got.returncode), (EVENTS, 0))

    def test_from_the_beginning_to_the_present(self):
        self.assert_whole_run(
            "/stream_events?format=ndjson", b"", lambda seq, line: b"%s\n" % line
        )
        self.assert_whole_run(
            "/stream_events?format=sse",
            b"retry: 2000\n\n",
            lambda seq, line: b"data: %s\nid: %d\n\n" % (line, seq),
        )

    def test_from_any_place(self):
        draw = random.Random(SEED)
        places = sorted(draw.randrange(EVENTS - PLACE_EVENTS) for _ in range(PLACES))
        wanted: dict[int, list[bytes]] = {place: [] for place in places}
        first = 0
        for batch in self.lines():
            for place in places:
                begin, end = place - first, place + PLACE_EVENTS - first
                wanted[place] += batch[max(begin, 0) : max(end, 0)]
            first += len(batch)
        draw.shuffle(places)
        # All at once, so that the places do not help each other.
        readers = [
            self.piped(self.curl(f"/stream_events?format=ndjson&after={at}&limit={PLACE_EVENTS}"))
            for at in places
        ]
        for place, reader in zip(places, readers):
            with self.subTest(place), reader:
                assert reader.stdout is not None
                self.assertEqual(reader.stdout.read().splitlines(), wanted[place])


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
