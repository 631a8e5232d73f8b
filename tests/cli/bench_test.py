"""playload bench: what it prints, what it refuses, how it ends, and that it leaves nothing behind.

The program stands in the environment variable PLAYLOAD. Stages have the least time that there is;
no figure is judged.
"""

import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import jsonschema

PLAYLOAD = os.environ["PLAYLOAD"]
VERIFICATION = 99
UNREACHABLE = 102
INTERRUPTED = 105
DESTINATION = 107
INTERNAL = 109
SHORT = ["bench", "--seconds", "0.1"]

SHARE = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
SPREAD = {
    "type": "object",
    "properties": {key: {"type": "number", "minimum": 0} for key in ("median", "least", "most")},
    "required": ["median", "least", "most"],
    "additionalProperties": False,
}


def closed(properties):
    """Every property is there, and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def or_null(schema):
    return {"anyOf": [schema, {"type": "null"}]}


STAGES = ["yardstick", "simulate", "encode", "generate", "pipe", "file", "embedded_kafka", "kafka"]
SCHEMA = closed(
    {
        "version": {"const": 1},
        "playload": {"type": "string"},
        "machine": closed(
            {
                "cpu": {"type": ["string", "null"]},
                "cores": {"type": "integer", "minimum": 1},
                "cpu_quota": {"type": ["number", "null"]},
                "memory_bytes": {"type": "integer", "minimum": 1},
                "kernel": {"type": ["string", "null"]},
                "load_average": {"type": ["number", "null"]},
            }
        ),
        "scenario": {"type": "string"},
        "players": {"type": "integer"},
        "seed": {"type": "integer"},
        "stage_seconds": {"type": "number"},
        "threads": {"type": "integer", "minimum": 1},
        "bytes_per_event": {"type": "number", "minimum": 100},
        "stages": {
            "type": "array",
            "items": closed(
                {
                    "stage": {"enum": STAGES},
                    "label": {"type": "string"},
                    "threads": {"type": "integer", "minimum": 1},
                    "error": {"type": ["string", "null"]},
                    "events_per_second": or_null(SPREAD),
                    "bytes_per_second": or_null(SPREAD),
                    "cpu_us_per_event": {"type": ["number", "null"]},
                    "times_yardstick": {"type": ["number", "null"]},
                    "plain_loop": or_null(
                        closed({"bytes_per_second": SPREAD, "times": {"type": "number"}})
                    ),
                    "slices": {"type": "array", "items": {"type": "number", "minimum": 0}},
                    "others_share": SHARE,
                    "stolen_share": SHARE,
                    "waited_share": SHARE,
                }
            ),
        },
        "scaling": or_null(
            closed({"threads": {"type": "integer", "minimum": 2}, "times": {"type": "number"}})
        ),
        "others_share": SHARE,
        "stolen_share": SHARE,
        "plan": or_null(
            closed(
                {
                    "events_per_second": {"type": "number"},
                    "stages": {
                        "type": "array",
                        "items": closed(
                            {
                                "label": {"type": "string"},
                                "fit": {"enum": ["fits", "barely", "limits", "unknown"]},
                                "times": {"type": ["number", "null"]},
                                "at_most_events_per_second": {"type": ["number", "null"]},
                            }
                        ),
                    },
                    "slowest": {"type": ["string", "null"]},
                }
            )
        ),
    }
)


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-cli-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)

    def playload(self, *arguments, env=None, **options):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PLAYLOAD")}
        return subprocess.run(
            [PLAYLOAD, *map(str, arguments)],
            cwd=self.scratch,
            env={**environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
            **options,
        )

    def measured(self, *arguments, code=0, **options):
        """The JSON of a bench that ended with this code, valid."""
        done = self.playload(*SHORT, "--json", *arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(os.listdir(self.scratch), [], "something was left behind")
        report = json.loads(done.stdout)
        jsonschema.Draft202012Validator(SCHEMA).validate(report)
        return report


class ReportTest(Case):
    def test_the_table_is_on_stdout_and_a_line_per_stage_on_stderr(self):
        done = self.playload(*SHORT, "--rate", "200k")
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in (
            "steady, 10,000 players, seed 1; 100ms a stage",
            "RapidJSON's Writer",
            "planned: 200,000 events/s",
            "of a plain loop of write() into the same pipe",
        ):
            self.assertIn(words, done.stdout)
        for label in ("simulate", "encode", "generate, 1 thread", "into a pipe", "into files"):
            self.assertRegex(done.stdout, rf"(?m)^{label} +[0-9,]+ +[0-9,]+ +[0-9,]+ ")
            self.assertRegex(done.stderr, rf"(?m)^{label}: [0-9,]+ events/s$")
        self.assertEqual(os.listdir(self.scratch), [], "something was left behind")

    def test_the_json_says_the_same_and_adds_up(self):
        report = self.measured("fraud-ring", "--rate", "1M", "--players", "5k", "--seed", "7")
        self.assertEqual(
            (report["scenario"], report["players"], report["seed"], report["stage_seconds"]),
            ("fraud-ring", 5_000, 7, 0.1),
        )
        stages = report["stages"]
        self.assertEqual(stages[0]["stage"], "yardstick")
        self.assertEqual({stage["stage"] for stage in stages}, {*STAGES} - {"kafka"})
        yardstick = stages[0]["events_per_second"]["median"]
        for stage in stages:
            with self.subTest(stage=stage["label"]):
                self.assertIsNone(stage["error"])
                spread = stage["events_per_second"]
                self.assertLessEqual(spread["least"], spread["median"])
                self.assertLessEqual(spread["median"], spread["most"])
                self.assertIn(spread["most"], stage["slices"])
                times = spread["median"] / yardstick
                self.assertAlmostEqual(stage["times_yardstick"], times, delta=0.001)
                beside = stage["stage"] in ("pipe", "file")
                self.assertEqual(stage["plain_loop"] is not None, beside)
                lines = stage["stage"] != "simulate"
                self.assertEqual(stage["bytes_per_second"] is not None, lines)
        plan = report["plan"]
        self.assertEqual(plan["events_per_second"], 1_000_000)
        by_label = {stage["label"]: stage["events_per_second"]["median"] for stage in stages}
        self.assertEqual(
            [row["label"] for row in plan["stages"]][1:],
            ["into a pipe", "into files", "embedded Kafka"],
        )
        for row in plan["stages"]:
            median = by_label[row["label"]]
            self.assertAlmostEqual(row["times"], median / 1_000_000, delta=0.001)
            self.assertAlmostEqual(
                row["at_most_events_per_second"], min(median, 1_000_000), delta=1
            )
            self.assertEqual(row["fit"] == "limits", median < 1_000_000)
        slowest = min(plan["stages"], key=lambda row: row["times"])
        self.assertEqual(plan["slowest"], slowest["label"])

    def test_the_plan_is_the_scenarios_or_none(self):
        plan = self.measured("launch-day")["plan"]
        self.assertEqual(plan["events_per_second"], 20_000)
        self.assertIsNone(self.measured("--rate", "max")["plan"])

    def test_a_rate_that_is_required(self):
        self.measured("--require-rate", "1", "--quiet")
        done = self.playload(*SHORT, "--require-rate", "1000M", "--quiet")
        self.assertEqual(done.returncode, VERIFICATION)
        self.assertRegex(
            done.stderr, r"^playload: --require-rate 1,000,000,000/s .* generate, \d+ threads? makes"
        )
        self.assertIn("simulate", done.stdout)

    def test_what_the_environment_says_of_runs_is_not_for_a_bench(self):
        kafka = {"PLAYLOAD_TO": "kafka://127.0.0.1:1", "PLAYLOAD_TOPIC": "player-events=mine"}
        report = self.measured("--quiet", env={**kafka, "PLAYLOAD_CREATE_TOPICS": "partitions=6"})
        self.assertNotIn("kafka", [stage["stage"] for stage in report["stages"]])


class EndTest(Case):
    def test_a_broker_that_is_not_there_is_known_before_anything_is_measured(self):
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))  # and listens not
            broker = f"127.0.0.1:{deaf.getsockname()[1]}"
            to = ["--to", f"kafka://{broker}", "--connect-timeout", "1s"]
            done = self.playload(*SHORT, *to, "--quiet")
        self.assertEqual(done.returncode, UNREACHABLE, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertIn(f"Kafka at {broker} did not answer within 1s", done.stderr)
        self.assertEqual(os.listdir(self.scratch), [], "something was left behind")

    def test_a_full_disk_fails_its_stage_and_no_other(self):
        size = 4_000_000
        report = self.measured(
            *["--rate", "1k", "--quiet"],
            code=DESTINATION,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        )
        for stage in report["stages"]:
            failed = stage["stage"] == "file"
            self.assertEqual(stage["error"] is not None, failed, stage)
            self.assertEqual(stage["events_per_second"] is None, failed, stage)
            self.assertEqual(stage["slices"] == [], failed, stage)
        fits = {row["label"]: row["fit"] for row in report["plan"]["stages"]}
        self.assertEqual(fits["into files"], "unknown")

    def test_its_message_names_the_stage_and_the_reason(self):
        done = self.playload(
            *[*SHORT, "--quiet"],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000)),
        )
        self.assertEqual(done.returncode, DESTINATION)
        self.assertRegex(done.stderr, r"^playload: into files: .*File too large \(EFBIG\)")
        self.assertRegex(done.stdout, r"(?m)^into files +failed: .*EFBIG")

    def test_a_full_stdout_is_an_error(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = self.playload(*SHORT, "--quiet", stdout=full)
        self.assertEqual(done.returncode, DESTINATION)
        self.assertIn("stdout", done.stderr)

    def test_a_folder_that_cannot_be_written(self):
        (self.scratch / "closed").mkdir(mode=0o500)
        command = [PLAYLOAD, *SHORT, "--dir", "closed", "--quiet"]
        if os.geteuid() == 0:  # root may write everywhere, unless that is taken away
            command = ["setpriv", "--bounding-set=-dac_override", *command]
        done = subprocess.run(
            command, cwd=self.scratch, capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(done.returncode, 104, done.stderr)
        self.assertIn("closed", done.stderr)

    def interrupted(self, ready, *arguments):
        """Ctrl-C as soon as `ready`."""
        with subprocess.Popen(
            [PLAYLOAD, "bench", *arguments],
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                limit = time.monotonic() + 60
                while not ready():
                    self.assertLess(time.monotonic(), limit, "waited in vain")
                    self.assertIsNone(process.poll(), "ended before")
                    time.sleep(0.005)
                process.send_signal(signal.SIGINT)
                out, message = process.communicate(timeout=60)
            finally:
                if process.poll() is None:
                    process.kill()
        self.assertEqual(process.returncode, INTERRUPTED, message)
        self.assertEqual(out, "")
        self.assertIn("interrupted", message)
        self.assertEqual(os.listdir(self.scratch), [], "something was left behind")

    def folders(self, pattern=""):
        return list(self.scratch.glob("playload-bench-*" + pattern))

    def test_ctrl_c_at_the_beginning(self):
        self.interrupted(self.folders, "--seconds", "30")

    def test_ctrl_c_while_files_are_written(self):
        def written():
            files = self.folders("/events/*player-events.ndjson")
            try:
                return files and files[0].stat().st_size > 0
            except FileNotFoundError:
                return False

        self.interrupted(written, "--seconds", "0.5")


if __name__ == "__main__":
    unittest.main()
