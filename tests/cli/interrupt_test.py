"""Ends of a run that nobody planned: Ctrl-C once and twice, a reader that goes away, clients of a
server that is told to end.

The program stands in the environment variable PLAYLOAD. Every wait is for something that the
program does, with a limit; nothing depends on how fast it does it.
"""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

PLAYLOAD = os.environ["PLAYLOAD"]
INTERRUPTED = 105
FATES = ("acked", "failed", "unknown", "shed")


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-cli-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.run_dir = self.scratch / "run"

    def start(self, *arguments, command="run", **options):
        process = subprocess.Popen(
            [PLAYLOAD, command, *arguments, "--run-dir", str(self.run_dir)],
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", subprocess.DEVNULL),
            stderr=subprocess.PIPE,
            **options,
        )
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def wait_until(self, condition):
        limit = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), limit, "waited in vain")
            time.sleep(0.02)

    def lines(self, topic):
        path = self.scratch / "out" / f"{topic}.ndjson"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def checked_summary(self):
        summary = json.loads((self.run_dir / "summary.json").read_text())
        for topic, counts in summary["topics"].items():
            self.assertEqual(counts["generated"], sum(counts[f] for f in FATES), topic)
        return summary


class InterruptTest(Case):
    def test_each_signal_stops_flushes_and_sums_up(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                shutil.rmtree(self.scratch / "out", ignore_errors=True)
                shutil.rmtree(self.run_dir, ignore_errors=True)
                process = self.start(
                    *["steady", "--rate", "2k", "--duration", "10m", "--to", "file:out", "--quiet"]
                )
                self.wait_until(lambda: self.lines("player-events") > 500)
                process.send_signal(number)
                _, message = process.communicate(timeout=60)
                self.assertEqual(process.returncode, INTERRUPTED, message)
                summary = self.checked_summary()
                self.assertEqual(summary["status"], "interrupted")
                for topic, counts in summary["topics"].items():
                    self.assertEqual(counts["acked"], self.lines(topic), topic)
                    self.assertGreaterEqual(counts["planned"], counts["generated"], topic)
                # Digest and expectation are those of what was sent.
                self.assertIsNotNone(summary["digest"])
                self.assertEqual(
                    summary["expected"]["purchase-aggregates"], self.lines("purchase-events")
                )
                manifest = json.loads((self.run_dir / "manifest.json").read_text())
                self.assertTrue(manifest["finished"])
                sent = sum(self.lines(topic) for topic in summary["topics"])
                self.assertEqual(manifest["destinations"][0]["end"], sent)

    def test_the_second_ctrl_c_does_not_wait(self):
        # A reader that does not read: events are accepted that cannot be written.
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        process = self.start(
            *["steady", "--rate", "50k", "--duration", "10m", "--to", "stdout"],
            *["--drain-timeout", "10m"],
            stdout=write_end,
        )
        os.close(write_end)
        self.wait_until((self.run_dir / "manifest.json").exists)
        # The pipe is full once nothing more goes in.
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        # It says that it is flushing; that can take ten minutes, or less once more asked for.
        for line in process.stderr:
            if b"interrupted" in line:
                break
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)
        summary = self.checked_summary()
        self.assertEqual(summary["status"], "interrupted")

    def test_ctrl_c_while_it_waits_for_its_start(self):
        process = self.start(
            *["steady", "--start", "2100-01-01T00:00:00Z", "--duration", "1s", "--to", "null"]
        )
        self.wait_until((self.run_dir / "manifest.json").exists)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)
        summary = self.checked_summary()
        self.assertEqual(sum(c["planned"] for c in summary["topics"].values()), 0)

    def test_a_background_job_of_a_script_can_be_interrupted(self):
        # A shell starts it with SIGINT ignored.
        process = self.start(
            *["steady", "--rate", "1k", "--duration", "60s", "--to", "null", "--quiet"],
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        self.wait_until((self.run_dir / "manifest.json").exists)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)

    def test_nohup_is_obeyed(self):
        process = self.start(
            *["steady", "--rate", "1k", "--duration", "2s", "--to", "null", "--quiet"],
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
        self.wait_until((self.run_dir / "manifest.json").exists)
        process.send_signal(signal.SIGHUP)
        _, message = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, message)

    def test_a_reader_that_goes_away_is_no_failure(self):
        process = self.start(
            *["steady", "--clock", "virtual", "--events", "1M", "--to", "stdout", "--quiet"],
            stdout=subprocess.PIPE,
        )
        first = process.stdout.readline()
        process.stdout.close()
        message = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 0, message)
        self.assertTrue(json.loads(first)["event_name"])
        summary = self.checked_summary()
        self.assertTrue(summary["destinations"][0]["reader_gone"])
        self.assertLess(summary["destinations"][0]["end"], 1_000_000)

    def test_results_into_a_pipe_that_closes(self):
        done = subprocess.run(
            ["bash", "-c", 'set -o pipefail; "$PLAYLOAD" show scenario launch-day | head -n 1'],
            capture_output=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)


class Client:
    """Reads a stream to its end, whole or cut off, in a thread."""

    def __init__(self, port, query):
        self.body = b""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        request = f"GET /stream_events?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.socket.sendall(request.encode())
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        with self.socket, self.socket.makefile("rb") as stream:
            while stream.readline().strip():
                pass
            while part := stream.read1(65536):
                self.body += part

    def sequence(self):
        """The ids of an SSE stream, every event of which must be whole."""
        ids = []
        for event in self.body.removesuffix(b"\n\n").split(b"\n\n"):
            if event.startswith((b"retry:", b":")):
                continue
            data, number = event.split(b"\n")
            json.loads(data.removeprefix(b"data: "))
            ids.append(int(number.removeprefix(b"id: ")))
        return ids


