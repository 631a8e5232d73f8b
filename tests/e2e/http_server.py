"""`playload serve` on a free loopback port, for as long as it is needed.

    with PlayloadServer("steady", "--seed", "7") as server:
        urllib.request.urlopen(server.url + "/status")
        code = server.stop()            # SIGTERM; the exit code
        summary = json.loads((server.run_dir / "summary.json").read_text())

    with PlayloadServer("run", "steady", "--to", "null") as server:  # beside --to http

The program stands in the environment variable PLAYLOAD. The server's output and, unless told
otherwise, its run directory live in a folder that goes with the context. The server ends with the
thread that started it, however that ends: the kernel sees to it.
"""

import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

START_SECONDS = 60
STOP_SECONDS = 60
SERVES = re.compile(r"(http://\S+?:(\d+))/? serves to ")

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def end_with(parent: int):
    """For the child between fork and exec: SIGKILL when its parent ends, also by SIGKILL."""

    def set_up() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended in between
            os._exit(1)

    return set_up


class PlayloadServer:
    """A running server: `url` ("http://127.0.0.1:40123"), `port`, `process`, `run_dir`, `output()`.

    `arguments` are those of `serve`; with "run" as the first one, those of `run`. `port` 0 takes a
    free one; who comes back where another one was gives its port. `prefix` stands before the
    program (`prlimit ...`, `taskset ...`).
    """

    def __init__(
        self,
        *arguments: object,
        port: int = 0,
        run_dir: pathlib.Path | None = None,
        env: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ):
        words = [str(argument) for argument in arguments]
        command = words.pop(0) if words[:1] == ["run"] else "serve"
        if command == "run":
            words += ["--to", f"http://127.0.0.1:{port}"]
        elif "--listen" not in words:
            words += ["--listen", f"127.0.0.1:{port}"]
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-http-"))
        self.run_dir = run_dir or self.scratch / "run"
        words += ["--run-dir", str(self.run_dir)]
        self.command = [*prefix, os.environ["PLAYLOAD"], command, *words]
        self.env = dict(os.environ, **(env or {}))
        self.url = ""
        self.port = 0
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "PlayloadServer":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def _outputs(self) -> tuple[pathlib.Path, pathlib.Path]:
        return self.scratch / "server.out", self.scratch / "server.err"

    def _start(self) -> None:
        out_path, err_path = self._outputs
        with open(out_path, "wb") as out, open(err_path, "wb") as err:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self.env,
                preexec_fn=end_with(os.getpid()),
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            ended = self.process.poll() is not None
            if found := SERVES.search(err_path.read_text(errors="replace")):
                self.url, self.port = found[1], int(found[2])
                return
            if ended:
                code = self.process.returncode
                raise AssertionError(f"{self.command} ended with {code}:\n{self.output()}")
            time.sleep(0.02)
        raise AssertionError(f"{self.command} did not say where it serves:\n{self.output()}")

    def output(self) -> str:
        """The end of what it has printed so far, both ways."""
        return "".join(
            path.read_text(errors="replace")[-8000:] for path in self._outputs if path.exists()
        )

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = STOP_SECONDS) -> int:
        """Tells it to stop and waits for its end; the exit code. `run_dir` is still there."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout)
