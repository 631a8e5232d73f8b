"""The HTTP server under a small load: hundreds of clients of every temper, and clients that do not
keep up. bench/http does the same at full size and with figures.

The clients are bench/http/stream_clients, which holds each event of each client to the contract;
the environment variable STREAM_CLIENTS names it (ctest sets it), and without it there is no test.
"""

import contextlib
import json
import os
import re
import resource
import socket
import time
import unittest
import urllib.request
from collections.abc import Iterator

import harness
from http_server import PlayloadServer

CLIENTS = os.environ.get("STREAM_CLIENTS", "")
SSE_EVENT = re.compile(rb"data: \{[^\n]*\}\nid: ([0-9]+)\n\n")
GAP = re.compile(
    rb'event: gap\ndata: \{"missed":(null|[0-9]+),"next":([0-9]+),"reason":"([a-z]+)"\}\n\n'
)


class Stream:
    """A client of /stream_events that reads when it is told to."""

    def __init__(self, port: int, query: str = "", last: int | None = None, receive: int = 0):
        self.socket = socket.socket()
        self.socket.settimeout(30)
        if receive:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.connect(("127.0.0.1", port))
        header = "" if last is None else f"Last-Event-ID: {last}\r\n"
        request = f"GET /stream_events?{query} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n"
        self.socket.sendall(request.encode())
        self.data = bytearray()
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, _, rest = bytes(self.data).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        self.data = bytearray(rest)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def more(self) -> bool:
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError:
            return False
        self.data += data
        return bool(data)

    def read_until(self, pattern: re.Pattern, timeout: float = 30) -> re.Match:
        """Reads until what came since it began matches."""
        until = time.monotonic() + timeout
        while not (found := pattern.search(self.data)):
            assert time.monotonic() < until, f"no {pattern.pattern!r} in {len(self.data)} bytes"
            assert self.more(), f"ended without {pattern.pattern!r}: {bytes(self.data[-300:])!r}"
        return found

    def ids(self, data: bytes | None = None) -> list[int]:
        return [int(match[1]) for match in SSE_EVENT.finditer(self.data if data is None else data)]


