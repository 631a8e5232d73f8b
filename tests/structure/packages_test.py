"""The packages that are installed and those that docs/dependencies.md explains are the same.

Usage: packages_test.py ROOT
"""

import pathlib
import re
import sys

# Part of every Debian system; named there for what they are used for.
ALWAYS_THERE = {"gzip"}


def installed(common: str, test: str) -> set[str]:
    lists = re.findall(r"^readonly \w+_packages=\(([^)]*)\)", common, re.MULTILINE)
    assert len(lists) == 2, "the lists of .ci/common.sh were not found"
    lists += re.findall(r"^need_command \S+ (.+)$", test, re.MULTILINE)
    return {name for names in lists for name in names.split()}


def explained(page: str) -> set[str]:
    """The packages in the tables' columns of that name, and in the line about the build."""
    found: set[str] = set()
    column = None
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if "Debian package" in cells:
            column = cells.index("Debian package")
        elif not line.startswith("|"):
            column = None
            if line.startswith("The build needs "):
                found.update(re.findall(r"`([^`]+)`", line))
        elif column is not None:
            found.update(re.findall(r"`([^`]+)`", cells[column]))
    return found - ALWAYS_THERE


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    have = installed((root / ".ci/common.sh").read_text(), (root / "test").read_text())
    say = explained((root / "docs/dependencies.md").read_text())
    for name in sorted(have - say):
        print(f"{name}: installed, not explained in docs/dependencies.md")
    for name in sorted(say - have):
        print(f"{name}: in docs/dependencies.md, not installed by .ci/common.sh or test")
    print(f"{len(have)} packages")
    return 1 if have != say else 0


if __name__ == "__main__":
    sys.exit(main())
