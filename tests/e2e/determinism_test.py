"""One seed, one stream: the same bytes whatever the threads, shards, clock, locale and CPU.

No server: files only. Fingerprints stand in tests/golden; its `update` says when they may change.
"""

import collections
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import unittest

import harness

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
import golden  # pylint: disable=wrong-import-position

VIRTUAL = ["--clock", "virtual", "--start", "2026-01-01T00:00:00Z"]
STREAM = ["fraud-and-overload", "--seed", "11", "--rate", "10k", "--duration", "6s"]
FAULTY = ["data-faults", "--seed", "11", "--rate", "10k", "--duration", "6s"]


class DeterminismCase(harness.Case):
    def files(self, name: str, *options: object, **how: object) -> pathlib.Path:
        """A run into a folder of files."""
        out = self.scratch / name
        self.playload(
            *["run", *options, "--to", f"file:{out}", "--run-dir", self.scratch / f"{name}.run"],
            *["--quiet"],
            **how,
        )
        return out

    def fingerprint(self, out: pathlib.Path) -> dict[str, str]:
        return {name: harness.sha256(out / name) for name in harness.FILES}


class DeterminismTest(DeterminismCase):
    def test_threads_change_nothing(self):
        prints = [
            self.fingerprint(self.files(f"t{n}", *STREAM, *VIRTUAL, "--threads", n))
            for n in (1, 2, 7)
        ]
        self.assertEqual(prints[0], prints[1])
        self.assertEqual(prints[0], prints[2])
        for name in harness.FILES:
            self.assertGreater((self.scratch / "t1" / name).stat().st_size, 0, name)

    def test_the_seed_changes_the_stream(self):
        one = self.fingerprint(self.files("one", *STREAM, *VIRTUAL))
        other = self.fingerprint(self.files("other", *STREAM, *VIRTUAL, "--seed", "12"))
        for name in harness.FILES:
            self.assertNotEqual(one[name], other[name], name)

    def test_shards_make_up_the_stream(self):
        whole = self.files("whole", *STREAM, *VIRTUAL)
        shards = [self.files(f"s{n}", *STREAM, *VIRTUAL, "--shard", f"{n}/5") for n in range(5)]
        for topic, name in zip(harness.INPUTS, harness.FILES):
            expected = harness.lines(whole / name)
            parts = [harness.lines(shard / name) for shard in shards]
            together = collections.Counter(row for part in parts for row in part)
            self.assertEqual(collections.Counter(expected), together, name)
            # In order per player: a player stands in one shard, with the same history.
            histories: dict[str, list[bytes]] = {}
            for part in parts:
                for key, rows in harness.by_entity(topic, part).items():
                    self.assertNotIn(key, histories, "stands in two shards")
                    histories[key] = rows
            self.assertEqual(harness.by_entity(topic, expected), histories, name)

    def test_a_shard_without_lanes_is_empty(self):
        out = self.files("empty", *STREAM, *VIRTUAL, "--players", "64", "--shard", "4095/4096")
        for name in harness.FILES:
            self.assertEqual(harness.lines(out / name) if (out / name).exists() else [], [])

    def test_one_players_history_alone(self):
        whole = self.files("whole", *STREAM, *VIRTUAL)
        histories: dict[str, list[bytes]] = collections.defaultdict(list)
        for name in harness.FILES[:2]:
            for row in harness.lines(whole / name):
                histories[json.loads(row)["user_data"]["user_id"]].append(row)
        # The three with the most events, and one of those with the fewest.
        ranked = sorted(histories, key=lambda user: (-len(histories[user]), user))
        for user in [*ranked[:3], ranked[-1]]:
            done = self.playload("run", *STREAM, *VIRTUAL, "--player", user, "--quiet")
            alone = done.stdout.encode().splitlines()
            self.assertEqual(sorted(alone), sorted(histories[user]), user)
            for kind in (b'{"event_name":"player_action"', b'{"event_name":"transaction"'):
                self.assertEqual(
                    [row for row in alone if row.startswith(kind)],
                    [row for row in histories[user] if row.startswith(kind)],
                    user,
                )

    def test_a_paced_run_and_a_virtual_run_are_the_same(self):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        start = soon.strftime("%Y-%m-%dT%H:%M:%SZ")
        stream = ["fraud-ring", "--seed", "5", "--rate", "2500", "--duration", "3s"]
        live = self.files("live", *stream, "--start", start)
        virtual = self.files("virtual", *stream, "--start", start, "--clock", "virtual")
        self.assertEqual(self.fingerprint(live), self.fingerprint(virtual))

    def test_a_run_is_repeated_from_its_manifest(self):
        stream = ["fraud-ring", "--rate", "2500", "--duration", "2s"]
        live = self.files("live", *stream)
        manifest = json.loads((self.scratch / "live.run" / "manifest.json").read_text())
        options = ["--seed", manifest["seed"], "--start", manifest["start"]]
        virtual = self.files("virtual", *stream, *options, "--clock", "virtual")
        self.assertEqual(self.fingerprint(live), self.fingerprint(virtual))

    def test_language_and_time_zone_change_nothing(self):
        plain = self.files("plain", *STREAM, *VIRTUAL)
        # A locale with a comma in its numbers, made here because none need be installed.
        locale = self.scratch / "locales" / "de_DE.UTF-8"
        locale.parent.mkdir()
        made = harness.call(
            ["localedef", "-i", "de_DE", "-f", "UTF-8", "--no-archive", str(locale)]
        )
        self.assertTrue((locale / "LC_NUMERIC").is_file(), made)
        other = {
            "LOCPATH": str(locale.parent),
            "LANG": "de_DE.UTF-8",
            "LC_ALL": "de_DE.UTF-8",
            "TZ": "Asia/Kathmandu",
        }
        elsewhere = self.files("elsewhere", *STREAM, *VIRTUAL, env=other)
        self.assertEqual(self.fingerprint(plain), self.fingerprint(elsewhere))

    @unittest.skipUnless(platform.machine() == "x86_64", "masks x86 features")
    def test_masked_cpu_features_change_nothing(self):
        # glibc then takes the variants of log, exp and memcpy that older CPUs get.
        masked = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA"}
        diagnostics = ["/lib64/ld-linux-x86-64.so.2", "--list-diagnostics"]
        features = [
            [row for row in harness.call(diagnostics, env=env).stdout.splitlines() if "active" in row]
            for env in (None, masked)
        ]
        self.assertNotEqual(features[0], features[1], "the mask masks nothing here")
        plain = self.files("plain", *STREAM, *VIRTUAL)
        older = self.files("older", *STREAM, *VIRTUAL, env=masked)
        self.assertEqual(self.fingerprint(plain), self.fingerprint(older))

    @unittest.skipUnless(platform.machine() == "x86_64", "emulates an x86 CPU")
    def test_an_older_cpu_changes_nothing(self):
        # Reaches what GLIBC_TUNABLES does not: a program's and its libraries' own dispatch.
        emulator = ["qemu-x86_64", "-cpu", "Nehalem"]
        short = ["fraud-and-overload", "--seed", "11", "--rate", "10k", "--duration", "2s"]
        plain = self.files("plain", *short, *VIRTUAL)
        older = self.files("older", *short, *VIRTUAL, prefix=emulator, timeout=240)
        self.assertEqual(self.fingerprint(plain), self.fingerprint(older))


