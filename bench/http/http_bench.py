#!/usr/bin/env python3
"""What the HTTP server must hold, measured beside yardsticks of the same run on the same machine.

    python3 bench/http/http_bench.py [--playload build/release/playload] [--parts abcdef]
                                     [--minutes 10] [--json figures.json]

a  one client, `--rate max`, SSE and NDJSON: readers in Go and C++; yardstick: the same readers on
   prepared bytes of the same events (prepared_server)
b  2,000 clients at 100/s each, live and with ?rate=100; yardstick: a plain server in Go
c  the same, 100 of them reading 1 KiB/s and 100 resetting every second
d  10,000 clients at 20/s for 60 s: memory, time to connect; yardstick: the server in Go
e  1,000 clients coming and going for --minutes: descriptors and memory
f  a polled endpoint under `wrk -c 64 -t 1`; yardstick: nginx with a file of the same bytes

Everything stays on the loopback interface of this machine and ends by itself. What is not installed
(go, wrk, nginx) is said and left out. Exit code 1: a bound was missed.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from http_server import PlayloadServer, end_with  # noqa: E402

SCENARIO = ("steady", "--seed", "1", "--players", "100k", "--quiet")
EVENTS_PREPARED = 16_384
MEASURE_SECONDS = 5
KIB, MIB = 1 << 10, 1 << 20
TYPES = {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}


class Bench:
    def __init__(self, tools: pathlib.Path, scratch: pathlib.Path, minutes: float):
        self.tools = tools
        self.scratch = scratch
        self.minutes = minutes
        self.rows: list[dict] = []
        self.missed = 0

    def row(self, what: str, measured: str, bound: str = "", good: bool | None = None) -> None:
        """One line of the table; `good` says whether the bound is held."""
        self.rows.append({"what": what, "measured": measured, "bound": bound, "held": good})
        self.missed += good is False
        held = {True: "held", False: "MISSED", None: ""}[good]
        print(f"  {what:<48} {measured:>26}  {bound:<18} {held}", flush=True)

    def built(self, name: str) -> pathlib.Path | None:
        """A Go program of this folder; None without a Go compiler."""
        program = self.scratch / name
        if program.exists():
            return program
        if shutil.which("go") is None:
            print(f"  (no Go compiler: without {name})")
            return None
        cache = {"GOCACHE": str(self.scratch / "go-cache"), "GO111MODULE": "off"}
        subprocess.run(["go", "build", "-o", program, HERE / name / "main.go"],
                       check=True, timeout=300, env=dict(os.environ, **cache))
        return program

    @contextlib.contextmanager
    def helper(self, *command: object) -> Iterator[tuple[subprocess.Popen, int]]:
        """A server of the yardsticks, which prints its port."""
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True,
                                   stdin=subprocess.DEVNULL, preexec_fn=end_with(os.getpid()))
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def clients(self, port: int, pid: int, seconds: float, *classes: str) -> dict:
        figures = self.scratch / "clients.json"
        command = [self.tools / "stream_clients", "--address", f"127.0.0.1:{port}"]
        command += ["--pid", str(pid), "--seconds", str(seconds), "--json", figures]
        for one in classes:
            command += ["--class", one]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 180,
                              check=False)
        print("".join(f"    | {line}\n" for line in (done.stdout + done.stderr).splitlines()),
              end="")
        if done.returncode not in (0, 1):
            raise SystemExit("stream_clients failed")
        result = json.loads(figures.read_text())
        result["contract_held"] = done.returncode == 0
        return result


# ---- a: one client ----


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def read_rate(command: list[object]) -> float:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120,
                          check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {done.stderr}")
    figures = json.loads(done.stdout)
    return figures["events"] / figures["seconds"]


def one_client(bench: Bench) -> None:
    go = bench.built("go_reader")

    def rates(port: int, form: str, wrap: bool) -> dict[str, float]:
        query = f"format={form}"
        found = {}
        if go is not None:
            url = f"http://127.0.0.1:{port}/stream_events?{query}"
            found["Go"] = read_rate([go, "-url", url, "-format", form, "-seconds",
                                     MEASURE_SECONDS, *(["-wrap"] if wrap else [])])
        found["C++"] = read_rate([bench.tools / "fast_reader", port, query, MEASURE_SECONDS,
                                  *(["wrap"] if wrap else [])])
        return found

    for form in ("sse", "ndjson"):
        prepared = bench.scratch / f"prepared.{form}"
        with PlayloadServer(*SCENARIO, "--rate", "max") as server:
            prepared.write_bytes(fetch(
                f"{server.url}/stream_events?after=0&limit={EVENTS_PREPARED}&format={form}"))
            ours = rates(server.port, form, False)
        with bench.helper(bench.tools / "prepared_server", prepared, TYPES[form]) as (_, port):
            ceiling = rates(port, form, True)
        for reader, rate in ours.items():
            bench.row(f"one client, {form}, reader in {reader}", f"{rate / 1e6:.2f} M events/s",
                      ">= 4 M events/s", rate >= 4e6)
            bench.row("  yardstick: prepared bytes", f"{ceiling[reader] / 1e6:.2f} M events/s")


# ---- b to e: many clients ----


def share_error(result: dict, names: tuple[str, ...], rate: float) -> float:
    """How far the least or best served client is from its share, as a fraction."""
    wanted = rate * result["window_seconds"]
    return max(
        abs(one[end] / wanted - 1)
        for one in result["classes"] if one["name"] in names
        for end in ("window_least", "window_most")
    )


def figures(bench: Bench, what: str, result: dict, names: tuple[str, ...], rate: float,
            must: bool = True) -> None:
    error = share_error(result, names, rate)
    p99 = result["healthz"]["window"]["p99_ms"]
    failed = result["healthz"]["window"]["failed"]
    lost = sum(one["lost"] + sum(one["faults"].values()) for one in result["classes"])
    bench.row(f"{what}: off its share", f"{error:.2%}", "<= 1 %" if must else "",
              error <= 0.01 if must else None)
    bench.row(f"{what}: /healthz p99", f"{p99:.1f} ms", "< 100 ms" if must else "",
              p99 < 100 and failed == 0 if must else None)
    bench.row(f"{what}: streams lost, faults", str(lost), "0" if must else "",
              lost == 0 and result["contract_held"] if must else None)
    bench.row(f"{what}: CPU of the server", f"{result['server']['cpu_cores']:.2f} cores")


def go_server(bench: Bench, what: str, seconds: float, rate: float, *classes: str) -> None:
    """The same clients on the yardstick."""
    program = bench.built("go_server")
    if program is None:
        return
    with PlayloadServer(*SCENARIO) as server:
        event = fetch(server.url + "/player_event").decode()
    with bench.helper(program, "-event", event) as (process, port):
        result = bench.clients(port, process.pid, seconds, *classes)
    names = tuple(one["name"] for one in result["classes"] if one["name"] in ("live", "paced"))
    figures(bench, f"  yardstick, Go: {what}", result, names, rate, must=False)
    per_client = result["server"]["bytes_per_client"] / KIB
    bench.row("  yardstick, Go: memory a client", f"{per_client:.1f} KiB")


def two_thousand(bench: Bench) -> None:
    with PlayloadServer(*SCENARIO, "--rate", "100") as server:
        result = bench.clients(server.port, server.process.pid, 15, "live clients=2000")
        figures(bench, "2,000 live clients at 100/s", result, ("live",), 100)
    with PlayloadServer(*SCENARIO, "--rate", "1k") as server:
        result = bench.clients(server.port, server.process.pid, 15,
                               "paced clients=2000 query=rate=100")
        figures(bench, "2,000 clients with rate=100", result, ("paced",), 100)
    go_server(bench, "2,000 at 100/s", 15, 100, "paced clients=2000 query=rate=100")


def with_bad_neighbours(bench: Bench) -> None:
    neighbours = ("slow clients=100 query=rate=100 read=1024 rcvbuf=4096",
                  "resetting clients=100 query=rate=100 reset=1")
    with PlayloadServer(*SCENARIO, "--rate", "1k") as server:
        result = bench.clients(server.port, server.process.pid, 20,
                               "paced clients=1800 query=rate=100", *neighbours)
        figures(bench, "with 100 slow, 100 resetting", result, ("paced",), 100)
        resumed = sum(one["resumed"] for one in result["classes"])
        bench.row("with 100 slow, 100 resetting: resumed", str(resumed), "> 1,000",
                  resumed > 1_000)
    with PlayloadServer(*SCENARIO, "--rate", "100") as server:
        result = bench.clients(server.port, server.process.pid, 20, "live clients=1800",
                               "slow clients=100 read=1024 rcvbuf=4096",
                               "resetting clients=100 query=after=0 reset=1")
        figures(bench, "the same, all live", result, ("live",), 100)
    go_server(bench, "100 slow, 100 resetting", 20, 100, "paced clients=1800 query=rate=100",
              *neighbours)


def ten_thousand(bench: Bench) -> None:
    with PlayloadServer(*SCENARIO, "--rate", "20") as server:
        result = bench.clients(server.port, server.process.pid, 60, "live clients=10000")
    figures(bench, "10,000 live clients at 20/s", result, ("live",), 20)
    connect = result["connect_seconds"]
    bench.row("10,000 clients: connected after",
              "never" if connect is None else f"{connect:.2f} s", "<= 5 s",
              connect is not None and connect <= 5)
    per_client = result["server"]["bytes_per_client"] / KIB
    bench.row("10,000 clients: memory a client", f"{per_client:.1f} KiB", "<= 32 KiB",
              per_client <= 32)
    with PlayloadServer(*SCENARIO, "--rate", "1k") as server:
        result = bench.clients(server.port, server.process.pid, 60,
                               "paced clients=10000 query=rate=20")
    figures(bench, "10,000 clients with rate=20", result, ("paced",), 20)
    per_client = result["server"]["bytes_per_client"] / KIB
    bench.row("10,000 with rate=20: memory a client", f"{per_client:.1f} KiB", "<= 32 KiB",
              per_client <= 32)
    go_server(bench, "10,000 at 20/s", 20, 20, "paced clients=10000 query=rate=20")


def comings_and_goings(bench: Bench) -> None:
    with PlayloadServer(*SCENARIO, "--rate", "100") as server:
        result = bench.clients(server.port, server.process.pid, bench.minutes * 60,
                               "churning clients=1000 live=0.1-2")
    lost = sum(one["lost"] + sum(one["faults"].values()) for one in result["classes"])
    streams = sum(one["streams"] for one in result["classes"])
    samples = result["server"]["samples"]
    # The first tenth fills caches and the allocator's reserves.
    steady = samples[len(samples) // 10 : -1]
    half = len(steady) // 2
    first = max(one["rss_bytes"] for one in steady[:half])
    second = max(one["rss_bytes"] for one in steady[half:])
    before, after = (result["server"][when]["descriptors"] for when in ("before", "after"))
    what = f"1,000 coming and going, {bench.minutes:g} min"
    bench.row(f"{what}: streams", f"{streams:,}")
    bench.row(f"{what}: faults", str(lost), "0", lost == 0 and result["contract_held"])
    bench.row(f"{what}: resident, 1st/2nd half", f"{first / MIB:.1f} / {second / MIB:.1f} MiB",
              "+ <= 1 MiB", second <= first + MIB)
    bench.row(f"{what}: descriptors before/after", f"{before} / {after}", "the same",
              after <= before)
    p99 = result["healthz"]["window"]["p99_ms"]
    bench.row(f"{what}: /healthz p99", f"{p99:.1f} ms", "< 100 ms", p99 < 100)


# ---- f: polled ----

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type application/json;
  {paths}
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def wrk(url: str) -> float:
    done = subprocess.run(["wrk", "-c", "64", "-t", "1", "-d", f"{2 * MEASURE_SECONDS}s", url],
                          capture_output=True, text=True, timeout=120, check=True)
    for bad in ("Non-2xx", "Socket errors"):
        if bad in done.stdout:
            raise SystemExit(f"{url}:\n{done.stdout}")
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)[1])


@contextlib.contextmanager
def nginx(scratch: pathlib.Path, body: bytes) -> Iterator[str]:
    """An nginx with one worker that has `body` as a file; the file's address."""
    folder = scratch / "nginx"
    folder.mkdir()
    (folder / "event.json").write_bytes(body)
    scratch.chmod(0o755)  # its worker is another user when we are root
    paths = "".join(f"{name}_temp_path {folder}/{name}; " for name in
                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    from kafka_server import free_ports  # tests/e2e
    port = free_ports(1)[0]
    (folder / "conf").write_text(NGINX.format(folder=folder, port=port, paths=paths))
    process = subprocess.Popen(["nginx", "-c", folder / "conf", "-e", folder / "error.log"],
                               stdin=subprocess.DEVNULL, preexec_fn=end_with(os.getpid()))
    url = f"http://127.0.0.1:{port}/event.json"
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                fetch(url)
                break
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def polled(bench: Bench) -> None:
    if shutil.which("wrk") is None:
        print("  (wrk is not installed: no polled endpoint)")
        return
    with PlayloadServer(*SCENARIO) as server:
        rate = wrk(server.url + "/player_event")
        bench.row("polled endpoint, wrk -c 64 -t 1", f"{rate:,.0f} requests/s",
                  ">= 30,000/s", rate >= 30_000)
        arrays = wrk(server.url + "/player_event?count=100")
        bench.row("  arrays of 100 events", f"{arrays:,.0f} requests/s")
        body = fetch(server.url + "/player_event")
    os.environ["PATH"] += ":/usr/sbin"
    if shutil.which("nginx") is None:
        print("  (nginx is not installed: no yardstick)")
    else:
        with nginx(bench.scratch, body) as url:
            bench.row("  yardstick: nginx, a file of as many bytes",
                      f"{wrk(url):,.0f} requests/s")
    if (program := bench.built("go_server")) is not None:
        with bench.helper(program, "-event", body.decode()) as (_, port):
            rate = wrk(f"http://127.0.0.1:{port}/player_event")
            bench.row("  yardstick: Go, the bytes from memory", f"{rate:,.0f} requests/s")


PARTS = {
    "a": one_client,
    "b": two_thousand,
    "c": with_bad_neighbours,
    "d": ten_thousand,
    "e": comings_and_goings,
    "f": polled,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--playload", default=str(ROOT / "build/release/playload"))
    parser.add_argument("--parts", default="".join(PARTS))
    parser.add_argument("--minutes", type=float, default=10, help="of part e")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {''.join(sorted(unknown))}")
    program = pathlib.Path(options.playload).resolve()
    os.environ["PLAYLOAD"] = str(program)

    with tempfile.TemporaryDirectory(prefix="playload-bench-") as scratch:
        bench = Bench(program.parent / "bench/http", pathlib.Path(scratch), options.minutes)
        for part in options.parts:
            print(f"{part}:")
            PARTS[part](bench)
    print("\n| measured | | must hold | |\n| --- | --- | --- | --- |")
    for row in bench.rows:
        held = {True: "held", False: "missed", None: ""}[row["held"]]
        print(f"| {row['what'].strip()} | {row['measured']} | {row['bound']} | {held} |")
    if options.json:
        options.json.write_text(json.dumps(bench.rows, indent=2) + "\n")
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
