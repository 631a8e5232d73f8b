"""The clients that come from package registries, fetched as their lock files say, and built; and
examples/, which are built the same way.

Each call gives a folder or program that is ready; the first call makes it, whole or not at all, in
$PLAYLOAD_TEST_CLIENTS (ctest names a folder of the build) or in the cache that Kafka is kept in. A
changed lock file makes another folder.

    $ python3 tests/e2e/clients/dependencies.py     # all of them, before the tests need them
"""

import fcntl
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parents[2] / "examples"
TRIES = 3
STEP_SECONDS = 600


class DependencyError(RuntimeError):
    """A client could not be fetched or built; the text says why."""


def _cache() -> pathlib.Path:
    if named := os.environ.get("PLAYLOAD_TEST_CLIENTS"):
        return pathlib.Path(named)
    if named := os.environ.get("PLAYLOAD_TEST_CACHE"):
        return pathlib.Path(named) / "clients"
    return pathlib.Path.home() / ".cache" / "playload-tests" / "clients"


def _step(*command: object, folder: pathlib.Path, env: dict[str, str] | None = None) -> None:
    """Runs a command, again if it fails: registries have bad moments."""
    words = [str(word) for word in command]
    for attempt in range(1, TRIES + 1):
        done = subprocess.run(
            words,
            cwd=folder,
            env=dict(os.environ, **(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=STEP_SECONDS,
            check=False,
        )
        if done.returncode == 0:
            return
        if attempt < TRIES:
            time.sleep(2 * attempt)
    text = done.stdout.decode(errors="replace")[-3000:]
    raise DependencyError(f"{' '.join(words)} ended with {done.returncode}:\n{text}")


def _made(name: str, sources: list[pathlib.Path], make: Callable[[pathlib.Path], None]):
    """The folder that `make` fills from the sources, made once."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    folder = _cache() / f"{name}-{digest.hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    _cache().mkdir(parents=True, exist_ok=True)
    # Another test may be making the same: the second one waits and finds it there.
    with open(_cache() / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        with tempfile.TemporaryDirectory(dir=_cache(), prefix=f"{name}-making-") as scratch:
            making = pathlib.Path(scratch, "made")
            making.mkdir()
            make(making)
            making.rename(folder)
    return folder


def eventsource() -> pathlib.Path:
    """A copy of stream.mjs among its node_modules: both generations of npm's eventsource."""
    source = HERE / "eventsource"
    files = [source / name for name in ("package.json", "package-lock.json", "stream.mjs")]

    def make(folder: pathlib.Path) -> None:
        for file in files:
            shutil.copy(file, folder)
        _step("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)

    return _made("eventsource", files, make) / "stream.mjs"


def httpx_sse() -> pathlib.Path:
    """A folder for PYTHONPATH with httpx-sse."""
    return _from_pypi("httpx-sse", HERE / "httpx_sse_requirements.txt")


def openapi_tools() -> pathlib.Path:
    """A folder for PYTHONPATH with openapi-spec-validator and schemathesis."""
    # Some of it is compiled for one version of Python.
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _from_pypi(f"openapi-python{version}", HERE / "openapi_requirements.txt")


def _from_pypi(name: str, requirements: pathlib.Path) -> pathlib.Path:
    def make(folder: pathlib.Path) -> None:
        # A virtual environment has its own path written into it, so what it installs is put
        # elsewhere, and it goes.
        with tempfile.TemporaryDirectory() as scratch:
            _step(sys.executable, "-m", "venv", scratch, folder=folder)
            pip = [f"{scratch}/bin/python", "-m", "pip", "--disable-pip-version-check", "install"]
            options = ["--quiet", "--require-hashes", "--only-binary", ":all:", "--no-deps"]
            _step(*pip, *options, "--target", folder, "-r", requirements, folder=folder)

    return _made(name, [requirements], make)


def fluvio_like() -> pathlib.Path:
    """The program of fluvio_like/."""
    source = HERE / "fluvio_like"
    files = [source / name for name in ("Cargo.toml", "Cargo.lock", "src/main.rs")]

    def make(folder: pathlib.Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder.parent) as target:
            _step("cargo", "build", "--locked", "--quiet", "--target-dir", target, folder=source)
            shutil.copy(pathlib.Path(target, "debug", "fluvio_like"), folder)

    return _made("fluvio-like", files, make) / "fluvio_like"


def duckdb() -> pathlib.Path:
    """A folder for PYTHONPATH with DuckDB."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _from_pypi(f"duckdb-python{version}", HERE / "duckdb_requirements.txt")


def example(name: str) -> pathlib.Path:
    """The jar of a Maven project in examples/, with what it needs in lib/ beside it."""
    source = EXAMPLES / name
    files = [source / "pom.xml", *sorted(file for file in source.rglob("src/**/*.*"))]

    def make(folder: pathlib.Path) -> None:
        maven = ["mvn", "-q", "-B", "-f", source / "pom.xml", f"-Dtarget={folder}", "package"]
        _step(*maven, folder=folder)

    return _made(f"example-{name}", files, make) / f"{name}.jar"


def main() -> int:
    examples = [functools.partial(example, name) for name in ("kafka-streams", "flink", "flink-sql")]
    try:
        for made in (eventsource, httpx_sse, openapi_tools, fluvio_like, duckdb, *examples):
            began = time.monotonic()
            print(f"{made()}  ({time.monotonic() - began:.1f} s)")
    except DependencyError as error:
        print(f"dependencies: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
