"""The HTTP server among people who wish it ill: every kind of bad input, from outside.

Each attack ends in the documented answer (docs/http.md) with an error body of the exact form, or in
a closed connection; while it lasts /healthz is answered, and after it the server is alive and has
no descriptor more than before.

/healthz is asked ten times a second by a process of its own, so that this program's work does not
count as the server's. The bound is on the 95th percentile, and an attack during which it is broken
is repeated: the machine that runs the tests has other work, whose pauses are not the server's. A
server that an attack does hold up is held up by it every time.
"""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterator

import harness
from http_server import PlayloadServer, end_with

EXIT_CANNOT_LISTEN = 106
HEALTH_SECONDS = 0.1
REPEATS = 3
HEAD_TIMEOUT = 5.0  # of the server, for a whole head
PATIENCE = 20.0  # for whatever should come at once, on a machine with other work
STATUSES = {200, 204, 400, 401, 404, 405, 406, 413, 414, 421, 431, 501, 503, 505}
ERROR = re.compile(
    rb'\{"error":\{"code":(?P<code>\d{3}),"parameter":(?P<parameter>null|"[^"\\]*"),'
    rb'"message":"(?:[^"\\]|\\["\\])+"\}\}'
)
RESET = struct.pack("ii", 1, 0)


def setUpModule():
    # This program holds thousands of connections.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 16384), most))


# ---- a client that may send anything ----


