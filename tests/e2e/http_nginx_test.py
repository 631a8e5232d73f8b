"""The nginx configuration of docs/http.md, as it stands there, in front of a server.

TLS, HTTP/2, the same bytes, and every event at once. Debian's nginx; no Kafka.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest
from collections.abc import Iterator

import harness
from http_server import PlayloadServer, end_with

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "docs"))

import fences  # pylint: disable=wrong-import-position

NAME = "events.example"
START_SECONDS = 30

# What Debian's nginx.conf has around the files of conf.d, but in a folder of its own.
MAIN = """
daemon off;
worker_processes 1;
pid {scratch}/nginx.pid;
error_log stderr;
events {{ worker_connections 768; }}
http {{
    access_log off;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    sendfile on;
    tcp_nopush on;
    gzip on;
    include {scratch}/playload.conf;
}}
"""


def documented() -> str:
    """The page's nginx configuration."""
    page = ROOT / "docs" / "http.md"
    (found,) = [
        fence
        for fence in fences.read(page.relative_to(ROOT), page.read_text())
        if fence.marks.get("file") == "playload.conf"
    ]
    return "\n".join(found.lines) + "\n"


def replaced(text: str, pattern: str, by: str) -> str:
    text, count = re.subn(pattern, by, text)
    assert count == 1, f"{pattern} stands there {count} times"
    return text


class Nginx:
    """nginx in front of a server: `url`, and `curl` to go there."""

    def __init__(self, scratch: pathlib.Path, upstream: int):
        self.scratch = scratch
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        text = documented()
        text = replaced(text, r"127\.0\.0\.1:8000", f"127.0.0.1:{upstream}")
        text = replaced(text, r"listen 443 ", f"listen 127.0.0.1:{self.port} ")
        text = replaced(text, r"/etc/ssl/certs/\S+\.pem", f"{scratch}/{NAME}.pem")
        text = replaced(text, r"/etc/ssl/private/\S+\.key", f"{scratch}/{NAME}.key")
        (scratch / "playload.conf").write_text(text)
        main = MAIN.format(scratch=scratch)
        if os.geteuid() == 0:
            main = "user root;\n" + main  # the scratch folder is ours alone
        (scratch / "nginx.conf").write_text(main)
        self.url = f"https://{NAME}:{self.port}"
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Nginx":
        key, certificate = self.scratch / f"{NAME}.key", self.scratch / f"{NAME}.pem"
        made = harness.call(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
            + ["-addext", f"subjectAltName=DNS:{NAME}"]
            + ["-keyout", str(key), "-out", str(certificate)]
        )
        assert made.code == 0, made
        # Not on the PATH of everybody.
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        assert program, "nginx is not installed"
        log = self.scratch / "nginx.log"
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [program, "-e", "stderr", "-p", self.scratch, "-c", self.scratch / "nginx.conf"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=end_with(os.getpid()),
            )
        until = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return self
            if self.process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise AssertionError(f"nginx did not start:\n{log.read_text()}")
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        # Politely, or its worker stays.
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(START_SECONDS)

    def curl(self, path: str, *options: str) -> list[str]:
        return [
            *("curl", "-sN", "--cacert", str(self.scratch / f"{NAME}.pem")),
            *("--resolve", f"{NAME}:{self.port}:127.0.0.1", *options, self.url + path),
        ]

    def get(self, path: str, *options: str) -> str:
        done = harness.call(self.curl(path, *options), timeout=60)
        assert done.code == 0, done
        return done.stdout


class NginxTest(harness.Case):
    @contextlib.contextmanager
    def in_front(self, *arguments: object) -> Iterator[tuple[PlayloadServer, Nginx]]:
        with PlayloadServer("--seed", 7, *arguments) as server, Nginx(
            self.scratch, server.port
        ) as nginx:
            yield server, nginx

    def test_answers_are_the_same_through_it(self):
        with self.in_front("--rate", "2k", "--events", "4k") as (server, nginx):
            harness.wait_until(lambda: json.loads(nginx.get("/status"))["ended"])
            for path in (
                "/stream_events?after=0&limit=4000",
                "/stream_events?after=1000&limit=500&format=ndjson&type=player",
                "/stream_events?after=1&limit=100&format=json&envelope=key",
                "/stream_events?rate=fast",
                "/stream_events?after=0&limit=10&events=named",
                "/openapi.json",
                "/",
                "/nowhere",
            ):
                direct = harness.call(["curl", "-sN", server.url + path])
                for version in ("--http1.1", "--http2"):
                    with self.subTest(path=path, version=version):
                        self.assertEqual(nginx.get(path, version), direct.stdout)
            events = json.loads(nginx.get("/player_event?count=10"))
            self.assertEqual(len(events), 10)
            version = nginx.get("/healthz", "-o", "/dev/null", "-w", "%{http_version}")
            self.assertEqual(version, "2")
            head = nginx.get("/", "-I")
            self.assertRegex(head, "(?i)content-security-policy: default-src 'none'")

    def test_each_event_comes_at_once(self):
        # A buffer of 4 or 8 KiB would hold some 15 or 30 events: seconds, at this rate.
        with self.in_front("--rate", 5) as (server, nginx):
            for form in ("sse", "ndjson", "json"):
                with self.subTest(form=form):
                    path = f"/stream_events?format={form}&limit=8"
                    behind = []
                    with subprocess.Popen(nginx.curl(path), stdout=subprocess.PIPE) as client:
                        for line in client.stdout:
                            if b"event_name" in line:
                                behind.append(self.handed(server, form) - len(behind) - 1)
                    self.assertEqual(len(behind), 8)
                    self.assertLess(max(behind), 4, behind)

    def handed(self, server: PlayloadServer, form: str) -> int:
        """Events of this format that were handed to nginx."""
        status = harness.call(["curl", "-s", server.url + "/status"])
        return json.loads(status.stdout)["streams"][form]["events"]

    def test_the_token_goes_through(self):
        token = self.scratch / "token"
        token.write_text("correct-horse-battery-staple\n")
        token.chmod(0o600)
        with self.in_front("--token-file", token) as (_, nginx):
            self.assertEqual(json.loads(nginx.get("/status"))["error"]["code"], 401)
            bearer = f"Authorization: Bearer {token.read_text().strip()}"
            allowed = nginx.get("/status", "-H", bearer)
            self.assertEqual(json.loads(allowed)["scenario"], "fraud-and-overload")

    def test_a_client_that_leaves_is_not_served_any_longer(self):
        with self.in_front() as (server, nginx):
            def streams() -> int:
                status = harness.call(["curl", "-s", server.url + "/status"])
                return json.loads(status.stdout)["streams"]["sse"]["open"]

            command = nginx.curl("/stream_events")
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as client:
                harness.wait_until(lambda: streams() == 1)
                client.kill()
            harness.wait_until(lambda: streams() == 0)

    def test_a_foreign_host_is_refused_without_it(self):
        with PlayloadServer("--seed", 7) as server:
            command = ["curl", "-s", "-H", f"Host: {NAME}", server.url + "/status"]
            self.assertEqual(json.loads(harness.call(command).stdout)["error"]["code"], 421)


if __name__ == "__main__":
    unittest.main()
