"""Every C++ file is as clang-format would leave it.

Usage: format_test.py ROOT CLANG_FORMAT
"""

import pathlib
import subprocess
import sys

import tree


def main() -> int:
    root, clang_format = pathlib.Path(sys.argv[1]), sys.argv[2]
    names = [str(path) for path in tree.code(root)]
    checked = subprocess.run(
        [clang_format, "--dry-run", "-Werror", *names],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in checked.stderr.splitlines() if ": error: " in line]
    unformatted = sorted({line.split(":")[0] for line in complaints})
    for name in unformatted:
        print(f"{name}: run clang-format-14 -i {name}")
    print(f"{len(unformatted)} of {len(names)} files are not formatted")
    return checked.returncode


if __name__ == "__main__":
    sys.exit(main())
