"""Computes the reference pipeline's outputs over recorded events, in SQL, by DuckDB.

    $ python3 recompute.py EVENTS OUTPUTS

EVENTS: the folder of `playload run --to file:EVENTS`. OUTPUTS: a folder that is made, with the four
outputs as `playload verify --from file:OUTPUTS` reads them.
"""

import pathlib
import sys

import duckdb

OUTPUTS = ("player-session-summaries", "purchase-aggregates", "server-alerts", "fraud-alerts")


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 104
    events, outputs = map(pathlib.Path, sys.argv[1:])
    outputs.mkdir(parents=True)
    database = duckdb.connect()
    database.execute("SET VARIABLE events = ?", [str(events)])
    database.execute(pathlib.Path(__file__).with_name("recompute.sql").read_text())
    for output in OUTPUTS:
        table, file = output.replace("-", "_"), outputs / f"{output}.ndjson"
        database.execute(f"COPY {table} TO '{file}' (FORMAT json)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
