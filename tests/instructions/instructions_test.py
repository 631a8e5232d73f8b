"""Instructions an event against figures.txt; instructions.py says how they are counted.

In the environment: PLAYLOAD, COUNTED_JOB, VALGRIND. Exit code 77: there are no figures for this
build, nothing was compared.
"""

import os
import sys

import instructions

SKIPPED = 77


def main() -> int:
    counter = instructions.Counter(
        os.environ["PLAYLOAD"], os.environ["COUNTED_JOB"], os.environ["VALGRIND"]
    )
    table = instructions.read_table()
    # Sanitized builds do not run under valgrind, so the build is asked without it first.
    key = counter.key(under_valgrind=False)
    build = key.rpartition(", ")[0]
    if any(known.startswith(build) for known in table):
        key = counter.key(under_valgrind=True)
    if key not in table:
        print(f"no figures for this compiler: {key}")
        print("tests/instructions/update counts them")
        return SKIPPED
    print(f"{key}\ninstructions an event: counted, of the table")
    wrong = []
    for part, what in instructions.PARTS.items():
        counted, wanted = counter.count(part), table[key][part]
        change = counted / wanted - 1
        print(f"  {part:<10}{counted:8.1f}{wanted:8.1f}  {change:+7.1%}   {what}", flush=True)
        if abs(change) > instructions.TOLERANCE:
            wrong.append(f"{part} costs {'more' if change > 0 else 'less'} than the table says")
    for line in wrong:
        print(line)
    if wrong:
        print(f"more than {instructions.TOLERANCE:.0%} off; why? What is meant goes into the table: "
              "tests/instructions/update")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
