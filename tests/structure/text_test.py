"""What the project's text files may contain.

ASCII, lines without trailing blanks or tabs (Go's formatter sets some), a newline at the end, C++
headers with one `#pragma once`, nothing left to do, no path that exists on one machine only, and
no host but those that are meant to be read by people or are examples.

Usage: text_test.py ROOT
"""

import pathlib
import re
import sys

import tree

# Hosts that may stand in a file. Whatever is fetched is named by its package or its coordinates.
HOSTS = {
    "...",  # whichever
    "0.0.0.0",  # all addresses of this machine
    "127.0.0.1",
    "camel.apache.org",  # the name of the namespace of its routes
    "github.com",  # issues of the libraries that we use
    "localhost",
    "json-schema.org",
    "kafka.apache.org",
    "maven.apache.org",  # the name of its POM's namespace
    "www.w3.org",  # likewise of SVG's
}
RULES = (
    (re.compile(r"[^\x00-\x7f]"), "a character outside ASCII"),
    (re.compile(r"[ \t]+$"), "blanks at the end of the line"),
    (re.compile(r"\t"), "a tab"),
    # Put together here so that this file passes its own test.
    (re.compile("TO" + r"DO\b|FIX" + r"ME\b"), "something left to do"),
    (
        re.compile(r"(?<![\w.$}~-])/(home|root|work|Users|mnt|media|opt|srv)/\w"),
        "a path of one machine",
    ),
)
URL = re.compile(r"\b(?:https?|ftp)://([A-Za-z0-9.-]+)")


def is_example_host(host: str) -> bool:
    # A name without a dot is nobody's.
    return "." not in host or host in HOSTS or host.endswith((".example", ".invalid"))


def problems(path: pathlib.Path, data: bytes) -> list[str]:
    text = data.decode("utf-8", errors="replace")
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        for rule, what in RULES:
            if rule.search(line) and not (what == "a tab" and path.suffix == ".go"):
                found.append(f"{path}:{number}: {what}")
        for host in URL.findall(line):
            if not is_example_host(host):
                found.append(f"{path}:{number}: the host {host}")
    if data and not data.endswith(b"\n"):
        found.append(f"{path}: no newline at the end")
    if path.suffix == ".h" and text.count("#pragma once") != 1:
        found.append(f"{path}: a header has one #pragma once")
    return found


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    paths = [path for path in tree.files(root) if path.suffix not in (".sha256", ".png")]
    found = [line for path in paths for line in problems(path, (root / path).read_bytes())]
    for line in found:
        print(line)
    print(f"{len(found)} problems in {len(paths)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