class Answer:
    def __init__(self, head: bytes, body: bytes):
        first, *lines = head.split(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [ -~]+", first)
        assert match, f"no status line: {first!r}"
        self.status = int(match[1])
        self.headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.decode("ascii").partition(": ")
            assert colon and name.lower() not in self.headers, f"a bad header: {line!r}"
            self.headers[name.lower()] = value
        self.body = body

    def __repr__(self) -> str:
        return f"{self.status} {self.headers} {self.body[:300]!r}"


class Wire:
    """One connection, bytes in and bytes out."""

    def __init__(self, port: int, host: str = "127.0.0.1", source: str = ""):
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(PATIENCE)
        self.socket.connect((host, port))
        self.pending = bytearray()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        # What is refused early is closed before all of it was sent.
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def end_input(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()

    def more(self) -> bool:
        """Waits for bytes; False at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            return False
        self.pending += data
        return bool(data)

    def until(self, end: bytes) -> bytes | None:
        """Up to and with `end`; None when the connection ends before."""
        while end not in self.pending:
            if not self.more():
                return None
        at = self.pending.index(end) + len(end)
        text = bytes(self.pending[:at])
        del self.pending[:at]
        return text

    def answer(self, *, head: bool = False) -> Answer | None:
        """The next answer with its whole body; None when the connection is closed instead."""
        text = self.until(b"\r\n\r\n")
        if text is None:
            assert not self.pending, f"half an answer: {self.pending!r}"
            return None
        answer = Answer(text[:-4], b"")
        size = int(answer.headers.get("content-length", "0"))
        if not head:
            while len(self.pending) < size:
                assert self.more(), f"a body of {size} bytes ended at {len(self.pending)}"
            answer.body = bytes(self.pending[:size])
            del self.pending[:size]
        return answer

    def rest(self) -> bytes:
        while self.more():
            pass
        return bytes(self.pending)


def get(target: str, *headers: str) -> bytes:
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def raw(first: str, *headers: str) -> bytes:
    return ("\r\n".join([first, *headers]) + "\r\n\r\n").encode("latin-1")


# ---- the server's health ----


class UndisturbedClock:
    """Seconds, less those in which the server's thread or this one was ready to run and waited, as
    others had the cores: nothing that the server could do better."""

    def __init__(self, pid: int):
        def reactors() -> list[pathlib.Path]:
            threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
            return [thread for thread in threads if (thread / "comm").read_text() == "http\n"]

        harness.wait_until(reactors, PATIENCE)
        (reactor,) = reactors()
        self.files = (reactor / "schedstat", pathlib.Path("/proc/thread-self/schedstat"))

    def now(self) -> float:
        waited = sum(int(file.read_text().split()[1]) for file in self.files)
        return time.monotonic() - waited / 1e9


def probe(port: int, clock: UndisturbedClock) -> None:
    """Asks /healthz ten times a second until its standard input ends; prints each answer's time."""
    due = clock.now()
    while not select.select([sys.stdin], [], [], max(0, due - clock.now()))[0]:
        try:
            with Wire(port) as wire:
                wire.send(get("/healthz", "Connection: close"))
                answer = wire.answer()
                good = answer is not None and answer.status == 200
        except OSError:
            good = False
        print(f"{max(0, clock.now() - due):.6f}" if good else "failed", flush=True)
        due += 0.1


class Health:
    """The answers of /healthz while something goes on."""

    def __init__(self, server: PlayloadServer):
        pid = server.process.pid
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--probe", str(server.port), str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=end_with(os.getpid()),
        )
        # Python itself takes its time to start.
        self.first = self.process.stdout.readline()
        assert self.first, "nobody asks /healthz"

    def stop(self) -> list[float]:
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, "who asked /healthz failed"
        answers = (self.first + out).split()
        assert "failed" not in answers, f"/healthz failed {answers.count('failed')} times"
        return sorted(map(float, answers))


def p95(ascending: list[float]) -> float:
    return ascending[min(len(ascending) - 1, len(ascending) * 95 // 100)] if ascending else 0.0


class HttpCase(harness.Case):
    server: PlayloadServer

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def wire(self, **options: str) -> Wire:
        return Wire(self.server.port, **options)

    def ask(self, data: bytes) -> Answer | None:
        with self.wire() as wire:
            wire.send(data)
            return wire.answer()

    def assert_alive(self) -> None:
        self.assertIsNone(self.server.process.poll(), self.server.output())
        answer = self.ask(get("/healthz"))
        self.assertEqual(answer.status, 200)

    def attack(self, action: Callable[[], None]) -> None:
        """Runs it with /healthz watched; afterwards everything is as it was."""
        for attempt in range(1, REPEATS + 1):
            before = self.descriptors()
            health = Health(self.server)
            try:
                action()
            finally:
                answers = health.stop()
            self.assert_alive()
            harness.wait_until(lambda: self.descriptors() <= before, PATIENCE)
            if p95(answers) < HEALTH_SECONDS:
                return
            print(f"{action.__name__}: /healthz p95 {p95(answers):.3f} s, try {attempt}")
        self.fail(f"/healthz took {answers[-10:]} s during the attack, {REPEATS} times")

    def assert_error(self, answer: Answer, status: int, parameter: str | None = None) -> None:
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["content-type"], "application/json", answer)
        match = ERROR.fullmatch(answer.body)
        self.assertTrue(match, answer)
        json.loads(answer.body)
        self.assertEqual(int(match["code"]), status, answer)
        wanted = "null" if parameter is None else json.dumps(parameter)
        self.assertEqual(match["parameter"].decode(), wanted, answer)
        if status == 405:
            self.assertEqual(answer.headers["allow"], "GET, HEAD, OPTIONS")
        if status == 503:
            self.assertRegex(answer.headers["retry-after"], r"^[1-9][0-9]*$")

    def refused(self, data: bytes, *statuses: int) -> None:
        """Refused by the guard: one of these answers, then the connection is closed."""
        with self.subTest(request=data[:80], size=len(data)), self.wire() as wire:
            wire.send(data)
            answer = wire.answer()
            if answer is None:
                self.assertIn(0, statuses, "closed without a word")
                return
            self.assertIn(answer.status, statuses, answer)
            self.assert_error(answer, answer.status)
            self.assertEqual(answer.headers["connection"], "close")
            self.assertEqual(wire.rest(), b"", "something follows the refusal")

    def bad(self, target: str, parameter: str | None, status: int = 400) -> None:
        with self.subTest(target=target[:80]):
            answer = self.ask(get(target))
            self.assertIsNotNone(answer, "closed without a word")
            self.assert_error(answer, status, parameter)


class HostileTest(HttpCase):
    @classmethod
    def setUpClass(cls):
        cls.server = PlayloadServer("steady", "--seed", "7", "--rate", "200", "--players", "2k")
        cls.enterClassContext(cls.server)

    # ---- heads ----

    def test_request_lines(self):
        def lines():
            for version in ("HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"):
                self.refused(raw(f"GET /healthz {version}", "Host: localhost"), 505)
            for version in ("http/1.1", "HTTP/1.1 ", "HTTP/11", "HTTP/1,1", "HTTX/1.1", "HTTP/-1.1"):
                self.refused(raw(f"GET /healthz {version}", "Host: localhost"), 400, 505)
            self.refused(b"GET /healthz\r\n\r\n", 400)  # HTTP/0.9
            self.refused(b"GET /\r\n", 400)
            for line in ("GET  /healthz HTTP/1.1", "GET\t/healthz HTTP/1.1", " GET /healthz HTTP/1.1",
                         "GET /healthz  HTTP/1.1", "GET /health z HTTP/1.1", "GET HTTP/1.1", "GET"):
                self.refused(raw(line, "Host: localhost"), 400)
            for target in ("http://localhost/healthz", "//", "healthz", "localhost:80", "*", "?a=b"):
                if target != "//":
                    self.refused(raw(f"GET {target} HTTP/1.1", "Host: localhost"), 400)
            self.refused(b"GET /healthz HTTP/1.1\nHost: localhost\n\n", 400)
            self.refused(b"GET /healthz HTTP/1.1\rHost: localhost\r\r", 400)

        self.attack(lines)

    def test_methods(self):
        def methods():
            for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
                self.refused(raw(f"{method} /healthz HTTP/1.1", "Host: localhost"), 405)
            self.refused(raw("CONNECT localhost:80 HTTP/1.1", "Host: localhost:80"), 405)
            self.refused(raw("CONNECT /healthz HTTP/1.1", "Host: localhost"), 405)
            for method in ("get", "FOO", "GETT", "PROPFIND", "A" * 20, "B" * 50_000):
                self.refused(raw(f"{method} /healthz HTTP/1.1", "Host: localhost"), 501)
            for method in ("", "G\0T", "G(T", "\u00e9"):
                self.refused(raw(f"{method} /healthz HTTP/1.1", "Host: localhost"), 400, 0)

        self.attack(methods)

    def test_other_protocols(self):
        def protocols():
            self.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 501, 505, 0)
            hello = bytes.fromhex("16030100c8010000c40303") + bytes(range(193))
            self.refused(hello, 0)
            self.refused(b"SSH-2.0-OpenSSH_9.2\r\n", 400, 501)
            self.refused(b"\0" * 4096, 0)
            self.refused(b"\xff" * 70_000, 0)
            self.refused(b"EHLO example.invalid\r\n", 400, 501)
            # Kafka's ApiVersions request, a length first.
            self.refused(struct.pack(">ihhih", 12, 18, 0, 1, -1), 0)

        self.attack(protocols)

    def test_sizes(self):
        def sizes():
            self.refused(get("/" + "a" * 100_000), 414)
            self.refused(get("/healthz?" + "a=b&" * 25_000), 414)
            self.refused(b"GET /" + b"a" * 5_000, 414)  # decided before its end is there
            self.refused(get("/healthz", "X: " + "x" * 100_000), 431)
            self.refused(get("/healthz", "x" * 100_000 + ": x"), 431)
            self.refused(get("/healthz", *(f"X-{n}: x" for n in range(10_000))), 431)
            self.refused(get("/healthz", *(f"X-{n}: x" for n in range(100))), 431)
            self.refused(get("/healthz", *["X: " + "x" * 1000] * 17), 431)
            answer = self.ask(get("/healthz", *(f"X-{n}: x" for n in range(99))))
            self.assertEqual(answer.status, 200)
            answer = self.ask(get("/" + "a" * 4_000))
            self.assert_error(answer, 404)
            # What never ends is refused while it comes.
            with self.wire() as wire:
                wire.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
                for _ in range(64):
                    wire.send(b"X: " + b"x" * 1000 + b"\r\n")
                answer = wire.answer()
                if answer is not None:  # the rest of what was sent may have reset the connection
                    self.assert_error(answer, 431)

        self.attack(sizes)

    def test_headers(self):
        def headers():
            first = "GET /healthz HTTP/1.1"
            for bad in ("Host : localhost", "Host\t: localhost", ": x", "X", " X: x", "X y: z",
                        "X: a\0b", "X: a\x01b", "X: a\x7fb", "X: a\nb", "X: a\rb", "X\x80: y"):
                self.refused(raw(first, "Host: localhost", bad), 400)
            self.refused(raw(first, "Host: localhost", "X: a", " folded: b"), 400)
            self.refused(raw(first, "Host: localhost", "X: a", "\tfolded"), 400)
            self.refused(raw(first, "Host: localhost", "Host: localhost"), 400)
            self.refused(raw(first, "X: y"), 400)
            self.refused(raw(first, "Host: local host"), 400)
            self.refused(raw(first, "Host: localhost/../x"), 400)
            answer = self.ask(raw(first, "hOsT:localhost", "X:", "Y: \t z \t"))
            self.assertEqual(answer.status, 200)
            # What names the client's address is the socket alone.
            answer = self.ask(get("/healthz", "REMOTE_ADDR: 10.0.0.1", "X-Forwarded-For: 10.0.0.1"))
            self.assertEqual(answer.status, 200)
            answer = self.ask(get("/healthz", "Range: bytes=0-0", "Expect: 100-continue"))
            self.assertEqual(answer.status, 200)

        self.attack(headers)

    def test_bodies(self):
        def bodies():
            for length in ("5", "1", "00001", "18446744073709551617", "9" * 300):
                self.refused(get("/healthz", f"Content-Length: {length}") + b"hello", 413)
            for length in ("-1", "+0", "0x0", "abc", "", "0, 0", "1.0", "0 0"):
                self.refused(get("/healthz", f"Content-Length: {length}"), 400, 413)
            self.refused(get("/healthz", "Content-Length: 0", "Content-Length: 0"), 400)
            self.refused(get("/healthz", "Content-Length: 0", "Content-Length: 5"), 400, 413)
            chunk = b"5\r\nhello\r\n0\r\n\r\n"
            for coding in ("chunked", "identity", "xchunked", "chunked, chunked", "gzip, chunked",
                           "\tchunked", "cHuNkEd", "", ";chunked", '"chunked"'):
                self.refused(get("/healthz", f"Transfer-Encoding: {coding}") + chunk, 413)
            both = ("Content-Length: 5", "Transfer-Encoding: chunked")
            self.refused(get("/healthz", *both) + chunk, 413)
            self.refused(get("/healthz", *reversed(both)) + chunk, 413)
            for name in ("Transfer-Encoding ", "Transfer-\tEncoding", "Transfer-Encoding\0"):
                self.refused(get("/healthz", f"{name}: chunked") + chunk, 400)
            self.refused(get("/healthz", "X: y", " Transfer-Encoding: chunked") + chunk, 400)
            for method in ("HEAD", "OPTIONS"):
                self.refused(
                    raw(f"{method} /healthz HTTP/1.1", "Host: localhost", "Content-Length: 3"), 413
                )
            answer = self.ask(get("/healthz", "Content-Length: 0"))
            self.assertEqual(answer.status, 200)
            # A body of a megabyte behind its announcement is not read, and harms nobody.
            self.refused(get("/healthz", "Content-Length: 1000000") + b"x" * 1_000_000, 413, 0)

        self.attack(bodies)

    def test_hosts(self):
        def hosts():
            for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "",
                         "10.0.0.1", "[::2]", "localhost:80:80", "localhost:abc", "0.0.0.0",
                         "127.0.0.1%00", "[::1", "localhosted"):
                answer = self.ask(raw("GET /healthz HTTP/1.1", f"Host: {host}"))
                with self.subTest(host=host):
                    self.assertIn(answer.status, (400, 421), answer)
                    self.assert_error(answer, answer.status)
            self.assertEqual(self.ask(raw("GET / HTTP/1.1", "Host: evil.example")).status, 421)
            for host in ("localhost", "LOCALHOST:1", "127.0.0.1:65535", "127.1.2.3", "[::1]:80"):
                with self.subTest(host=host):
                    answer = self.ask(raw("GET /healthz HTTP/1.1", f"Host: {host}"))
                    self.assertEqual(answer.status, 200, answer)

        self.attack(hosts)

    # ---- targets and parameters ----

    def test_targets(self):
        def targets():
            for target in ("/%", "/%2", "/%zz", "/%%32", "/a%g0", "/healthz?x=%", "/healthz#x",
                           "/a b", "/\0", "/\x01", "/\x7f", "/\u00e9"):
                self.refused(get(target), 400)
            for target in ("/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                           "/stream_events/", "/healthz/../metrics", "//healthz", "/./healthz",
                           "/HEALTHZ", "/healthz%00", "/%00", "/healthz%20", "/healthz;x",
                           "/\\..\\..\\x", "/page/index.html", "/favicon.ico", "/stream_events%2f"):
                self.bad(target, None, 404)
            # Escapes of plain letters are those letters.
            self.assertEqual(self.ask(get("/%68ealthz")).status, 200)

        self.attack(targets)

    def test_parameters(self):
        def parameters():
            stream = "/stream_events?"
            for name in ("foo", "Rate", "LIMIT", "count", "__proto__", "rate[]", "rat"):
                self.bad(f"{stream}{name}=1", name)
            self.bad("/player_event?rate=1", "rate")
            self.bad("/healthz?verbose=1", "verbose")
            for pair in ("rate=1&rate=1", "rate=1&rate=2", "rate=1&%72ate=2", "rate=1&limit=2&rate=1"):
                self.bad(f"{stream}{pair}", "rate")
            self.bad("/player_event?count=1&count=2", "count")
            wrong = ("-1", "1.5.2", "abc", "NaN", "inf", "1e3", "0x10", "%201", "1%20", "+1", "1,5",
                     "1%00", "%EF%BC%91", "9" * 400, "1;2", "%2531", "''", "1%0d%0aX:%20y", "")
            whole = (*wrong, "1.5", "1.0", ".5", "9" * 19)
            for value in (*wrong, "0", "0.0009", "10000001", "10000000.1", "-0", ".", "1." , ".5"):
                self.bad(f"{stream}rate={value}", "rate")
            for value in (*whole, "0", "-0"):
                self.bad(f"{stream}limit={value}", "limit")
            for value in whole:
                self.bad(f"{stream}after={value}", "after")
            for value in (*whole, "0", "10001"):
                self.bad(f"/player_event?count={value}", "count")
            for value in ("xml", "SSE", "", "sse,json", "sse%00"):
                self.bad(f"{stream}format={value}", "format")
            for value in ("sse", "xml", ""):
                self.bad(f"/player_event?format={value}", "format")
            for value in ("", "foo", "player,foo", "player,", ",player", "player,player", "PLAYER",
                          "player;purchase"):
                self.bad(f"{stream}type={value}", "type")
            for value in ("", "value", "Key", "1"):
                self.bad(f"{stream}envelope={value}", "envelope")
            for value in ("", "id", "Named", "1"):
                self.bad(f"{stream}events={value}", "events")
            for query in ("=", "=1", "a=b=c", "rate", "rate=1?limit=2", "&".join(["x=1"] * 40)):
                with self.subTest(query=query[:40]):
                    answer = self.ask(get(stream + query))
                    self.assertEqual(answer.status, 400, answer)
                    self.assertTrue(ERROR.fullmatch(answer.body), answer)

        self.attack(parameters)

    def test_a_bad_last_event_id_counts_as_absent(self):
        def ids():
            for value in ("", "abc", "-1", "1.5", "9" * 19, "9" * 5000, "1 2", "%31", "\u00e9"):
                with self.subTest(value=value[:40]), self.wire() as wire:
                    wire.send(get("/stream_events?limit=1", f"Last-Event-ID: {value}"))
                    answer = wire.answer()
                    self.assertEqual(answer.status, 200, answer)
                    self.assertNotIn(b"event: gap", wire.rest())
            with self.wire() as wire:
                twice = ("Last-Event-ID: 1", "Last-Event-ID: 2")
                wire.send(get("/stream_events?limit=1", *twice))
                self.assertEqual(wire.answer().status, 200)

        self.attack(ids)

    def test_nothing_acceptable(self):
        for accept in ("image/png", "text/html", "*/*;q=0", "application/xml, text/html;q=0.5"):
            with self.subTest(accept=accept):
                self.assert_error(self.ask(get("/stream_events", f"Accept: {accept}")), 406)

    def test_an_error_repeats_little_and_only_ascii(self):
        for name in ("x" * 3000, "%22%5c%0a%3cscript%3e", "%c3%a9%ff"):
            answer = self.ask(get(f"/stream_events?{name}=1"))
            self.assertEqual(answer.status, 400)
            error = json.loads(answer.body)["error"]
            self.assertTrue(answer.body.isascii())
            self.assertFalse(answer.body.endswith(b"\n"))
            self.assertLess(len(answer.body), 400, error)

    # ---- connections ----

    def test_pipelines(self):
        def pipelines():
            with self.wire() as wire:  # good ones are answered in order
                wire.send(b"".join(get("/healthz") + get("/nothing") for _ in range(50)))
                statuses = [wire.answer().status for _ in range(100)]
                self.assertEqual(statuses, [200, 404] * 50)
            with self.wire() as wire:  # garbage behind a good one: that one is answered
                wire.send(get("/healthz") + b"\xde\xad\xbe\xef" * 100)
                self.assertEqual(wire.answer().status, 200)
                self.assertEqual(wire.rest(), b"")
            with self.wire() as wire:
                wire.send(get("/healthz") + b"nonsense\r\n\r\n" + get("/healthz"))
                self.assertEqual(wire.answer().status, 200)
                self.assert_error(wire.answer(), 400)
                self.assertEqual(wire.rest(), b"")
            with self.wire() as wire:  # nothing is read behind a body that was refused
                wire.send(get("/healthz", "Content-Length: 40") + get("/metrics"))
                self.assert_error(wire.answer(), 413)
                self.assertEqual(wire.rest(), b"")
            with self.wire() as wire:  # many more than anybody waits for the answers of
                with contextlib.suppress(TimeoutError):
                    wire.socket.settimeout(2)
                    wire.send(get("/openapi.json") * 20_000)
            with self.wire() as wire:
                wire.send(get("/healthz", "Connection: close") * 2)
                self.assertEqual(wire.answer().status, 200)
                self.assertEqual(wire.rest(), b"")

        self.attack(pipelines)

    def test_head_and_options(self):
        with self.wire() as wire:
            for target in ("/", "/healthz", "/metrics", "/openapi.json", "/nothing"):
                wire.send(raw(f"HEAD {target} HTTP/1.1", "Host: localhost"))
                answer = wire.answer(head=True)
                self.assertEqual(answer.status, 404 if target == "/nothing" else 200)
                self.assertGreater(int(answer.headers["content-length"]), 0)
            for target in ("*", "/stream_events", "/player_event", "/nothing"):
                wire.send(raw(f"OPTIONS {target} HTTP/1.1", "Host: localhost"))
                answer = wire.answer()
                self.assertIn(answer.status, (204, 404) if target == "/nothing" else (204,))
            wire.send(get("/healthz", "Connection: close"))
            self.assertEqual(wire.answer().status, 200)
            self.assertEqual(wire.rest(), b"")
        for target in ("/stream_events", "/player_event", "/player_event?count=10"):
            with self.subTest(target=target), self.wire() as wire:
                wire.send(raw(f"HEAD {target} HTTP/1.1", "Host: localhost", "Connection: close"))
                self.assertEqual(wire.answer(head=True).status, 200)
                self.assertEqual(wire.rest(), b"")
        # HTTP/1.0: one answer, unless the client asks for more.
        for header, answers in (("X: y", 1), ("Connection: keep-alive", 2)):
            with self.subTest(header=header), self.wire() as wire:
                wire.send(raw("GET /healthz HTTP/1.0", header) * 2)
                for _ in range(answers):
                    self.assertEqual(wire.answer().status, 200)
                wire.end_input()
                self.assertEqual(wire.rest(), b"")

    def test_half_close_is_served(self):
        def half_close():
            with self.wire() as wire:
                wire.send(get("/healthz"))
                wire.end_input()
                self.assertEqual(wire.answer().status, 200)
                self.assertEqual(wire.rest(), b"")
            with self.wire() as wire:
                wire.send(get("/player_event?count=5"))
                wire.end_input()
                self.assertEqual(len(json.loads(wire.answer().body)), 5)
            with self.wire() as wire:
                wire.send(get("/stream_events?limit=100&rate=100"))
                wire.end_input()
                self.assertEqual(wire.answer().status, 200)
                self.assertEqual(wire.rest().count(b"\nid: "), 100)
            with self.wire() as wire:  # half a head and no more
                wire.send(b"GET /healthz HTTP/1.1\r\nHost:")
                wire.end_input()
                answer = wire.answer()
                self.assertTrue(answer is None or answer.status == 400, answer)
            with self.wire() as wire:
                wire.end_input()
                self.assertIsNone(wire.answer())

        self.attack(half_close)

    def test_garbage_behind_a_stream_request(self):
        def garbage():
            with self.wire() as wire:
                wire.send(get("/stream_events?format=sse"))
                self.assertEqual(wire.answer().status, 200)
                before = self.resident()
                wire.socket.settimeout(0.05)
                sent, until = 0, time.monotonic() + 1.5
                while sent < 64 << 20 and time.monotonic() < until:
                    try:
                        sent += wire.socket.send(b"\xa5" * 65536)
                    except TimeoutError:
                        wire.socket.recv(65536)  # the stream goes on meanwhile
                    except ConnectionError:
                        break
                self.assertLess(self.resident() - before, 16 << 20)

        self.attack(garbage)

    def resident(self) -> int:
        with open(f"/proc/{self.server.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    def test_large_answers_that_nobody_reads(self):
        """400 requests for 10,000 events each, a gigabyte in all: what waits in memory is bounded,
        others are told to come again."""
        before = self.resident()
        most = 0

        def unread():
            nonlocal most
            with contextlib.ExitStack() as stack:
                wires = [stack.enter_context(self.wire()) for _ in range(400)]
                for wire in wires:
                    wire.send(get("/player_event?count=10000"))
                until = time.monotonic() + 3
                while time.monotonic() < until:
                    most = max(most, self.resident() - before)
                    time.sleep(0.02)

        self.attack(unread)
        # What the reactor says of itself: 256 MiB of answers, beside what it needs to make them.
        self.assertLess(most, 400 << 20)

    def test_what_is_shown_is_cheap_however_many_are_there(self):
        """Whoever asks for figures as fast as they come holds up nobody."""
        with contextlib.ExitStack() as stack:
            for _ in range(3_000):
                wire = stack.enter_context(self.wire())
                wire.send(get("/stream_events?rate=1"))
                self.assertEqual(wire.answer().status, 200)

            def ask():
                until = time.monotonic() + 3
                with contextlib.ExitStack() as askers:
                    wires = [askers.enter_context(self.wire()) for _ in range(32)]
                    while time.monotonic() < until:
                        for number, wire in enumerate(wires):
                            wire.send(get(("/status", "/metrics")[number % 2]))
                        for wire in wires:
                            self.assertEqual(wire.answer().status, 200)

            self.attack(ask)

    def test_slow_silent_and_half_open(self):
        """2,000 that never speak, 200 that stop within a head, 50 that send a byte now and then:
        all are gone shortly after the time for a head."""

        def slow():
            wires = [self.wire() for _ in range(2_250)]
            began = time.monotonic()
            silent, stopped, dripping = wires[:2_000], wires[2_000:2_200], wires[2_200:]
            for number, wire in enumerate(stopped):
                wire.send(get("/healthz")[: 1 + number % 36])
            head = get("/healthz", "X: " + "x" * 200)
            try:
                closed: set[int] = set()
                at = 0
                poller = select.poll()
                for wire in wires:
                    poller.register(wire.socket, select.POLLIN)
                while len(closed) < len(wires) and time.monotonic() < began + 4 * HEAD_TIMEOUT:
                    for wire in dripping:
                        if wire.socket.fileno() not in closed:
                            wire.send(head[at : at + 1])
                    at += 1
                    step = time.monotonic() + 0.5
                    while (left := step - time.monotonic()) > 0:
                        for descriptor, _ in poller.poll(left * 1000):
                            poller.unregister(descriptor)
                            closed.add(descriptor)
                        if len(closed) == len(wires):
                            break
                self.assertEqual(len(closed), len(wires), "some are still open")
                took = time.monotonic() - began
                self.assertLess(took, 3 * HEAD_TIMEOUT)
                for wire in silent[:20]:
                    self.assertIsNone(wire.answer())
                for wire in (*stopped, *dripping):
                    answer = wire.answer()
                    self.assertTrue(answer is None or 400 <= answer.status < 500, answer)
            finally:
                for wire in wires:
                    wire.socket.close()

        self.attack(slow)

    def test_resets(self):
        beginnings = (
            b"",
            get("/healthz")[:10],
            get("/healthz"),
            get("/stream_events?after=0"),
            get("/stream_events?after=0&rate=100&format=ndjson"),
            get("/player_event?count=10000"),
            get("/openapi.json") * 100,
        )

        def resets():
            for number in range(700):
                with contextlib.suppress(ConnectionError):
                    wire = self.wire()
                    wire.send(beginnings[number % len(beginnings)])
                    if number % 3 == 0:
                        wire.socket.settimeout(0.02)
                        with contextlib.suppress(TimeoutError):
                            wire.more()
                    wire.reset()

        self.attack(resets)

    def test_whole_requests_from_clients_that_close_at_once(self):
        def leave():
            for number in range(500):
                wire = self.wire()
                wire.send(get(("/healthz", "/stream_events", "/metrics", "/")[number % 4]))
                wire.socket.close()

        self.attack(leave)

    def test_flipped_bytes(self):
        """Valid requests with a few bytes changed, added or taken away: a documented answer or a
        close, always soon."""
        seeds = [
            get("/stream_events?type=player,purchase&rate=100&limit=3&after=12&format=sse",
                "Last-Event-ID: 17", "Accept: text/event-stream", "User-Agent: fuzz/1.0"),
            get("/player_event?count=3&format=ndjson", "Accept: */*", "Connection: keep-alive"),
            get("/healthz") + get("/status", "Accept-Encoding: gzip", "Origin: http://a.example"),
            raw("OPTIONS /stream_events HTTP/1.1", "Host: 127.0.0.1:8000", "Origin: null"),
            raw("HEAD /metrics HTTP/1.0", "Authorization: Bearer x", "Content-Length: 0"),
        ]
        tokens = [b"\r\n", b"\r\n\r\n", b"\0", b"%", b"%00", b" ", b":", b"HTTP/1.1", b"\xff" * 5,
                  b"GET ", b"Host: localhost\r\n", b"Transfer-Encoding: chunked\r\n", b"9" * 20]
        dice = random.Random(20261120)

        def flip(data: bytes) -> bytes:
            changed = bytearray(data)
            for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
                at = dice.randrange(len(changed))
                what = dice.randrange(5)
                if what == 0:
                    changed[at] ^= 1 << dice.randrange(8)
                elif what == 1:
                    changed[at] = dice.randrange(256)
                elif what == 2:
                    changed[at:at] = dice.choice(tokens)
                elif what == 3:
                    del changed[at : at + dice.randrange(1, 12)]
                    changed = changed or bytearray(b"x")
                else:
                    changed[at:at] = changed[at : at + dice.randrange(1, 40)]
            return bytes(changed)

        def fuzz():
            until, done = time.monotonic() + 6, 0
            while time.monotonic() < until:
                data = flip(dice.choice(seeds))
                with self.subTest(data=data), self.wire() as wire:
                    wire.send(data)
                    wire.end_input()
                    head = wire.until(b"\r\n\r\n")
                    if head is not None:
                        self.assertIn(Answer(head[:-4], b"").status, STATUSES)
                done += 1
            self.assertGreater(done, 100)

        self.attack(fuzz)


class LimitsTest(HttpCase):
    """Servers that were told to bear less."""

    @contextlib.contextmanager
    def serving(self, *flags: object, **options: object) -> Iterator[PlayloadServer]:
        rate = () if "--rate" in flags else ("--rate", "200")
        basic = ("steady", "--seed", "7", "--players", "1k", *rate)
        with PlayloadServer(*basic, *flags, **options) as self.server:
            yield self.server

    def test_descriptors_used_up(self):
        with self.serving(prefix=("prlimit", "--nofile=64:64")) as server:
            with self.wire() as first:
                first.send(get("/stream_events?after=0"))
                self.assertEqual(first.answer().status, 200)
                with contextlib.ExitStack() as stack:
                    wires = [stack.enter_context(self.wire()) for _ in range(100)]
                    for wire in wires:
                        wire.send(get("/healthz"))
                    answers = 0
                    for wire in wires[:20]:
                        answers += wire.answer().status == 200
                    self.assertEqual(answers, 20)
                    # It lives, and whom it had before it still serves.
                    self.assertIsNone(server.process.poll(), server.output())
                    self.assertIsNotNone(first.until(b"\nid: "))
                    self.assertTrue(first.more())
                self.assert_alive()
                self.assertTrue(first.more())
                answer = self.ask(get("/metrics"))
                self.assertEqual(answer.status, 200)
            self.assert_alive()
            server.stop()

    def test_a_second_copy_on_the_port(self):
        with self.serving() as server:
            done = self.playload(
                *["serve", "steady", "--seed", "7", "--listen", f"127.0.0.1:{server.port}"],
                *["--run-dir", self.scratch / "second"],
                code=EXIT_CANNOT_LISTEN,
            )
            self.assertIn(f"127.0.0.1:{server.port}", done.stderr)
            self.assertIn("another program listens there", done.stderr)
            self.assert_alive()

    def test_connections_in_all(self):
        with self.serving("--max-connections", "10") as server:
            with contextlib.ExitStack() as stack:
                streams = [stack.enter_context(self.wire()) for _ in range(10)]
                for wire in streams:
                    wire.send(get("/stream_events"))
                    self.assertEqual(wire.answer().status, 200)
                for _ in range(30):
                    with self.wire() as wire:
                        wire.send(get("/healthz"))
                        answer = wire.answer()
                        self.assert_error(answer, 503)
                        self.assertEqual(wire.rest(), b"")
                for wire in streams:
                    self.assertIsNotNone(wire.until(b"\nid: "))
            harness.wait_until(lambda: self.ask(get("/healthz")).status == 200)
            self.assert_alive()
            server.stop()

    def test_connections_of_one_address(self):
        with self.serving("--max-per-address", "5"), contextlib.ExitStack() as stack:
            for _ in range(5):
                wire = stack.enter_context(self.wire())
                wire.send(get("/stream_events"))
                self.assertEqual(wire.answer().status, 200)
            self.assert_error(self.ask(get("/healthz")), 503)
            with self.wire(source="127.0.0.2") as wire:
                wire.send(get("/healthz"))
                self.assertEqual(wire.answer().status, 200)

    def test_a_token(self):
        token = base64.b64encode(hashlib.sha256(b"playload").digest()).decode()
        file = self.scratch / "token"
        file.write_text(token + "\nnot this line\n", encoding="ascii")
        self.playload(
            *["serve", "steady", "--listen", "127.0.0.1:0", "--token-file", file],
            code=harness.EXIT_BAD_INPUT,  # others may read it
        )
        file.chmod(0o600)
        with self.serving("--token-file", file) as server:
            for target in ("/stream_events", "/player_event", "/metrics", "/status", "/nothing"):
                for header in ("X: y", "Authorization: Bearer", f"Authorization: Basic {token}",
                               f"Authorization: Bearer {token[:-1]}", "Authorization: Bearer ",
                               f"Authorization: Bearer {token}x", f"Authorization: {token}",
                               "Authorization: Bearer " + "x" * 4000):
                    with self.subTest(target=target, header=header[:60]):
                        answer = self.ask(get(target, header))
                        self.assert_error(answer, 401)
                        self.assertRegex(answer.headers["www-authenticate"], r"^Bearer\b")
                with self.wire() as wire:
                    good = f"Authorization: bearer {token}"
                    wire.send(get(target, good))
                    self.assertEqual(wire.answer().status, 404 if target == "/nothing" else 200)
            for target in ("/", "/healthz", "/readyz"):
                self.assertEqual(self.ask(get(target)).status, 200)
            self.assertNotIn(token, server.output())
            server.stop()

    def test_stopped_with_streams_open(self):
        """Every stream ends behind a whole event, at once, whoever does not read."""
        with self.serving("--rate", "10k") as server, contextlib.ExitStack() as stack:
            readers = []
            for query in ("", "?after=0", "?format=ndjson", "?format=json", "?rate=50",
                          "?type=player", "?envelope=key&events=named") * 2:
                wire = stack.enter_context(self.wire())
                wire.send(get("/stream_events" + query))
                self.assertEqual(wire.answer().status, 200)
                readers.append((query, wire))
            for _ in range(10):
                wire = stack.enter_context(self.wire())
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                wire.send(get("/stream_events?after=0"))
            idle = stack.enter_context(self.wire())
            half = stack.enter_context(self.wire())
            half.send(b"GET /stream_ev")
            ends: dict[int, bytes] = {}

            def read(number: int, wire: Wire) -> None:
                ends[number] = wire.rest()

            threads = [
                threading.Thread(target=read, args=(number, wire))
                for number, (_, wire) in enumerate(readers)
            ]
            for thread in threads:
                thread.start()
            time.sleep(1.5)  # enough for more bytes than buffers of the system hold
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            code = server.process.wait(PATIENCE)
            took = time.monotonic() - began
            for thread in threads:
                thread.join(PATIENCE)
            self.assertEqual(code, harness.EXIT_INTERRUPTED, server.output())
            self.assertLess(took, 8, server.output())
            for number, (query, _) in enumerate(readers):
                data = ends[number]
                with self.subTest(query=query):
                    if "ndjson" in query:
                        self.assertTrue(data.endswith(b"}\n"), data[-300:])
                    elif "json" in query:
                        self.assertTrue(data.endswith(b"}\n\n"), data[-300:])
                    else:
                        self.assertRegex(data[-40:], rb"\nid: [0-9]+\n\n\Z")
            self.assertEqual(idle.rest(), b"")
            self.summary(server.run_dir)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--probe"]:
        probe(int(sys.argv[2]), UndisturbedClock(int(sys.argv[3])))
    else:
        os.chdir("/")
        unittest.main()