class FaultsTest(DeterminismCase):
    """Data faults, which cut lines off and break their JSON: compared as bytes."""

    def test_threads_change_nothing(self):
        prints = [
            self.fingerprint(self.files(f"t{n}", *FAULTY, *VIRTUAL, "--threads", n))
            for n in (1, 2, 7)
        ]
        self.assertEqual(prints[0], prints[1])
        self.assertEqual(prints[0], prints[2])

    def test_shards_make_up_the_stream(self):
        whole = self.files("whole", *FAULTY, *VIRTUAL)
        shards = [self.files(f"s{n}", *FAULTY, *VIRTUAL, "--shard", f"{n}/3") for n in range(3)]
        for name in harness.FILES:
            parts = [row for shard in shards for row in harness.lines(shard / name)]
            self.assertEqual(
                collections.Counter(harness.lines(whole / name)), collections.Counter(parts), name
            )

    def test_a_paced_run_and_a_virtual_run_are_the_same(self):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        start = soon.strftime("%Y-%m-%dT%H:%M:%SZ")
        stream = ["data-faults", "--seed", "5", "--rate", "2500", "--duration", "3s"]
        live = self.files("live", *stream, "--start", start)
        virtual = self.files("virtual", *stream, "--start", start, "--clock", "virtual")
        self.assertEqual(self.fingerprint(live), self.fingerprint(virtual))

    def test_one_players_history_alone(self):
        whole = self.files("whole", *FAULTY, *VIRTUAL)
        rows = [row for name in harness.FILES[:2] for row in harness.lines(whole / name)]
        ids = collections.Counter(re.findall(rb'"player_id":"(player_[0-9]+)"', b"\n".join(rows)))
        for user, _ in ids.most_common(3):
            # Damage leaves the id as it is, but a line may end right behind it.
            own = [row for row in rows if re.search(rb'"%s("|$)' % user, row)]
            command = [harness.program(), "run", *FAULTY, *VIRTUAL, "--quiet"]
            done = subprocess.run(
                [*command, "--player", user.decode()], capture_output=True, check=True, timeout=120
            )
            self.assertEqual(sorted(done.stdout.splitlines()), sorted(own), user)


class GoldenTest(harness.Case):
    def test_fingerprints_are_the_committed_ones(self):
        built_in = {
            item["name"] for item in json.loads(self.playload("list", "--json").stdout)["scenarios"]
        }
        self.assertEqual(built_in, {stream.scenario for stream in golden.STREAMS})
        for stream in golden.STREAMS:
            with self.subTest(stream=stream.name):
                expected = (GOLDEN / f"{stream.name}.sha256").read_text()
                made = golden.fingerprint(harness.program(), stream, self.scratch / stream.name)
                shutil.rmtree(self.scratch / stream.name)
                self.assertEqual(expected, made, "tests/golden/update says when this may change")

    def test_no_fingerprint_is_left_over(self):
        names = {path.stem for path in GOLDEN.glob("*.sha256")}
        self.assertEqual(names, {stream.name for stream in golden.STREAMS})


if __name__ == "__main__":
    os.chdir("/")  # nothing may depend on the working folder
    unittest.main()
