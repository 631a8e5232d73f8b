"""A real Apache Kafka, one node in KRaft mode, on free loopback ports, for as long as it is needed.

Its artifacts come from Maven once and stay in ~/.cache/playload-tests (or $PLAYLOAD_TEST_CACHE).
The server lives in a temporary folder and ends with the process that started it, however that ends.

    with KafkaServer() as server:
        subprocess.run(["kcat", "-b", server.bootstrap, "-L"])
        server.kill()      # SIGKILL
        server.restart()   # the same ports, the same data

    $ python3 tests/e2e/kafka_server.py fetch
    $ python3 tests/e2e/kafka_server.py run -- kcat -b {bootstrap} -L

A KafkaServer belongs to the thread that starts it: the kernel ends the server with that thread.
"""

import argparse
import atexit
import contextlib
import ctypes
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

KAFKA = "4.1.0"
LOG4J = "2.24.3"
ARTIFACTS = (
    ("org.apache.kafka", "kafka_2.13", KAFKA),
    ("org.apache.kafka", "kafka-tools", KAFKA),
    # The server logs through slf4j, and its POM brings nothing that does.
    ("org.apache.logging.log4j", "log4j-core", LOG4J),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),
)
FETCH_TRIES = 3
START_SECONDS = 180
STOP_SECONDS = 20
TOOL_SECONDS = 120

LOG4J_PROPERTIES = """\
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.target=%s
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%%d{ISO8601} %%p %%m (%%c)%%n
"""

SERVER_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.bootstrap.servers": "127.0.0.1:{controller_port}",
    "listeners": "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
    "advertised.listeners": "PLAINTEXT://127.0.0.1:{port}",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": "{log_dir}",
    "auto.create.topics.enable": "false",
    # Retention goes by the records' timestamps: a run that starts in the past would lose its events.
    "log.retention.ms": "-1",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}


class KafkaError(RuntimeError):
    """Kafka could not be had or did not do what it should; the text says why."""


def cache() -> pathlib.Path:
    named = os.environ.get("PLAYLOAD_TEST_CACHE")
    return pathlib.Path(named) if named else pathlib.Path.home() / ".cache" / "playload-tests"


def _pom(artifacts: tuple[tuple[str, str, str], ...]) -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, artifact, version in artifacts
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>playload</groupId><artifactId>kafka</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>\n"
    )


