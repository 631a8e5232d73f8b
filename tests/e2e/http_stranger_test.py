"""A stranger's readers, killed and started again at random while the run goes on, have every event
of it exactly once: a browser, `curl -N`, npm's eventsource and an NDJSON connector.

    $ PLAYLOAD=build/release/playload python3 tests/e2e/http_stranger_test.py --seconds 600 --seed 3
"""

import argparse
import os
import random
import sys
import time
import unittest

import harness
import http_clients
from http_clients import Client
from http_expect import Expected, exactly_once, start_now
from http_server import PlayloadServer
from kafka_server import free_ports

RATE = 200
CATCH_UP_SECONDS = 120

options = argparse.Namespace(seconds=40, seed=1)


class Fate:
    """When one client is killed, and when it is back."""

    def __init__(self, client: Client, draw: random.Random, most_seconds: float):
        self.client = client
        self.kills = 0
        self.reading = 0  # kills by which it had got something since its start
        self._at_start: int | None = None
        self._draw = draw
        self._most = most_seconds
        self._next = 0.0

    def come(self, now: float) -> None:
        if now < self._next:
            return
        if self.client.running():
            self.client.kill()
            self.kills += 1
            self.reading += self.client.last() != self._at_start
            self._next = now + self._draw.uniform(0, 2)
        else:
            self._at_start = self.client.last()
            self.client.start()
            self._next = now + self._draw.uniform(0.2, self._most)


class StrangerTest(harness.Case):
    def test_killed_and_restarted_readers_get_every_event_once(self):
        (page_port,) = free_ports(1)
        sse, ndjson = "/stream_events?after=0", "/stream_events?format=ndjson"
        fleet = (
            # A browser is long in coming up, and is to read something before it is killed.
            ("browser", http_clients.browser(page_port), sse, 12.0),
            ("curl", http_clients.curl("sse"), sse, 4.0),
            ("eventsource2", http_clients.eventsource(2), sse, 4.0),
            ("eventsource4", http_clients.eventsource(4), sse, 4.0),
            ("connector", http_clients.connector(), ndjson, 4.0),
        )
        events = RATE * options.seconds
        run = ["fraud-and-overload", "--seed", options.seed, "--rate", RATE]
        run += ["--start", start_now()]
        server = self.enterContext(
            PlayloadServer(
                *run, *["--events", events, "--cors-origin", f"http://127.0.0.1:{page_port}"]
            )
        )
        fates = []
        for name, command, target, most in fleet:
            client = Client(name, command, server.url + target, self.scratch)
            self.addCleanup(client.kill)
            draw = random.Random(f"{options.seed} {name}")
            fates.append(Fate(client, draw, most))

        ends = time.monotonic() + options.seconds
        while (now := time.monotonic()) < ends:
            for fate in fates:
                fate.come(now)
            time.sleep(0.05)
        for fate in fates:
            if not fate.client.running():
                fate.client.start()
        until = time.monotonic() + CATCH_UP_SECONDS
        while behind := [f.client for f in fates if f.client.last() != events]:
            if time.monotonic() > until:
                said = "\n".join(f"{c.name}: {c.last()} {c.errors()}" for c in behind)
                self.fail(f"not all have event {events}:\n{said}\n{server.output()}")
            time.sleep(0.1)

        expected = Expected(*run, events=events, scratch=self.scratch)
        for fate in fates:
            with self.subTest(fate.client.name):
                fate.client.kill()
                log = fate.client.log()
                self.assertEqual(exactly_once(log.events, expected, range(1, events + 1)), "")
                for name in ("gap", "bad", "closed", "reopened"):
                    self.assertEqual(log.notes(name), [])
                self.assertGreater(fate.reading, 0)
                print(
                    f"{fate.client.name}: {events} events, killed {fate.kills} times, "
                    f"{fate.reading} of them while reading"
                )
        self.assertEqual(server.stop(), harness.EXIT_DONE, server.output())
        topics = self.summary(server.run_dir)["destinations"][0]["topics"]
        self.assertEqual(sum(counts["acked"] for counts in topics.values()), events)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=options.seconds)
    parser.add_argument("--seed", type=int, default=options.seed)
    _, words = parser.parse_known_args(namespace=options)
    for executable in ("PLAYLOAD", "PLAYLOAD_TEST_CLIENTS"):
        if path := os.environ.get(executable):
            os.environ[executable] = os.path.abspath(path)
    os.chdir("/")
    unittest.main(argv=[sys.argv[0], *words])
