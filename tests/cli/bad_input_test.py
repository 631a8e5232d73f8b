"""Bad input: each gets one clear line on stderr, its exit code, and leaves nothing behind.

The program stands in the environment variable PLAYLOAD.
"""

import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import tempfile
import unittest

PLAYLOAD = os.environ["PLAYLOAD"]
INVALID = 104
CANNOT_LISTEN = 106
DESTINATION = 107
RUN = ["run", "steady", "--to", "null", "--duration", "1s", "--quiet"]
SERVE = ["serve", "--quiet", "--listen", "127.0.0.1:0"]
DRY = ["run", "steady", "--to", "file:out", "--clock", "virtual", "--rate", "1k"]


# Command line -> words that the one line on stderr must hold. All end with exit code 104.
COMMAND_LINES = [
    (["rnu", "steady"], ["'rnu'", "'run'"]),
    (["--rate", "5k"], ["command"]),
    (["run"], ["SCENARIO"]),
    (["run", "steady"], ["--to"]),
    (["run", "stedy", "--to", "null"], ["stedy", "steady"]),
    (["run", "steady", "fraud-ring", "--to", "null"], ["fraud-ring"]),
    ([*RUN, "--rtae", "5k"], ["--rtae", "--rate"]),
    ([*RUN, "--rate"], ["--rate"]),
    ([*RUN, "--rate", "0"], ["--rate"]),
    ([*RUN, "--rate", "-5"], ["--rate"]),
    ([*RUN, "--rate", "1e99"], ["--rate"]),
    ([*RUN, "--rate", "999999999999999999999999k"], ["--rate"]),
    ([*RUN, "--rate", "nan"], ["--rate"]),
    ([*RUN, "--rate", "max", "--clock", "virtual"], ["--rate", "virtual"]),
    ([*RUN, "--duration", "0s"], ["--duration"]),
    ([*RUN, "--duration", "5"], ["--duration"]),
    ([*RUN, "--duration", "99999999999d"], ["--duration"]),
    ([*RUN, "--events", "0"], ["--events"]),
    ([*RUN, "--events", "-3"], ["--events"]),
    ([*RUN, "--players", "0"], ["--players"]),
    ([*RUN, "--players", "1000000000000"], ["players"]),
    ([*RUN, "--seed", "seven"], ["--seed"]),
    ([*RUN, "--threads", "0"], ["--threads"]),
    ([*RUN, "--shard", "2/2"], ["--shard"]),
    ([*RUN, "--clock", "vitrual"], ["--clock", "virtual"]),
    ([*RUN, "--start", "2026-13-01T00:00:00Z"], ["--start"]),
    ([*RUN, "--id-prefix", "a_b"], ["--id-prefix"]),
    ([*RUN, "--topic", "player-event=x"], ["--topic", "player-events"]),
    ([*RUN, "--to", "kafak://localhost:1"], ["--to", "kafka://"]),
    ([*RUN, "--to", "kafka://localhost:notaport"], ["--to"]),
    ([*RUN, "--to", "kafka://localhost:1", "--kafka", "linger.mss=5"], ["linger.mss"]),
    ([*RUN, "--to", "kafka://localhost:1", "--kafka", "linger.ms=fast"], ["linger.ms"]),
    ([*RUN, "--to", "kafka://localhost:1", "--kafka-config", "none.conf"], ["none.conf"]),
    ([*RUN, "--persona", "none.yaml"], ["none.yaml"]),
    (["run", "steady", "--player", "player_0"], ["--player", "player_1"]),
    (["run", "steady", "--player", "gamer_7"], ["--player", "player_1"]),
    (["run", "steady", "--player", "player_7", "--to", "null"], ["--player"]),
    ([*RUN, "--to", "http://127.0.0.1"], ["--to", "ADDRESS:PORT"]),
    ([*RUN, "--to", "http://127.0.0.1:0/stream_events"], ["--to", "path"]),
    ([*RUN, "--to", "https://127.0.0.1:0"], ["--to", "proxy"]),
    ([*RUN, "--to", "http://0.0.0.0:0"], ["--to", "--token-file", "--allow-anonymous"]),
    ([*RUN, "--window", "5"], ["--window", "http://"]),
    (["serve", "steady", "fraud-ring"], ["fraud-ring"]),
    (["serve", "stedy"], ["stedy", "steady"]),
    (["serve", "--listen", "127.0.0.1"], ["--listen", "ADDRESS:PORT"]),
    (["serve", "--listen", ":8000"], ["--listen", "ADDRESS:PORT"]),
    (["serve", "--listen", "127.0.0.1:99999"], ["--listen", "ADDRESS:PORT"]),
    (["serve", "--listen", "0.0.0.0:0"], ["--listen", "--token-file", "--allow-anonymous"]),
    ([*SERVE, "--lisen", "127.0.0.1:0"], ["--lisen", "--listen"]),
    ([*SERVE, "--to", "null"], ["--to"]),
    ([*SERVE, "--rate", "0"], ["--rate"]),
    ([*SERVE, "--clock", "virtual"], ["--clock", "--events"]),
    ([*SERVE, "--slow-client", "drop"], ["--slow-client", "gap", "close"]),
    ([*SERVE, "--slow-after", "0"], ["--slow-after"]),
    ([*SERVE, "--window", "none"], ["--window"]),
    ([*SERVE, "--at-end", "leave"], ["--at-end", "stay", "close"]),
    ([*SERVE, "--token-file", "none"], ["--token-file", "none"]),
    ([*SERVE, "--token-file", "/dev/zero"], ["--token-file", "/dev/zero"]),
    ([*SERVE, "--cors-origin", "*"], ["--cors-origin"]),
    ([*SERVE, "--cors-origin", "https://dash.example/"], ["--cors-origin", "path"]),
    ([*SERVE, "--max-connections", "0"], ["--max-connections"]),
    ([*SERVE, "--max-connections", "9", "--max-per-address", "10"], ["--max-per-address"]),
    (["run", "no/such.yaml", "--to", "null"], ["no/such.yaml"]),
    (["run", ".", "--to", "null"], ["."]),
    (["run", "./", "--to", "null"], ["./"]),
    (["plan", "stedy"], ["stedy", "steady"]),
    (["plan", "steady", "--rate", "0"], ["--rate"]),
    (["list", "scenario"], ["scenario", "scenarios"]),
    (["show", "persona"], ["NAME"]),
    (["show", "persona", "whael"], ["whael", "whale"]),
    (["show", "person", "whale"], ["person", "persona"]),
    (["show", "persona", "whale", "--graph", "dto"], ["--graph", "dot"]),
    (["schema", "players"], ["players", "player"]),
    (["expect"], ["RUN_DIR"]),
    (["expect", "no-run"], ["no-run/manifest.json"]),
    (["expect", "no-run", "--output", "fraud-alert"], ["--output", "fraud-alerts"]),
    (["expect", "no-run", "--from", "90s"], ["--from", "+90s"]),
    (["expect", "no-run", "--to", "+soon"], ["--to", "soon"]),
    (["expect", "no-run", "--user", ""], ["--user"]),
    (["expect", "no-run", "--explain"], ["--explain", "--user"]),
    (["expect", "no-run", "--events", "--output", "fraud-alerts"], ["--output", "--events"]),
    (["expect", "no-run", "--user", "player_1", "--events", "--explain"], ["--explain"]),
    (["expect", "no-run", "--locate", "kafka://localhost:1"], ["--locate", "--explain"]),
    (["verify", "no-run", "--from", "file:out", "--locate"], ["--locate", "offsets"]),
    ([*RUN, "--checkpoints", "64"], ["--checkpoints", "MiB"]),
    ([*RUN, "--checkpoints", "on"], ["--checkpoints", "off"]),
    (["verify", "no-run"], ["--from"]),
    (["verify", "no-run", "--from", "kafka://localhost:1"], ["no-run/manifest.json"]),
    (["verify", "no-run", "--from", "file:x", "--only", "fraud"], ["--only"]),
    (["verify", "no-run", "--fed-by"], ["--fed-by"]),
    (["expect", "no-run", "--rules", "datafow"], ["--rules", "dataflow"]),
    (["expect", "no-run", "--rules", "no/such.yaml"], ["--rules", "no/such.yaml"]),
    (["expect", "no-run", "--rules", "velocity"], ["no-run/manifest.json"]),
    (
        ["expect", "no-run", "--rules", "velocity", "--output", "fraud-alerts"],
        ["--output", "velocity-alerts"],
    ),
    (["verify", "no-run", "--from", "file:x", "--rules", "velocty"], ["--rules", "velocity"]),
    (["verify", "no-run", "--from", "file:x", "--rules", "velocity"], ["no-run/manifest.json"]),
    (
        ["verify", "no-run", "--from", "file:x", "--rules", "velocity", "--only", "alerts"],
        ["--only", "velocity-alerts"],
    ),
    (
        ["verify", "no-run", "--from", "file:x", "--rules", "velocity", "--topic", "alerts=x"],
        ["--topic", "velocity-alerts"],
    ),
    (
        ["verify", "no-run", "--from", "file:x", "--rules", "velocity", "--threshold", "seen{x}>1"],
        ["--threshold", "velocity-alerts"],
    ),
    (["run", "steady", "--to", "kafka://x", "--rules", "velocity"], ["--rules", "--verify"]),
    (["run", "steady", "--to", "kafka://x", "--verify-timeout", "2s"], ["--verify-timeout", "--verify"]),
    (["run", "steady", "--to", "kafka://x", "--verify", "--only", "alerts"], ["--only", "fraud-alerts"]),
    (
        ["run", "steady", "--to", "kafka://x", "--verify", "--rules", "velocity", "--only", "fraud-alerts"],
        ["--only", "velocity-alerts"],
    ),
    (["run", "steady", "--to", "kafka://x", "--verify", "--delivery", "once"], ["--delivery", "exactly-once"]),
    (["expect", "no-run", "--rules", "velocity", "--user", "player_1"], ["--rules", "--explain"]),
    (["show", "rules", "velocty"], ["velocty", "velocity"]),
    ([*DRY, "--weave", "velocty"], ["--weave", "velocty", "velocity"]),
    ([*DRY, "--weave", "./none.yaml"], ["--weave", "none.yaml"]),
    ([*DRY, "--weave", "velocity", "--weave", "velocity"], ["--weave", "twice"]),
    ([*DRY, "--weave", "velocity", "--weave-rate", "0"], ["--weave-rate", "above 0"]),
    ([*DRY, "--weave", "velocity", "--weave-rate", "1k"], ["--weave", "too many", "at most"]),
    ([*DRY, "--weave", "impossible-travel", "--weave-rate", "8"], ["--weave", "waits", "at most"]),
    ([*DRY, "--weave-rate", "1"], ["--weave-rate", "--weave RULES"]),
    (["plan", "compat", "--weave", "dataflow"], ["--weave", "compat"]),
    (["mutants", "steady", "--weave", "velocty"], ["--weave", "velocity"]),
    (["mutants", "steady", "--probes", "--json"], ["--probes", "JSON"]),
    (["show", "rules", "./none.yaml"], ["none.yaml"]),
    (
        ["verify", "no-run", "--from", "file:x", "--delivery", "at-most-once"],
        ["--delivery", "at-most-once", "at-least-once"],
    ),
    (
        ["verify", "no-run", "--from", "kafka://localhost:1", "--isolation", "committed"],
        ["--isolation", "read_committed", "read_uncommitted"],
    ),
    (
        ["verify", "no-run", "--from", "file:x", "--isolation", "read_committed"],
        ["--isolation", "kafka://"],
    ),
    (
        [
            *["verify", "no-run", "--from", "kafka://localhost:1"],
            *["--isolation", "read_committed", "--kafka", "isolation.level=read_uncommitted"],
        ],
        ["--isolation", "read_committed", "isolation.level=read_uncommitted"],
    ),
    (
        [
            *["verify", "no-run", "--from", "kafka://localhost:1"],
            *["--isolation", "read_committed", "--kafka", "isolation.level=read_committed"],
        ],
        ["no-run/manifest.json"],
    ),
    (["pipeline"], ["--kafka"]),
    (["pipeline", "--kafka", "localhost:1", "--break", "everything"], ["--break"]),
    (["pipeline", "--kafka", "localhost:1", "--until-idle", "0s"], ["--until-idle"]),
    (["bench", "stedy"], ["stedy", "steady"]),
    (["bench", "steady", "fraud-ring"], ["fraud-ring"]),
    (["bench", "--sceonds", "1"], ["--sceonds", "--seconds"]),
    (["bench", "--seconds", "0"], ["--seconds", "0.1"]),
    (["bench", "--seconds", "1e1"], ["--seconds", "1e1"]),
    (["bench", "--seconds", "nan"], ["--seconds", "nan"]),
    (["bench", "--rate", "0"], ["--rate"]),
    (["bench", "--require-rate", "max"], ["--require-rate", "max"]),
    (["bench", "--dir", "none"], ["--dir", "none"]),
    (["bench", "--to", "null"], ["--to", "null"]),
    (["bench", "--to", "file:x"], ["--to", "file:x"]),
    (["bench", "--to", "kafka://embedded"], ["--to", "embedded"]),
    (["bench", "--topic", "player-events=mine"], ["--topic", "--to"]),
    (["bench", "--create-topics", "partitions=6"], ["--create-topics", "--to"]),
    (["bench", "--kafka", "linger.mss=5"], ["linger.mss", "linger.ms"]),
    (["bench", "--duration", "5s"], ["--duration"]),
    (["help", "rnu"], ["'rnu'", "'run'"]),
]