class ServerTest(Case):
    def serve(self, *arguments, command="serve", **options):
        if command == "serve":
            arguments = ["steady", "--listen", "127.0.0.1:0", *arguments]
        process = self.start(*arguments, command=command, **options)
        for line in process.stderr:
            if found := re.search(rb":(\d+)/ serves to this machine alone", line):
                return process, int(found[1])
        self.fail(f"ended with {process.wait()}")

    def ended(self, process, code):
        _, message = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, message)
        return self.checked_summary()

    def test_sigterm_leaves_every_client_with_whole_events(self):
        process, port = self.serve("--rate", "20k")
        clients = [Client(port, f"after=0&{form}") for form in ("", "format=ndjson", "format=json")]
        live = Client(port, "type=purchase,server")
        self.wait_until(lambda: all(len(c.body) > 1_000_000 for c in clients) and live.body)
        process.send_signal(signal.SIGTERM)
        summary = self.ended(process, INTERRUPTED)
        for client in [*clients, live]:
            client.thread.join(60)
        sse, ndjson, blank = clients
        ids = sse.sequence()
        self.assertEqual(ids, list(range(1, len(ids) + 1)))
        self.assertEqual(live.sequence(), sorted(set(live.sequence())))
        for client, delimiter in ((ndjson, b"\n"), (blank, b"\n\n")):
            self.assertTrue(client.body.endswith(delimiter))
            for line in client.body.removesuffix(delimiter).split(delimiter):
                json.loads(line)
        # Acknowledged is what some client has. Who began at the front may have what those who began
        # at the beginning had no time for.
        most = max(len(ids), ndjson.body.count(b"\n"), blank.body.count(b"\n\n"))
        beyond = sum(1 for event in live.sequence() if event > most)
        self.assertEqual(
            sum(counts["acked"] for counts in summary["topics"].values()), most + beyond
        )
        self.assertEqual(summary["status"], "interrupted")
        http = summary["destinations"][0]["http"]
        self.assertEqual(http["clients"]["sessions"], 4)
        self.assertEqual(http["clients"]["ends"]["shutdown"], 4)
        manifest = json.loads((self.run_dir / "manifest.json").read_text())
        self.assertTrue(manifest["finished"])

    def test_a_signal_after_the_last_event_is_a_normal_end(self):
        process, port = self.serve("--rate", "5k", "--events", "1k")
        client = Client(port, "after=0")
        self.wait_until(lambda: b"id: 1000\n" in client.body)
        self.wait_until((self.run_dir / "ledger.json").exists)  # written when all is released
        process.send_signal(signal.SIGTERM)
        summary = self.ended(process, 0)
        client.thread.join(60)
        self.assertEqual(client.sequence(), list(range(1, 1_001)))
        self.assertEqual(summary["status"], "done")
        self.assertEqual(sum(counts["acked"] for counts in summary["topics"].values()), 1_000)

    def test_kill_9_while_it_stays_leaves_what_is_known(self):
        out = f"file:{self.scratch / 'out'}"
        process, _ = self.serve(
            *["steady", "--rate", "5k", "--events", "1k", "--to", out],
            *["--to", "http://127.0.0.1:0", "--hold", "10m"],
            command="run",
        )
        self.wait_until((self.run_dir / "ledger.json").exists)
        process.kill()
        process.wait()
        ledger = json.loads((self.run_dir / "ledger.json").read_text())
        file, http = ledger["destinations"]
        self.assertEqual(sum(topic["acked"] for topic in file["topics"]), 1_000)
        self.assertEqual(sum(topic["unknown"] for topic in http["topics"]), 1_000)
        manifest = json.loads((self.run_dir / "manifest.json").read_text())
        self.assertFalse(manifest["finished"])
        self.assertEqual([each["end"] for each in manifest["destinations"]], [1_000, 1_000])

    def test_a_run_is_over_when_its_readers_have_it(self):
        process, port = self.serve(
            *["steady", "--rate", "1k", "--events", "5k", "--to", "http://127.0.0.1:0"],
            command="run",
        )
        client = Client(port, "after=0")
        summary = self.ended(process, 0)
        client.thread.join(60)
        self.assertEqual(client.sequence(), list(range(1, 5_001)))
        self.assertEqual(summary["destinations"][0]["http"]["clients"]["sessions"], 1)

    def test_a_reader_that_does_not_read_is_waited_for_until_the_second_signal(self):
        process, port = self.serve("--rate", "100k", "--events", "100k", "--drain-timeout", "10m")
        # More than any socket buffer holds; it has asked, and reads no more.
        deaf = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.addCleanup(deaf.close)
        deaf.sendall(b"GET /stream_events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(deaf.recv(1_000))
        self.wait_until((self.run_dir / "ledger.json").exists)
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        summary = self.ended(process, 0)
        self.assertGreater(sum(counts["shed"] for counts in summary["topics"].values()), 0)

    def test_too_few_descriptors_are_said(self):
        process = self.start(
            *["steady", "--listen", "127.0.0.1:0", "--max-connections", "1k", "--quiet"],
            command="serve",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96)),
        )
        said = process.stderr.readline()
        for words in (b"96 descriptors", b"32 clients", b"--max-connections 1,000"):
            self.assertIn(words, said)
        self.assertIn(b"serves to this machine alone", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        self.ended(process, INTERRUPTED)

    def test_there_is_room_for_as_many_clients_as_the_hard_limit_allows(self):
        process, port = self.serve(
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 1_024))
        )
        clients = [Client(port, "after=0&limit=1") for _ in range(100)]
        for client in clients:
            client.thread.join(60)
            self.assertEqual(client.sequence(), [1])
        process.send_signal(signal.SIGTERM)
        self.ended(process, INTERRUPTED)


if __name__ == "__main__":
    unittest.main()
