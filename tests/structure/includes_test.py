"""Holds the #include lines to the arrows between the folders.

Three accounts of the same arrows must agree: the #include lines, the DEPS of each folder's
CMakeLists.txt, and the table in docs/architecture.md. A folder may include itself, what its DEPS
name, and nothing that its row of the table does not allow.

Usage: includes_test.py ROOT
"""

import pathlib
import re
import sys

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# A library or program of ours with everything up to the closing parenthesis.
TARGET = re.compile(r"\b(playload_library|add_executable|target_link_libraries)\(([^)]*)\)")
ROW = re.compile(r"^\| (?P<folders>`[^|]*`) \|[^|]*\| (?P<may>[^|]*) \|$", re.MULTILINE)


class Folder:
    """A folder with a CMakeLists.txt that makes libraries: the unit that DEPS speak about."""

    def __init__(self, path: str, lists: str):
        self.path = path
        self.libraries: set[str] = set()
        self.deps: set[str] = set()
        lists = re.sub(r"#[^\n]*", "", lists)
        for command, arguments in TARGET.findall(lists):
            words = arguments.split()
            if command == "playload_library":
                self.libraries.add(words[0])
            self.deps.update(w.removeprefix("playload::") for w in words if "playload::" in w)


def read_folders(root: pathlib.Path) -> dict[str, Folder]:
    folders = {}
    for lists in tree.files(root):
        if lists.name != "CMakeLists.txt" or lists.parts[0] not in tree.CODE_FOLDERS:
            continue
        folder = Folder(str(lists.parent), (root / lists).read_text())
        if folder.libraries or folder.deps:
            folders[folder.path] = folder
    return folders


def owner(path: str, folders: dict[str, Folder]) -> Folder | None:
    """The nearest folder upwards that makes a library."""
    parent = pathlib.PurePosixPath(path).parent
    while str(parent) != ".":
        if str(parent) in folders:
            return folders[str(parent)]
        parent = parent.parent
    return None


def read_table(architecture: str) -> dict[str, set[str]]:
    """Folder -> the folders that its row names; "everything" and "all above" are spelt out."""
    rows = [
        (re.findall(r"`([a-z/]+)`", match["folders"])[0], match["may"])
        for match in ROW.finditer(architecture)
    ]
    names = [folder for folder, _ in rows]
    allowed = {}
    for index, (folder, may) in enumerate(rows):
        words = set(re.findall(r"[a-z]+", may))
        allowed[folder] = {name for name in names if name.split("/")[-1] in words}
        if "everything" in may:
            allowed[folder].update(names)
        if "all above" in may:
            allowed[folder].update(names[:index])
    return allowed


def row_of(path: str, table: dict[str, set[str]]) -> str | None:
    fitting = [row for row in table if path == row or path.startswith(row + "/")]
    return max(fitting, key=len, default=None)


def problems(root: pathlib.Path) -> list[str]:
    found = []
    folders = read_folders(root)
    table = read_table((root / "docs/architecture.md").read_text())
    for path in tree.code(root):
        text = (root / path).read_text()
        where = str(path)
        here = owner(where, folders)
        for included in INCLUDE.findall(text):
            if not (root / included).is_file():
                found.append(f'{where}: "{included}" is not a path from the root of the tree')
                continue
            if path.parts[0] not in tree.CODE_FOLDERS:
                continue  # tests and benchmarks may include everything
            there = owner(included, folders)
            if here is None or there is None:
                found.append(f'{where}: "{included}": no CMakeLists.txt owns one of the two')
                continue
            if there is here:
                continue
            if not here.deps.intersection(there.libraries):
                names = " or ".join(f"playload::{name}" for name in sorted(there.libraries))
                found.append(
                    f'{where}: "{included}" needs {names} in the DEPS of '
                    f"{here.path}/CMakeLists.txt"
                )
            row, wanted = row_of(here.path, table), row_of(there.path, table)
            if row is None or wanted is None:
                missing = here.path if row is None else there.path
                found.append(f"docs/architecture.md has no row for {missing}")
            elif wanted != row and wanted not in table[row]:
                found.append(
                    f'{where}: "{included}": docs/architecture.md does not let {row} '
                    f"include {wanted}"
                )
    return sorted(set(found))


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    found = problems(root)
    for line in found:
        print(line)
    print(f"{len(found)} problems in {len(tree.code(root))} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
