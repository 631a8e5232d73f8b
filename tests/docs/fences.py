"""Reads the fences of a Markdown page that can be run.

    ```console
    $ playload list            a command, run by bash; goes on after a backslash at the line's end
    anything else              a sample of what it prints, not compared
    ```

Comments on lines of their own before a fence (blank lines between are fine) say more:

    <!-- needs: kafka -->      run in the e2e tests, against a real broker in place of 127.0.0.1:9092
    <!-- needs: serve --seed 7 -->    run while `playload serve --seed 7` runs on a free port, in place
                               of 127.0.0.1:8000; neighbours with the same words share it
    <!-- exit: 104 -->         the last command of the fence ends with this code; the others with 0
    <!-- not run: reason -->   shown only
    <!-- file: mine.yaml -->   the fence, of any language, is a file; later commands find it

The commands of a page share one scratch folder, in order.
"""

import dataclasses
import pathlib
import re

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)\s*$")
MARK = re.compile(r"^\s*<!--\s*(needs|exit|not run|file):\s*(.+?)\s*-->\s*$")


@dataclasses.dataclass
class Fence:
    page: pathlib.Path
    line: int
    language: str
    lines: list[str]
    marks: dict[str, str]

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_run(self) -> bool:
        return self.language == "console" and "not run" not in self.marks

    @property
    def needs_kafka(self) -> bool:
        return self.marks.get("needs") == "kafka"

    @property
    def server(self) -> str | None:
        """The arguments of the `playload serve` that it needs; None: it needs none."""
        word, _, arguments = self.marks.get("needs", "").partition(" ")
        return arguments.strip() if word == "serve" else None

    def commands(self) -> list[str]:
        found: list[str] = []
        goes_on = False
        for line in self.lines:
            if goes_on:
                found[-1] += "\n" + line
            elif line.startswith("$ "):
                found.append(line[2:])
            else:
                continue
            goes_on = line.endswith("\\")
        return found


def read(page: pathlib.Path, text: str) -> list[Fence]:
    """The fences of a page. Raises ValueError for a mark or a fence that cannot be meant."""
    fences: list[Fence] = []
    marks: dict[str, str] = {}
    inside: Fence | None = None
    indent = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if inside is not None:
            if line.strip() == "```":
                fences.append(inside)
                inside = None
            else:
                inside.lines.append(line[indent:] if not line[:indent].strip() else line)
            continue
        if mark := MARK.match(line):
            marks[mark[1]] = mark[2]
        elif fence := FENCE.match(line):
            indent = len(fence["indent"])
            inside = Fence(page, number, fence["language"], [], marks)
            marks = {}
        elif line.strip() and marks:
            raise ValueError(f"{page}:{number}: {sorted(marks)} stand before no fence")
    if inside is not None or marks:
        raise ValueError(f"{page}: a fence or a mark is open at the end")
    for fence in fences:
        if "needs" in fence.marks and not fence.needs_kafka and fence.server is None:
            raise ValueError(f"{fence.where}: needs what? only kafka and serve are known")
        if not fence.marks.get("exit", "0").isdigit():
            raise ValueError(f"{fence.where}: exit: {fence.marks['exit']} is not a number")
        if fence.is_run and not fence.commands():
            raise ValueError(f"{fence.where}: a console fence without a '$ ' line")
        if fence.language in ("bash", "sh", "shell"):
            raise ValueError(f"{fence.where}: commands stand in ```console fences, with '$ '")
    return fences
