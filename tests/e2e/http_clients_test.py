"""Readers that we did not write get every event once, also through a proxy that cuts connections
off within events; and what npm's eventsource 2 and Fluvio's connector make of a cut is no more than
is known of them."""

import collections
import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

import harness
import http_clients
from cutting_proxy import CuttingProxy
from http_clients import Client
from http_expect import (
    KINDS,
    Expected,
    enveloped,
    exactly_once,
    start_now,
    wait_until_released,
    without_early_copies,
)
from http_server import PlayloadServer
from kafka_server import free_ports

RATE = 200
EVENTS = 4000
SEED = 11
WAIT_SECONDS = 150
FILTERED = ("player", "server")

scratch: pathlib.Path
server: PlayloadServer
expected: Expected
page_port: int


def setUpModule():
    global scratch, server, expected, page_port
    scratch = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    for fetched in ("eventsource", "httpx_sse", "fluvio_like"):
        getattr(http_clients.dependencies, fetched)()  # before the run begins
    (page_port,) = free_ports(1)
    run = ["fraud-and-overload", "--seed", SEED, "--rate", RATE, "--start", start_now()]
    expected = Expected(*run, events=EVENTS, scratch=scratch)
    server = unittest.enterModuleContext(
        PlayloadServer(
            *run, *["--events", EVENTS, "--cors-origin", f"http://127.0.0.1:{page_port}"]
        )
    )


def curl(target: str, *options: str, timeout: float = 30) -> bytes:
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", str(timeout), *options]
    return subprocess.run(
        [*command, server.url + target], stdout=subprocess.PIPE, check=True
    ).stdout


def gaps() -> float:
    """How many gaps the server says there were, of all formats."""
    found = re.findall(rb"^playload_\w*gaps\w*(?:\{.*\})? (\S+)$", curl("/metrics"), re.MULTILINE)
    assert found, "no counter of gaps in /metrics"
    return sum(map(float, found))


