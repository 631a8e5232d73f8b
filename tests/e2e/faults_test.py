"""Data faults from a run's files or streams to a verdict; no server but those inside the program."""

import collections
import datetime
import json
import os
import re
import subprocess
import unittest
import urllib.request

import harness
from http_expect import wait_until_released
from http_server import PlayloadServer

RUN = ["data-faults", "--seed", "3", "--rate", "10k", "--duration", "8s"]
VIRTUAL = ["--clock", "virtual", "--start", "2026-01-01T00:00:00Z"]
LABELS = (
    *("duplicate", "late", "drop", "clock-skew", "cut-off"),
    *("wrong-type", "missing-field", "unknown-field", "bad-utf8", "schema-version"),
)


class FaultsTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.run_dir = self.scratch / "run"
        self.events = self.scratch / "events"
        self.playload(
            *["run", *RUN, *VIRTUAL, "--to", f"file:{self.events}"],
            *["--run-dir", self.run_dir, "--quiet"],
        )
        rows = self.playload("expect", self.run_dir, "--faults").stdout.splitlines()
        self.faults = [json.loads(row) for row in rows]

    def test_every_fault_is_in_the_ledger_and_told(self):
        told = collections.Counter((fault["topic"], fault["fault"]) for fault in self.faults)
        ledger = json.loads((self.run_dir / "ledger.json").read_text())
        counted = collections.Counter()
        for topic in ledger["destinations"][0]["topics"]:
            for label, count in topic["faults"].items():
                counted[topic["topic"], label] = count
        self.assertEqual(told, counted)
        summary = self.summary(self.run_dir)
        self.assertEqual(list(summary["faults"]), list(LABELS))
        for label in LABELS:
            total = sum(counted[topic, label] for topic in harness.INPUTS)
            self.assertGreater(total, 0, label)
            self.assertEqual(summary["faults"][label], total, label)
        plan = json.loads(self.playload("plan", *RUN, "--json").stdout)
        self.assertEqual(plan["faults"], summary["faults"])
        self.assertEqual(plan["expected"]["fraud-alerts"], summary["expected"]["fraud-alerts"])

    def test_what_is_told_is_what_was_sent(self):
        rows = harness.lines(self.events / "purchase-events.ndjson")
        times = collections.Counter()
        late = 0
        events = {}
        for row in rows:
            try:
                event = json.loads(row)
                transaction = event["parameters"]["transaction_id"]
            except (ValueError, KeyError):
                continue
            if not isinstance(transaction, str):
                continue
            times[transaction] += 1
            events[transaction] = event
        again = collections.Counter(
            f"trans_{fault['of'] + 1}" for fault in self.faults if fault["fault"] == "duplicate"
        )
        repeated = {name: count for name, count in times.items() if count > 1}
        self.assertGreater(len(repeated), 20)
        self.assertEqual({name: again[name] + 1 for name in repeated}, repeated)
        for fault in self.faults:
            event = events.get(f"trans_{fault['position'] + 1}")
            if fault["fault"] != "late" or fault["topic"] != "purchase-events" or not event:
                continue
            # Planned at 10,000 events a second.
            planned = 1767225600 + fault["position"] / 10_000
            instant = planned - fault["seconds"]
            self.assertEqual(event["user_data"]["user_id"], fault["key"])
            self.assertEqual(event["event_timestamp"], utc(int(instant)), fault)
            late += 1
        self.assertGreater(late, 20)

    def test_every_position_is_one_event(self):
        rows = sum(len(harness.lines(self.events / name)) for name in harness.FILES)
        self.assertEqual(rows, 80_000)

    def test_the_inputs_are_verified_byte_for_byte(self):
        verify = ["verify", self.run_dir, "--from", f"file:{self.events}", "--inputs"]
        self.playload(*verify)
        for topic, classes in self.verdict(self.run_dir)["inputs"].items():
            self.assert_clean(classes, topic)
        # Whoever repairs a damaged event, or leaves out a repetition, is found out.
        path = self.events / "purchase-events.ndjson"
        rows = harness.lines(path)
        seen = set()
        path.write_bytes(b"".join(row + b"\n" for row in rows if not (row in seen or seen.add(row))))
        self.playload(*verify, code=harness.EXIT_VERIFY_FAILED)
        purchases = self.verdict(self.run_dir)["inputs"]["purchase-events"]
        self.assertEqual(purchases["missing"], len(rows) - len(seen))
        self.assertGreater(purchases["missing"], 20)
        json.loads((self.run_dir / "verdict.json").read_bytes().decode("ascii"))

    def test_through_the_pipeline_and_back(self):
        run_dir = self.scratch / "embedded"
        done = self.playload(
            *["run", *RUN, "--to", "kafka://embedded", "--pipeline", "--verify"],
            *["--run-dir", run_dir],
        )
        self.assertIn(" schema-version", done.stderr)
        verdict = self.verdict(run_dir)
        self.assertTrue(verdict["passed"], done)
        for output in harness.OUTPUTS:
            self.assert_clean(verdict["outputs"][output], output)
            self.assertGreater(verdict["outputs"][output]["expected"], 0, output)


