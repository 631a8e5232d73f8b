"""Runs the commands of README.md and docs/*.md; fences.py says how they are marked.

Without --kafka: every fence that needs no broker. With it: the pages that have a fence which needs
Kafka, whole, each against a fresh broker, some pages at once, for most of their time is waiting. A
fence that needs `playload serve` gets one in both. A command has a minute or two; the program under
test comes first on PATH.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

# pylint: disable=wrong-import-position
import fences
from http_server import PlayloadServer

COMMAND_SECONDS = 120
PAGES_AT_ONCE = 3  # with a broker each
BROKER = "127.0.0.1:9092"
SERVER = "127.0.0.1:8000"


class Page:
    """One page's commands in their scratch folder."""

    def __init__(self, environment: dict[str, str], broker: str | None):
        self.environment = environment
        self.broker = broker
        self.server: PlayloadServer | None = None

    def run(self, wanted: list[fences.Fence]) -> list[str]:
        """What went wrong, a text for each."""
        with (
            tempfile.TemporaryDirectory(prefix="playload-docs-") as scratch,
            contextlib.ExitStack() as servers,
        ):
            wrong = []
            serving = None
            for fence in wanted:
                if fence.is_run and fence.server is not None and fence.server != serving:
                    servers.close()
                    serving = fence.server
                    self.server = servers.enter_context(PlayloadServer(*serving.split()))
                if "file" in fence.marks:
                    path = pathlib.Path(scratch, fence.marks["file"])
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text("\n".join(fence.lines) + "\n")
                elif fence.is_run:
                    wrong += self._run_fence(fence, scratch)
            return wrong

    def _run_fence(self, fence: fences.Fence, scratch: str) -> list[str]:
        commands = fence.commands()
        for index, command in enumerate(commands):
            last = index + 1 == len(commands)
            expected = int(fence.marks.get("exit", "0")) if last else 0
            if self.broker is not None:
                command = command.replace(BROKER, self.broker)
            if fence.server is not None and self.server is not None:
                command = command.replace(SERVER, f"127.0.0.1:{self.server.port}")
            print(f"{fence.where}: {command}", flush=True)
            try:
                done = subprocess.run(
                    ["bash", "-c", "set -o pipefail; " + command],
                    cwd=scratch,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=COMMAND_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return [f"{fence.where}: `{command}` did not end in {COMMAND_SECONDS} s"]
            if done.returncode != expected:
                output = done.stdout.decode(errors="replace")[-3000:]
                return [
                    f"{fence.where}: `{command}` ended with {done.returncode}, "
                    f"not {expected}:\n{output}"
                ]
        return []


def pages(root: pathlib.Path) -> list[pathlib.Path]:
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def unlinked(root: pathlib.Path) -> list[str]:
    """Links of the pages to files that are not there."""
    missing = []
    for page in pages(root):
        text = page.read_text()
        targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
        for target in targets + re.findall(r'\b(?:src|srcset)="([^":]+)"', text):
            if not (page.parent / target).exists():
                missing.append(f"{page.relative_to(root)}: the link to {target} leads nowhere")
    return missing


def unlisted(root: pathlib.Path, program: pathlib.Path) -> list[str]:
    """Scenarios and commands that the tables of README.md do not have."""
    readme = (root / "README.md").read_text()
    listed = subprocess.run(
        [program, "list", "--json"], check=True, capture_output=True, timeout=COMMAND_SECONDS
    )
    names = [scenario["name"] for scenario in json.loads(listed.stdout)["scenarios"]]
    helped = subprocess.run(
        [program, "--help"], check=True, capture_output=True, text=True, timeout=COMMAND_SECONDS
    )
    commands = re.findall(r"^  playload (\w+)", helped.stdout, re.MULTILINE)
    self_evident = {"help", "version"}
    return [
        f"README.md does not name {name}"
        for name in [*names, *(f"playload {c}" for c in sorted({*commands} - self_evident))]
        if f"`{name}" not in readme
    ]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--playload", type=pathlib.Path, required=True)
    parser.add_argument("--kafka", action="store_true")
    options = parser.parse_args()

    program = options.playload.resolve()
    if not os.access(program, os.X_OK) or shutil.which("bash") is None:
        sys.exit(f"{program} is not built")
    os.environ["PLAYLOAD"] = str(program)
    environment = dict(os.environ, PATH=f"{program.parent}:{os.environ['PATH']}")

    by_page = {
        page: fences.read(page.relative_to(options.root), page.read_text())
        for page in pages(options.root)
    }
    wrong = unlinked(options.root) + unlisted(options.root, program)
    if options.kafka:
        import kafka_server  # pylint: disable=import-outside-toplevel

        def with_broker(found: list[fences.Fence]) -> list[str]:
            with kafka_server.KafkaServer() as server:
                return Page(environment, server.bootstrap).run(found)

        needy = [found for found in by_page.values() if any(f.needs_kafka for f in found)]
        with concurrent.futures.ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
            for texts in pool.map(with_broker, needy):
                wrong += texts
    else:
        for found in by_page.values():
            wrong += Page(environment, None).run([f for f in found if not f.needs_kafka])

    for text in wrong:
        print("WRONG " + text)
    run = sum(len(f.commands()) for found in by_page.values() for f in found if f.is_run)
    print(f"{len(wrong)} problems; {run} commands in {len(by_page)} pages")
    return 1 if wrong or run == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