def fetch(
    name: str = f"kafka-{KAFKA}", artifacts: tuple[tuple[str, str, str], ...] = ARTIFACTS
) -> pathlib.Path:
    """The folder with the jars of artifacts (Kafka's own, unless others are named) and of all that
    they need; filled on the first call, whole or not at all."""
    pom = _pom(artifacts)
    folder = cache() / f"{name}-{hashlib.sha256(pom.encode()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    cache().mkdir(parents=True, exist_ok=True)
    # Another test may be fetching the same: the second one waits and finds it there.
    with open(cache() / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        with tempfile.TemporaryDirectory(dir=cache(), prefix="fetch-") as scratch:
            jars = pathlib.Path(scratch, "jars")
            pathlib.Path(scratch, "pom.xml").write_text(pom, encoding="utf-8")
            command = ["mvn", "-q", "-B", "-f", f"{scratch}/pom.xml"]
            command += ["dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
            for attempt in range(1, FETCH_TRIES + 1):
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=600,
                    check=False,
                )
                if done.returncode == 0:
                    break
                if attempt == FETCH_TRIES:
                    text = done.stdout.decode(errors="replace")[-3000:]
                    raise KafkaError(f"Maven does not give {name}:\n{text}")
                time.sleep(2 * attempt)
            for _, artifact, version in artifacts:
                if not (jars / f"{artifact}-{version}.jar").is_file():
                    raise KafkaError(f"Maven gave no {artifact}-{version}.jar")
            jars.rename(folder)
    return folder


def free_ports(count: int) -> list[int]:
    """Loopback ports on which nobody listens, each another."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with(parent: int):
    """For the child between fork and exec: SIGKILL when its parent ends, also by SIGKILL."""

    def set_up() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended in between
            os._exit(1)

    return set_up


class KafkaServer:
    """One broker. Made stopped; start() or `with` starts it."""

    def __init__(self, properties: dict[str, str] | None = None, heap: str = "512m"):
        self._properties = properties or {}
        self._heap = heap
        self._folder: pathlib.Path | None = None
        self._process: subprocess.Popen | None = None
        self._jars: pathlib.Path | None = None
        self._port = 0

    def __enter__(self) -> "KafkaServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def log_dir(self) -> str:
        """Where the partitions' segments are: <log_dir>/<topic>-<partition>/*.log."""
        return str(self._folder / "data")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def output(self) -> str:
        """What the server has printed, over all its starts."""
        return (self._folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Starts it with fresh data and waits until it takes requests."""
        if self._folder is not None:
            raise KafkaError("started already; restart() keeps the data")
        self._jars = fetch()
        atexit.register(self.close)
        _end_on_sigterm()
        # A port that was free may be taken before the server binds it: then others are tried.
        for last in (False, False, True):
            self._folder = pathlib.Path(tempfile.mkdtemp(prefix="playload-kafka-"))
            self._prepare()
            try:
                self._launch()
                return
            except KafkaError:
                taken = "Address already in use" in self.output()
                if last or not taken:
                    self.close()
                    raise
                self._remove()

    def restart(self) -> None:
        """Starts it again after stop() or kill(), on the same ports with the same data."""
        if self._folder is None or self._process is not None:
            raise KafkaError("restart() follows stop() or kill()")
        self._launch()

    def stop(self) -> None:
        """Ends it in good order, as a planned restart does; the data stay."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL; the data stay as they are."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def suspend(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Ends it at once and removes its data. Idempotent."""
        self.kill()
        self._remove()
        atexit.unregister(self.close)

    def cli(
        self, tool: str, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess:
        """Runs one of Kafka's tools: cli("TopicCommand", "--list"); adds --bootstrap-server.

        The class stands in org.apache.kafka.tools, or is named whole.
        """
        name = tool if tool.startswith(("org.", "kafka.")) else f"org.apache.kafka.tools.{tool}"
        command = self._java("tools", "-XX:TieredStopAtLevel=1", "-Xmx256m")
        done = subprocess.run(
            [*command, name, "--bootstrap-server", self.bootstrap, *arguments],
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TOOL_SECONDS,
            check=False,
        )
        if check and done.returncode != 0:
            raise KafkaError(
                f"{tool} {' '.join(arguments)} ended with {done.returncode}:\n"
                f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        return done

    def create_topic(self, topic: str, partitions: int = 6) -> None:
        self.cli("TopicCommand", "--create", "--topic", topic, "--partitions", str(partitions))

    def topics(self) -> list[str]:
        return self.cli("TopicCommand", "--list").stdout.split()

    def console_consumer(self, topic: str, expected: int) -> list[str]:
        """What Kafka's own consumer prints of a topic's first `expected` records:
        CreateTime:<ms> TAB Partition:<n> TAB <key> TAB <value>"""
        options = ["--from-beginning", "--max-messages", str(expected), "--timeout-ms", "30000"]
        for name in ("print.timestamp", "print.partition", "print.key"):
            options += ["--property", f"{name}=true"]
        done = self.cli(
            "consumer.ConsoleConsumer",
            *["--topic", topic, "--property", "key.separator=\t", *options],
        )
        return done.stdout.splitlines()

    def console_producer(self, topic: str, records: list[tuple[str, str]]) -> None:
        """Writes (key, value) pairs as Kafka's own producer does, partitions chosen by it."""
        options = ["--property", "parse.key=true", "--property", "key.separator=\t"]
        lines = "".join(f"{key}\t{value}\n" for key, value in records)
        self.cli("ConsoleProducer", "--topic", topic, *options, stdin=lines)

    # ---- inside ----

    def _java(self, log: str, *options: str) -> list[str]:
        return [
            "java",
            *options,
            f"-Dlog4j2.configurationFile=file:{self._folder / f'{log}-log4j2.properties'}",
            *["-cp", f"{self._jars}/*"],
        ]

    def _prepare(self) -> None:
        self._port, controller_port = free_ports(2)
        properties = dict(SERVER_PROPERTIES, **self._properties)
        text = "".join(f"{key}={value}\n" for key, value in properties.items())
        text = text.replace("{port}", str(self._port)).replace("{log_dir}", self.log_dir)
        text = text.replace("{controller_port}", str(controller_port))
        self._config().write_text(text, encoding="utf-8")
        for name, target in (("server", "SYSTEM_OUT"), ("tools", "SYSTEM_ERR")):
            log = LOG4J_PROPERTIES % target
            if name == "tools":
                log = log.replace("rootLogger.level=INFO", "rootLogger.level=ERROR")
            (self._folder / f"{name}-log4j2.properties").write_text(log, encoding="utf-8")
        storage = [*self._java("tools", "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool"]
        # Any 22 characters of base64 are a cluster's id.
        format_it = ["format", "--standalone", "-t", "cGxheWxvYWQtdGVzdHMAAA", "-c"]
        done = subprocess.run(
            [*storage, *format_it, str(self._config())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TOOL_SECONDS,
            check=False,
        )
        (self._folder / "server.log").write_bytes(done.stdout)
        if done.returncode != 0:
            text = self.output()[-3000:]
            self._remove()
            raise KafkaError(f"Kafka's storage cannot be formatted:\n{text}")

    def _config(self) -> pathlib.Path:
        return self._folder / "server.properties"

    def _launch(self) -> None:
        log = self._folder / "server.log"
        begin = log.stat().st_size
        options = [f"-Xms{self._heap}", f"-Xmx{self._heap}", "-XX:+UseG1GC"]
        with open(log, "ab") as out:
            self._process = subprocess.Popen(
                [*self._java("server", *options), "kafka.Kafka", str(self._config())],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for us; we then end it
                preexec_fn=_die_with(os.getpid()),
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                self._process = None
                raise KafkaError(f"Kafka ended while starting:\n{self.output()[-3000:]}")
            with open(log, "rb") as text:
                text.seek(begin)
                if b"Kafka Server started" in text.read():
                    return
            time.sleep(0.05)
        self.kill()
        raise KafkaError(f"Kafka did not start in {START_SECONDS} s:\n{self.output()[-3000:]}")

    def _remove(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _end_on_sigterm() -> None:
    """SIGTERM ends Python without its exit handlers, unless it is made an exception."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def main() -> int:
    parser = argparse.ArgumentParser(description="A real Kafka for one command.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="fill the cache and print its folder")
    run = commands.add_parser("run", help="start Kafka, run a command beside it, end both")
    run.add_argument(
        "--create-topic", action="append", default=[], metavar="NAME[:PARTITIONS]", help="first"
    )
    run.add_argument("arguments", nargs="+", help="after --; {bootstrap} becomes host:port")
    options = parser.parse_args()
    try:
        if options.command == "fetch":
            print(fetch())
            return 0
        with KafkaServer() as server:
            for topic in options.create_topic:
                name, _, partitions = topic.partition(":")
                server.create_topic(name, int(partitions or 6))
            command = [a.replace("{bootstrap}", server.bootstrap) for a in options.arguments]
            return subprocess.run(command, check=False).returncode
    except KafkaError as error:
        print(f"kafka_server: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