class HttpTest(harness.Case):
    ENDPOINTS = {"player-events": "player_event", "purchase-events": "purchase_event"} | {
        "server-metrics": "server_metric"
    }
    TIME = re.compile(rb'"event_timestamp":"[^"]*')

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.server.url + path, timeout=60) as answer:
            return answer.read()

    def setUp(self):
        super().setUp()
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=20)
        run_of = ["data-faults", "--seed", 4, "--rate", "2k", "--events", 30_000]
        run_of += ["--start", start.strftime("%Y-%m-%dT%H:%M:%SZ")]
        command = [harness.program(), "run", *map(str, run_of), "--clock", "virtual", "--quiet"]
        command += ["--to", "stdout", "--run-dir", str(self.scratch / "virtual")]
        done = subprocess.run(command, capture_output=True, check=True, timeout=120)
        self.rows = done.stdout.splitlines()
        self.server = self.enterContext(PlayloadServer(*run_of))
        wait_until_released(self.server.url, 30_000)

    def test_streams_have_the_bytes_of_the_run(self):
        got = self.get("/stream_events?format=ndjson&after=0&limit=20000").splitlines()
        self.assertEqual(got, self.rows[:20_000])
        events = self.get("/stream_events?after=0&limit=2000").split(b"\n\n")
        data = [event.split(b"\n")[0].removeprefix(b"data: ") for event in events[1:-1]]
        self.assertEqual(data, self.rows[:2_000])

    def test_the_status_is_json_whatever_came_last(self):
        for kind, status in json.loads(self.get("/status"))["kinds"].items():
            self.assertIn("event_timestamp", status["latest"], kind)

    def test_what_is_polled_is_verified(self):
        folder = self.scratch / "polled"
        folder.mkdir()
        heads = (b'{"event_name":"player', b'{"event_name":"transaction', b'{"event_name":"server')
        for topic, endpoint in self.ENDPOINTS.items():
            body = self.get(f"/{endpoint}?count=500&format=ndjson")
            (folder / f"{topic}.ndjson").write_bytes(body)
            # The first ones of their kind, but for the instant.
            kind = heads[harness.INPUTS.index(topic)].removeprefix(b"{")
            own = [row for row in self.rows if kind in row][:500]
            self.assertEqual(
                [self.TIME.sub(b"", row) for row in body.splitlines()],
                [self.TIME.sub(b"", row) for row in own],
                topic,
            )
        self.server.stop()
        self.playload(
            *["verify", self.server.run_dir, "--from", f"file:{folder}", "--inputs"],
            *["--fed-by", "polled"],
        )
        for topic, classes in self.verdict(self.server.run_dir)["inputs"].items():
            self.assert_clean(classes, topic)
            self.assertEqual(classes["expected"], 500, topic)


def utc(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