class ClientsTest(unittest.TestCase):
    maxDiff = 2000

    def wait_for(self, clients: list[Client], last: int) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while behind := [client for client in clients if client.last() != last]:
            for client in behind:
                self.assertTrue(client.running(), f"{client.name} ended: {client.errors()}")
            if time.monotonic() > until:
                said = "\n".join(f"{c.name}: {c.last()} {c.errors()}" for c in behind)
                self.fail(f"not all have event {last}:\n{said}\n{server.output()}")
            time.sleep(0.1)

    def test_cut_connections_lose_and_repeat_nothing(self):
        # Those that wait for 2 s before they come back are cut less often.
        patient, quick = (4_000, 400_000), (400, 60_000)
        sse, ndjson = "/stream_events?after=0", "/stream_events?format=ndjson"
        limited = f"{sse}&events=named&limit=700"
        fleet = (
            ("browser", http_clients.browser(page_port), sse, patient),
            ("eventsource2", http_clients.eventsource(2), sse, patient),
            ("eventsource4", http_clients.eventsource(4), sse, patient),
            # The end of its limit is one more end that it comes back from by itself.
            ("eventsource4-limited", http_clients.eventsource(4), limited, patient),
            ("httpx-sse", http_clients.httpx_sse(), sse, quick),
            ("curl-sse", http_clients.curl("sse"), sse, quick),
            ("curl-filtered", http_clients.curl("sse"), f"{sse}&type={','.join(FILTERED)}", quick),
            ("curl-ndjson", http_clients.curl("ndjson"), ndjson, quick),
            ("connector", http_clients.connector(), ndjson, quick),
        )
        clients, proxies = [], {}
        for index, (name, command, target, (least, most)) in enumerate(fleet):
            proxy = self.enterContext(
                CuttingProxy(server.port, seed=SEED + index, least=least, most=most)
            )
            url = f"http://127.0.0.1:{proxy.port}{target}"
            client = Client(name, command, url, scratch)
            self.addCleanup(client.kill)
            client.start()
            clients.append(client)
            proxies[name] = proxy
        filtered = expected.seqs(1, EVENTS, FILTERED)
        self.wait_for([c for c in clients if c.name != "curl-filtered"], EVENTS)
        self.wait_for([c for c in clients if c.name == "curl-filtered"], filtered[-1])
        for client in clients:
            with self.subTest(client.name):
                client.kill()
                log, cuts = client.log(), proxies[client.name].cuts
                events, copies = log.events, 0
                if client.name == "eventsource2":
                    events, copies = without_early_copies(events, expected)
                wanted = filtered if client.name == "curl-filtered" else range(1, EVENTS + 1)
                self.assertEqual(exactly_once(events, expected, wanted), "")
                self.assertGreater(cuts, 2, "the proxy did not cut often enough to show anything")
                self.assertLessEqual(copies, cuts)
                for name in ("gap", "bad", "closed"):
                    self.assertEqual(log.notes(name), [])
                # The browser gives up only where an answer had no whole head.
                self.assertLessEqual(len(log.notes("reopened")), cuts)
                print(f"{client.name}: {len(events)} events, {cuts} cuts, {copies} copies")
        self.assertEqual(gaps(), 0)

    def test_each_form_is_what_was_said_to_the_byte(self):
        first, last = 101, 400
        wait_until_released(server.url, last)
        for form, record in (
            ("sse", lambda seq, text: b"data: %s\nid: %d\n\n" % (text, seq)),
            ("ndjson", lambda seq, text: text + b"\n"),
            ("json", lambda seq, text: text + b"\n\n"),
        ):
            for kinds in (KINDS, ("purchase",), ("server", "player")):
                for envelope in (False, True):
                    seqs = expected.seqs(first, last, kinds)
                    texts = [expected.line(seq) for seq in seqs]
                    if envelope:
                        texts = [enveloped(text) for text in texts]
                    wanted = b"".join(map(record, seqs, texts))
                    target = f"/stream_events?format={form}&after={first - 1}&limit={len(seqs)}"
                    target += "&envelope=key" * envelope
                    target += f"&type={','.join(kinds)}" * (kinds != KINDS)
                    with self.subTest(target):
                        got = curl(target)
                        if form == "sse":
                            retry, _, got = got.partition(b"\n\n")
                            self.assertRegex(retry, rb"\Aretry: [0-9]+\Z")
                        self.assertEqual(got, wanted)

    def test_who_has_everything_is_told_not_to_come_back(self):
        events = 300
        run = ["steady", "--seed", SEED, "--rate", RATE, "--start", start_now()]
        wanted = Expected(*run, events=events, scratch=scratch)
        ending = self.enterContext(PlayloadServer(*run, "--events", events, "--at-end", "close"))
        clients = [
            Client(f"end-{name}", command, f"{ending.url}/stream_events?after=0", scratch)
            for name, command in (
                ("eventsource2", http_clients.eventsource(2)),
                ("eventsource4", http_clients.eventsource(4)),
                ("fluvio", http_clients.fluvio_like()),
            )
        ]
        for client in clients:
            self.addCleanup(client.kill)
            client.start()
        *sources, fluvio = clients
        until = time.monotonic() + 60
        while any(client.running() for client in sources) and time.monotonic() < until:
            time.sleep(0.1)
        for client in sources:
            with self.subTest(client.name):
                log = client.log()
                self.assertFalse(client.running())
                self.assertEqual(exactly_once(log.events, wanted, range(1, events + 1)), "")
                self.assertEqual(len(log.notes("closed")), 1, log.rows)
        # Nobody tells a connector anything: it comes back, and begins where its URL says.
        with self.subTest(fluvio.name):
            self.assertTrue(fluvio.running())
            fluvio.kill()
            connections = collections.defaultdict(list)
            for row in fluvio.log().rows:
                if "data" in row:
                    connections[row["connection"]].append(row["data"].encode())
            self.assertGreater(len(connections), 1)
            for records in connections.values():
                self.assertEqual(records, wanted.lines[: len(records)])

    # ---- Fluvio's http-source ----

    def run_fluvio_like(self, name: str, url: str, seconds: float) -> list[list[bytes]]:
        """The records of each connection that such a reader made in that time."""
        client = Client(name, http_clients.fluvio_like(), url, scratch)
        client.start()
        self.addCleanup(client.kill)
        time.sleep(seconds)
        self.assertTrue(client.running(), client.errors())
        client.kill()
        connections: list[list[bytes]] = []
        for row in client.log().rows:
            if "status" in row:
                self.assertEqual(row["connection"], len(connections) + 1)
                connections.append([])
            else:
                connections[row["connection"] - 1].append(row["data"].encode())
        self.assertGreater(len(connections), 3, "it comes back at once")
        return connections[:-1]  # the last one was cut off by us

    def test_fluvio_gets_whole_records_in_order(self):
        run = ["steady", "--seed", SEED, "--rate", RATE, "--start", start_now()]
        live = self.enterContext(PlayloadServer(*run))
        url = f"{live.url}/stream_events?limit=50"
        connections = self.run_fluvio_like("fluvio-live", url, 2)
        self.assertEqual(live.stop(), harness.EXIT_INTERRUPTED)
        lines = Expected(*run, events=30 * RATE, scratch=scratch).lines
        ended = 0
        for records in connections:
            self.assertEqual(len(records), 50)
            # It comes back some time later and gets what is then next.
            while lines[ended : ended + 50] != records:
                ended += 1
                self.assertLess(ended, len(lines), f"not 50 events in a row: {records[:3]}")
            ended += 50

    def test_fluvio_begins_again_where_its_url_says(self):
        wait_until_released(server.url, 150)
        url = f"{server.url}/stream_events?after=100&limit=50"
        for records in self.run_fluvio_like("fluvio-after", url, 2):
            self.assertEqual(records, expected.lines[100:150])

    def test_fluvio_files_no_record_for_an_error(self):
        for name, target in (
            ("fluvio-bad", "/stream_events?rate=fast"),
            ("fluvio-missing", "/no_such_stream"),
        ):
            self.assertEqual(sum(self.run_fluvio_like(name, server.url + target, 1), []), [])


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