class LoadTest(harness.Case):
    def setUp(self) -> None:
        super().setUp()
        if not CLIENTS:
            self.skipTest("STREAM_CLIENTS does not name bench/http/stream_clients")
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))

    def load(self, server: PlayloadServer, seconds: float, *classes: str) -> dict:
        """Runs the clients; their classes by name, beside the other figures."""
        figures = self.scratch / "clients.json"
        command = [CLIENTS, "--address", f"127.0.0.1:{server.port}", "--seconds", str(seconds)]
        command += ["--pid", str(server.process.pid), "--json", str(figures)]
        for one in classes:
            command += ["--class", one]
        done = harness.call(command, timeout=seconds + 90)
        self.assertEqual(done.code, 0, f"{done}\n{server.output()}")
        result = json.loads(figures.read_text())
        result["text"] = done.stdout
        result["classes"] = {one["name"]: one for one in result["classes"]}
        for one in result["classes"].values():
            self.assertEqual(sum(one["faults"].values()), 0, done.stdout)
            self.assertEqual(one["refused"], {}, done.stdout)
            self.assertEqual(one["connect_errors"], 0, done.stdout)
        self.assertEqual(result["healthz"]["window"]["failed"], 0, done.stdout)
        return result

    def metric(self, server: PlayloadServer, name: str) -> float:
        with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
            text = answer.read().decode()
        return float(re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", text, re.MULTILINE)[1])

    def descriptors(self, server: PlayloadServer) -> int:
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    def test_a_crowd_of_every_temper(self):
        """Nothing is lost or repeated, everybody gets the same share, nothing is left behind."""
        with PlayloadServer("steady", "--seed", "7", "--rate", "200", "--players", "2k") as server:
            # What is there from the first request on belongs to the base.
            urllib.request.urlopen(server.url + "/stream_events?after=0&limit=1", timeout=30).read()
            base = self.descriptors(server)
            result = self.load(
                server,
                12,
                "live clients=100",
                "paced clients=100 query=rate=100",
                "whole clients=40 query=after=0",
                "filtered clients=30 query=type=purchase,server&events=named",
                "lines clients=30 query=format=ndjson&envelope=key",
                "slow clients=20 read=1024 rcvbuf=4096",
                "resetting clients=30 query=after=0 reset=0.7",
                "churning clients=30 live=0.1-1",
            )
            classes, window = result["classes"], result["window_seconds"]
            for name, one in classes.items():
                self.assertEqual(one["lost"], 0, result["text"])
                self.assertEqual(sum(one["gaps"].values()), 0, f"{name}: {result['text']}")
            # In step with each other to 1 %, or to what comes in a tenth of a second.
            for name, rate in (("live", 200), ("paced", 100), ("whole", 200), ("lines", 200)):
                one = classes[name]
                spread = one["window_most"] - one["window_least"]
                self.assertLessEqual(spread, max(0.01 * rate * window, rate / 10), result["text"])
                mean = one["window_events"] / one["clients"]
                self.assertAlmostEqual(mean / (rate * window), 1, delta=0.05, msg=result["text"])
            self.assertGreater(classes["resetting"]["resumed"], 200)
            self.assertGreater(classes["churning"]["streams"], 200)
            harness.wait_until(lambda: self.descriptors(server) <= base)
            self.assertEqual(server.stop(), harness.EXIT_INTERRUPTED, server.output())
            summary = self.summary(server.run_dir)
            topics = summary["destinations"][0]["topics"].values()
            self.assertGreater(sum(one["acked"] for one in topics), 0)

    def test_comings_and_goings_leave_nothing(self):
        # A sanitized build keeps what was freed for a while.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        flags = ("steady", "--seed", "7", "--rate", "100", "--players", "2k")
        with PlayloadServer(*flags, env={"ASAN_OPTIONS": sanitizer}) as server:
            urllib.request.urlopen(server.url + "/stream_events?after=0&limit=1", timeout=30).read()
            base = self.descriptors(server)
            self.load(server, 2, "churning clients=200 live=0.05-0.3")
            harness.wait_until(lambda: self.descriptors(server) <= base)
            settled = self.resident(server)
            result = self.load(server, 6, "churning clients=200 live=0.05-0.3")
            self.assertGreater(result["classes"]["churning"]["streams"], 2_000)
            harness.wait_until(lambda: self.descriptors(server) <= base)
            self.assertLess(self.resident(server) - settled, 4 << 20)

    def resident(self, server: PlayloadServer) -> int:
        with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    @contextlib.contextmanager
    def fast_run(self, policy: str) -> Iterator[PlayloadServer]:
        """20,000 events/s into files and to whoever reads, for a while."""
        self.out = self.scratch / "files"
        with PlayloadServer(
            *["run", "steady", "--seed", "7", "--rate", "20k", "--players", "2k"],
            *["--duration", "10s", "--to", f"file:{self.out}"],
            *["--slow-client", policy, "--slow-after", "10000"],
        ) as server:
            yield server

    def assert_nobody_was_delayed(self, server: PlayloadServer, others: dict) -> dict:
        """The clients that read had no gap, and the file got every event in its time; what the
        summary says of all clients."""
        for one in others["classes"].values():
            self.assertEqual(sum(one["gaps"].values()) + one["lost"], 0, others["text"])
            self.assertGreater(one["window_least"], 0.9 * 20_000 * others["window_seconds"])
        server.process.wait(60)
        self.assertEqual(server.process.returncode, harness.EXIT_DONE, server.output())
        summary = self.summary(server.run_dir)
        for destination in summary["destinations"]:
            counts = destination["topics"].values()
            self.assertEqual(sum(one["generated"] for one in counts), 200_000)
        rows = sum(len(harness.lines(self.out / name)) for name in harness.FILES)
        self.assertEqual(rows, 200_000)
        self.assertGreater(summary["achieved_per_second"], 19_000)
        return next(one["http"]["clients"] for one in summary["destinations"] if "http" in one)

    def test_a_slow_client_is_moved_to_a_gap(self):
        with self.fast_run("gap") as server:
            with Stream(server.port, "after=0", receive=65536) as stalled:
                others = self.load(server, 3, "live clients=10", "whole clients=5 query=after=0")
                gap = stalled.read_until(GAP)
                ids = stalled.ids(bytes(stalled.data[: gap.start()]))
                self.assertEqual(ids, list(range(1, len(ids) + 1)))
                missed, following = int(gap[1]), int(gap[2])
                self.assertEqual(gap[3], b"slow")
                self.assertEqual(missed, following - 1 - len(ids))
                self.assertGreater(missed, 0)
                self.assertNotIn(b"id:", gap[0])
                behind = re.compile(re.escape(gap[0]) + rb"data: \{[^\n]*\}\nid: ([0-9]+)\n\n")
                self.assertEqual(int(stalled.read_until(behind)[1]), following)
            clients = self.assert_nobody_was_delayed(server, others)
            self.assertEqual(clients["gaps"], {"window": 0, "slow": 1, "ahead": 0})
            self.assertEqual(clients["missed"], missed)

    def test_a_slow_client_is_disconnected_and_comes_back(self):
        with self.fast_run("close") as server:
            with Stream(server.port, "after=0", receive=65536) as stalled:
                others = self.load(server, 3, "live clients=10", "whole clients=5 query=after=0")
                while stalled.more():
                    pass
                self.assertIsNone(GAP.search(stalled.data))
                ids = stalled.ids()
                self.assertEqual(ids, list(range(1, len(ids) + 1)))
            with Stream(server.port, "after=0", last=len(ids)) as again:
                found = again.read_until(SSE_EVENT)
                self.assertEqual(int(found[1]), len(ids) + 1)
            clients = self.assert_nobody_was_delayed(server, others)
            self.assertEqual(clients["ends"]["slow"], 1)
            self.assertEqual(sum(clients["gaps"].values()), 0)

    def test_a_client_with_a_rate_of_its_own_is_never_slow(self):
        with self.fast_run("gap") as server:
            result = self.load(server, 3, "paced clients=5 query=rate=100&after=0")
            self.assertEqual(result["classes"]["paced"]["gaps"]["slow"], 0)
            self.assertEqual(server.stop(), harness.EXIT_INTERRUPTED, server.output())

    def test_what_cannot_be_served_is_said(self):
        flags = ("steady", "--seed", "7", "--rate", "2k", "--players", "2k", "--window", "1000")
        with PlayloadServer(*flags) as server:
            harness.wait_until(lambda: self.metric(server, "playload_head_sequence_number") > 3_000)
            for query, last in (("after=5", None), ("", 5), ("after=900", 5)):
                head = self.metric(server, "playload_head_sequence_number")
                with self.subTest(query=query), Stream(server.port, query, last) as stream:
                    gap = stream.read_until(GAP)
                    self.assertEqual(stream.ids(bytes(stream.data[: gap.start()])), [])
                    following = int(gap[2])
                    self.assertEqual(gap[3], b"window")
                    self.assertEqual(int(gap[1]), following - 1 - 5)
                    self.assertGreater(following, head - 1_000)
                    self.assertEqual(int(stream.read_until(SSE_EVENT)[1]), following)
            head = int(self.metric(server, "playload_head_sequence_number"))
            with Stream(server.port, f"after={head - 300}") as stream:  # within it: all is there
                self.assertEqual(int(stream.read_until(SSE_EVENT)[1]), head - 299)
                self.assertIsNone(GAP.search(stream.data))
            for query, last in (("after=999999999999999999", None), ("after=0", 10**17)):
                head = self.metric(server, "playload_head_sequence_number")
                with self.subTest(query=query), Stream(server.port, query, last) as stream:
                    gap = stream.read_until(GAP)
                    self.assertEqual((gap[1], gap[3]), (b"null", b"ahead"))
                    self.assertEqual(int(stream.read_until(SSE_EVENT)[1]), int(gap[2]))
                    self.assertGreater(int(gap[2]), head)
            with Stream(server.port, "after=5&format=ndjson") as stream:  # has no place for it
                self.assertIn("event_name", json.loads(stream.read_until(re.compile(rb".*\n"))[0]))
            gaps = 'playload_stream_gaps_total{reason="%s"}'
            self.assertEqual(self.metric(server, gaps % "window"), 4)
            self.assertEqual(self.metric(server, gaps % "ahead"), 2)
            server.stop()


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