# Scenario files -> words of the message, which names the file and a line where there are lines.
SMALL = b"scenario: t\npopulation: {players: 500, mix: {casual: 1}}\nplan: {rate: 1k}\n"
SCENARIO_FILES = {
    "malformed": (b"name: [unclosed\n", ["bad.yaml:"]),
    "unknown key": (b"scenario: t\npopulatoin: {}\n", ["bad.yaml:2", "population"]),
    "deep": (b"a: " + b"[" * 2_000 + b"]" * 2_000 + b"\n", ["bad.yaml"]),
    "an alias bomb": (
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n".encode()
            for i in range(12)
        ),
        ["bad.yaml"],
    ),
    "binary": (b"name: \x00\x01\x02\n", ["bad.yaml"]),
    "not UTF-8": (b"name: \xff\xfe\n", ["bad.yaml"]),
    "100 MB": (b"#" * 100_000_000, ["bad.yaml"]),
    "empty": (b"", ["bad.yaml"]),
    "a list": (b"- a\n- b\n", ["bad.yaml"]),
    "probes of unknown rules": (SMALL + b"probes: {rules: velocty}\n", ["bad.yaml:4", "velocity"]),
    "probes of a file that is none": (
        SMALL + b"probes:\n  rules: [dataflow, none.yaml]\n",
        ["bad.yaml:5", "none.yaml"],
    ),
    "probes of a scenario": (
        SMALL + b"probes: {rules: ./bad.yaml}\n",
        ["bad.yaml:4: probes: ./bad.yaml:1: ", "rule_set"],
    ),
    "no probes": (SMALL + b"probes: {rules: dataflow, rate: 0}\n", ["bad.yaml:4", "above 0"]),
    "too many probes": (
        SMALL + b"probes: {rules: dataflow, rate: 9k}\n",
        ["bad.yaml:4", "9000 scripts of players", "too many", "at most"],
    ),
}


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-cli-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)

    def playload(self, *arguments, env=None, prefix=(), **options):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PLAYLOAD")}
        return subprocess.run(
            [*prefix, PLAYLOAD, *map(str, arguments)],
            cwd=self.scratch,
            env={**environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            **options,
        )

    def refused(self, done, words, code=INVALID, things=1):
        """`things` went wrong: each has its line."""
        message = done.stderr.decode()
        self.assertEqual(done.returncode, code, message)
        lines = message.splitlines()
        self.assertEqual(len(lines), things, message)
        for line in lines:
            self.assertTrue(line.startswith("playload: "), message)
            self.assertLess(len(line), 500, message)
        for word in words:
            self.assertIn(word, message)


class CommandLineTest(Case):
    def test_each_is_refused_in_one_line(self):
        for arguments, words in COMMAND_LINES:
            with self.subTest(arguments=arguments):
                self.refused(self.playload(*arguments), words)
                self.assertEqual(os.listdir(self.scratch), [], "something was left behind")

    def test_the_environment_is_named_where_it_is_wrong(self):
        self.refused(self.playload(*RUN, env={"PLAYLOAD_RATE": "fast"}), ["PLAYLOAD_RATE"])

    def test_the_environment_counts_and_the_line_beats_it(self):
        rate = {"PLAYLOAD_RATE": "5k", "PLAYLOAD_SEED": "11"}
        plan = json.loads(self.playload("plan", "steady", "--json", env=rate).stdout)
        self.assertEqual((plan["rate"], plan["seed"]), ("5000 events/s", 11))
        plan = json.loads(self.playload("plan", "steady", "--json", "--rate", "7", env=rate).stdout)
        self.assertEqual((plan["rate"], plan["seed"]), ("7 events/s", 11))


class FilesTest(Case):
    def test_scenario_files(self):
        for name, (content, words) in SCENARIO_FILES.items():
            with self.subTest(name=name):
                (self.scratch / "bad.yaml").write_bytes(content)
                self.refused(self.playload("run", "bad.yaml", "--to", "null"), words)

    def test_a_folder_and_a_pipe_are_no_scenario(self):
        (self.scratch / "folder.yaml").mkdir()
        os.mkfifo(self.scratch / "pipe.yaml")
        for name in ("folder.yaml", "pipe.yaml"):
            with self.subTest(name=name):
                self.refused(self.playload("run", name, "--to", "null"), [name])

    def test_an_unreadable_file(self):
        path = self.scratch / "secret.yaml"
        path.write_text("scenario: t\n")
        path.chmod(0)
        # Root may read everything, unless that is taken away.
        bound = "--bounding-set=-dac_override,-dac_read_search"
        prefix = ["setpriv", bound] if os.geteuid() == 0 else []
        done = self.playload("run", "secret.yaml", "--to", "null", prefix=prefix)
        self.refused(done, ["secret.yaml"])

    def test_a_persona_that_the_scenario_does_not_have(self):
        data = pathlib.Path(__file__).parents[2] / "personas" / "data"
        shutil.copy(data / "card-tester.yaml", self.scratch / "mine.yaml")
        self.refused(self.playload(*RUN, "--persona", "mine.yaml"), ["--persona", "card-tester"])


class RunDirectoryTest(Case):
    def test_one_that_is_there(self):
        (self.scratch / "run").mkdir()
        self.refused(self.playload(*RUN, "--run-dir", "run"), ["--run-dir", "run"])
        self.assertEqual(os.listdir(self.scratch / "run"), [])

    def test_one_that_cannot_be(self):
        (self.scratch / "file").write_text("")
        self.refused(self.playload(*RUN, "--run-dir", "file/run"), ["--run-dir", "file"])

    def test_files_that_are_there_are_kept(self):
        (self.scratch / "out").mkdir()
        kept = self.scratch / "out" / "purchase-events.ndjson"
        kept.write_text("mine\n")
        done = self.playload(*DRY, "--duration", "1s", "--quiet", "--run-dir", "run")
        self.refused(done, ["purchase-events.ndjson"])
        self.assertEqual(kept.read_text(), "mine\n")
        summary = json.loads((self.scratch / "run" / "summary.json").read_text())
        self.assertEqual(summary["status"], "failed")
        self.assertEqual(summary["exit_code"], INVALID)

    def test_what_fed_the_pipeline_is_no_destination_of_the_run(self):
        done = self.playload(*DRY, "--events", "10", "--quiet", "--run-dir", "run")
        self.assertEqual(done.returncode, 0, done.stderr)
        for command in (["expect", "run"], ["verify", "run", "--from", "file:out"]):
            for fed_by in ("polled", "http://127.0.0.1:8000", "file:other"):
                done = self.playload(*command, "--fed-by", fed_by)
                self.refused(done, ["--fed-by", fed_by, "file:out"])

    def test_a_manifest_that_was_changed(self):
        done = self.playload(*DRY, "--duration", "1s", "--quiet", "--run-dir", "run")
        self.assertEqual(done.returncode, 0, done.stderr)
        path = self.scratch / "run" / "manifest.json"
        good = path.read_text()
        for change, words in (
            (('"version": 1', '"version": 2'), ["version 2"]),
            (('"playload": "', '"playload": "9'), ["another version"]),
            (('"sha256": "', '"sha256": "f'), ["hash"]),
            (('"seed"', '"sede"'), ["'seed' is missing"]),
            ((good[200:], ""), ["not JSON"]),
        ):
            with self.subTest(change=words):
                path.write_text(good.replace(*change, 1))
                for command in (["expect", "run"], ["verify", "run", "--from", "file:out"]):
                    self.refused(self.playload(*command), ["run/manifest.json", *words])


class ServeTest(Case):
    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = self.playload("serve", "--listen", address, "--quiet", "--run-dir", "run")
            self.refused(done, [address], CANNOT_LISTEN)
            to = ["--to", f"http://{address}", "--run-dir", "again"]
            self.refused(self.playload(*RUN, *to), [address], CANNOT_LISTEN)
        summary = json.loads((self.scratch / "run" / "summary.json").read_text())
        self.assertEqual((summary["status"], summary["exit_code"]), ("failed", CANNOT_LISTEN))

    def test_an_address_that_is_not_ours(self):
        serve = ["serve", "--allow-anonymous", "--quiet", "--run-dir", "run"]
        done = self.playload(*serve, "--listen", "203.0.113.9:8000")
        self.refused(done, ["203.0.113.9:8000"], CANNOT_LISTEN)

    def test_a_token_that_others_can_read_and_that_no_message_repeats(self):
        path = self.scratch / "token"
        path.write_text("not-so-secret-any-more\n")
        path.chmod(0o640)
        done = self.playload(*SERVE, "--token-file", "token")
        self.refused(done, ["--token-file", "chmod 600"])
        path.chmod(0o600)
        path.write_text("not-so-secret any-more\n")
        done = self.playload(*SERVE, "--token-file", "token")
        self.refused(done, ["--token-file", "16 to 256"])
        self.assertNotIn(b"secret", done.stderr)


class FullDiskTest(Case):
    def limited(self, *arguments, size, **options):
        """With a limit on the size of files, which the program sees as a full disk."""
        return self.playload(
            *arguments,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
            **options,
        )

    def test_a_file_that_cannot_grow_ends_the_run_with_exact_counts(self):
        done = self.limited(
            *DRY, "--events", "30k", "--quiet", "--run-dir", "run", size=1_000_000
        )
        self.refused(done, ["player-events"], DESTINATION)
        summary = json.loads((self.scratch / "run" / "summary.json").read_text())
        self.assertEqual(summary["status"], "failed")
        self.assertEqual(summary["exit_code"], DESTINATION)
        for topic, counts in summary["topics"].items():
            lines = (self.scratch / "out" / f"{topic}.ndjson").read_bytes()
            self.assertEqual(counts["acked"], lines.count(b"\n"), topic)
            self.assertTrue(not lines or lines.endswith(b"\n"), topic)
            fates = sum(counts[fate] for fate in ("acked", "failed", "unknown", "shed"))
            self.assertEqual(counts["generated"], fates, topic)

    def test_a_run_directory_that_cannot_be_written(self):
        done = self.limited(*RUN, "--run-dir", "run", size=100)
        self.refused(done, ["manifest.json", "summary.json"], DESTINATION, things=2)
        self.assertEqual(os.listdir(self.scratch / "run"), [], "a part of a file was left")

    def test_another_destination_goes_on(self):
        done = self.limited(
            *DRY, "--events", "30k", "--quiet", "--run-dir", "run", "--to", "null", size=1_000_000
        )
        self.refused(done, ["player-events"], DESTINATION)
        summary = json.loads((self.scratch / "run" / "summary.json").read_text())
        lost, kept = summary["destinations"]
        self.assertFalse(lost["complete"])
        self.assertTrue(kept["complete"])
        self.assertEqual(sum(counts["acked"] for counts in kept["topics"].values()), 30_000)

    def test_stdout_on_a_full_device(self):
        with open("/dev/full", "wb") as full:
            done = self.playload("list", stdout=full)
            self.refused(done, ["stdout"], DESTINATION)
            done = self.playload(
                *["run", "steady", "--clock", "virtual", "--events", "10k", "--to", "stdout"],
                *["--quiet", "--run-dir", "run"],
                stdout=full,
            )
            self.refused(done, ["stdout"], DESTINATION)


if __name__ == "__main__":
    unittest.main()
