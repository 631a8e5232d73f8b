"""The project's own files, as the tests of this folder see them."""

import pathlib
import subprocess

CODE_FOLDERS = ("generator", "personas", "scenarios", "transports")
CODE_SUFFIXES = (".h", ".cc")
SKIPPED_FOLDERS = {"build", "playload-runs", "__pycache__", ".git"}


def files(root: pathlib.Path) -> list[pathlib.Path]:
    """Every file of the project, relative to its root: what git knows, or would add."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [pathlib.Path(name) for name in listed.stdout.decode().split("\0") if name]
    else:  # an unpacked archive, or a clone that another user owns
        names = [path.relative_to(root) for path in root.rglob("*")]
    return sorted(
        path
        for path in set(names)
        if not SKIPPED_FOLDERS.intersection(path.parts) and (root / path).is_file()
    )


def code(root: pathlib.Path) -> list[pathlib.Path]:
    """The C++ files: the project's, its tests' and its benchmarks'."""
    return [path for path in files(root) if path.suffix in CODE_SUFFIXES]
