"""Holds the schemas that `playload schema` prints to the events that `playload run` writes.

For each way to shape events: real events are valid, under a validator that is not ours, and broken
ones are not. Options that change a field's form change its schema: the events of one form are not
valid under the schema of another.

Usage: schema_test.py PLAYLOAD
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import break_events
import validate

TOPICS = {"player": "player-events", "purchase": "purchase-events", "server": "server-metrics"}
BROKEN = 4  # events of each kind and form that are broken in every way
# Form, scenario, how many events, options that `run` and `schema` share, options of `schema` alone.
FORMS = (
    ("as it is", "steady", 20_000, (), ()),
    ("prefixed", "fraud-and-overload", 6_000, ("--id-prefix", "a-B9"), ()),
    ("all event types", "steady", 4_000, ("--event-types", "extended"), ()),
    ("milliseconds", "steady", 2_000, ("--timestamp-precision", "ms"), ()),
    ("microseconds", "steady", 2_000, ("--timestamp-precision", "us"), ()),
    ("naive", "steady", 2_000, ("--timestamp-precision", "naive"), ()),
    ("compat", "compat", 4_000, (), ("--compat",)),
)
# Beside these, purchases enough for every item, currency and refund to come up.
PURCHASES = ("fraud-ring", 150_000)
# Events of the one form, of a kind, are not all valid under the schema of the other.
MISFITS = (
    ("player", "milliseconds", "as it is"),
    ("player", "as it is", "milliseconds"),
    ("server", "microseconds", "milliseconds"),
    ("server", "naive", "microseconds"),
    ("purchase", "as it is", "naive"),
    ("player", "prefixed", "as it is"),
    ("purchase", "as it is", "prefixed"),
    ("player", "all event types", "as it is"),
    ("purchase", "compat", "as it is"),
    ("purchase", "as it is", "compat"),
)


def run(*arguments: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def check(script, *arguments: object) -> bool:
    """Runs another script of this folder; it says what it found itself."""
    sys.argv = [script.__name__, *map(str, arguments)]
    return script.main() == 0


def fits(schema: pathlib.Path, lines: pathlib.Path) -> bool:
    checks = validate.validators(validate.read_schema(schema))
    events = lines.read_text(encoding="ascii").splitlines()
    return all(check.is_valid(json.loads(event)) for event in events for check in checks[:1])


def write_events(playload: str, scenario: str, count: int, *options: str) -> None:
    """Runs a scenario; options name the folders."""
    run(
        *(playload, "run", scenario, "--events", str(count), "--seed", "1", "--quiet"),
        *("--clock", "virtual", "--start", "2026-01-01T00:00:00Z", *options),
    )


def check_shop(playload: str, scratch: pathlib.Path) -> bool:
    """Every price, item and currency that the schema allows is one that comes up, and is valid."""
    schema, lines = scratch / "shop.schema.json", scratch / "shop" / "purchase-events.ndjson"
    schema.write_text(run(playload, "schema", "purchase"))
    write_events(
        *(playload, *PURCHASES, "--to", f"file:{lines.parent}", "--run-dir", f"{scratch}/shop-run")
    )
    good = check(validate, schema, lines)
    allowed = json.loads(schema.read_text())["properties"]["parameters"]["properties"]
    events = [json.loads(line)["parameters"] for line in lines.read_text().splitlines()]
    for field in ("transaction_type", "currency", "item_id", "item_type"):
        unseen = set(allowed[field]["enum"]) - {event[field] for event in events}
        if unseen:
            good = False
            print(f"{field}: never seen: {sorted(unseen)}")
    return good


def verdict_on(line: bytes, check) -> str:
    """What the schema says of a line: "valid", "unknown" where a field too many is all, "invalid"."""
    try:
        event = json.loads(line.decode("utf-8"))
    except ValueError:
        return "invalid"
    if check.is_valid(event):
        return "valid"
    objects = [event, *event.values()] if isinstance(event, dict) else []
    strangers = [part.pop("trace_id", None) for part in objects if isinstance(part, dict)]
    return "unknown" if any(strangers) and check.is_valid(event) else "invalid"


def check_faults(playload: str, scratch: pathlib.Path) -> bool:
    """Events that data faults have damaged are not valid, as many as the run says; all others are."""
    run_dir = scratch / "faults-run"
    write_events(
        *(playload, "data-faults", "40000", "--rate", "4k"),
        *("--to", f"file:{scratch}/faults", "--run-dir", f"{run_dir}"),
    )
    invalid: dict[str, set[int]] = {topic: set() for topic in TOPICS.values()}
    for row in run(playload, "expect", f"{run_dir}", "--faults").splitlines():
        fault = json.loads(row)
        if fault.get("valid") is False:
            invalid[fault["topic"]].add(fault["position"])
    good = True
    for kind, topic in TOPICS.items():
        check_one = validate.VALIDATORS[0](json.loads(run(playload, "schema", kind)))
        lines = (scratch / "faults" / f"{topic}.ndjson").read_bytes().splitlines()
        verdicts = [verdict_on(line, check_one) for line in lines]
        counts = {name: verdicts.count(name) for name in ("valid", "unknown", "invalid")}
        print(f"{topic}: {counts}, {len(invalid[topic])} of them are to be invalid")
        good &= counts["invalid"] == len(invalid[topic]) > 0 and counts["unknown"] > 0
        # A field too many is a fault of its own: the schema allows none.
        good &= counts["unknown"] == sum(b'"trace_id"' in line for line in lines)
    return good


def main() -> int:
    playload = sys.argv[1]
    good = True
    schemas: dict[tuple[str, str], pathlib.Path] = {}
    events: dict[tuple[str, str], pathlib.Path] = {}
    with tempfile.TemporaryDirectory(prefix="playload-schema-") as name:
        scratch = pathlib.Path(name)
        for form, scenario, count, shared, only_schema in FORMS:
            print(f"--- {form}", flush=True)
            folder = scratch / form.replace(" ", "-")
            write_events(
                *(playload, scenario, count, *shared),
                *("--to", f"file:{folder}/events", "--run-dir", f"{folder}/run"),
            )
            for kind, topic in TOPICS.items():
                schema = folder / f"{kind}.schema.json"
                lines = folder / "events" / f"{topic}.ndjson"
                schema.write_text(run(playload, "schema", kind, *shared, *only_schema))
                good &= check(validate, schema, lines)
                good &= check(break_events, schema, lines, BROKEN)
                schemas[kind, form], events[kind, form] = schema, lines
        print("--- misfits", flush=True)
        for kind, form, other in MISFITS:
            if fits(schemas[kind, other], events[kind, form]):
                good = False
                print(f"{kind} events {form!r} are all valid under the schema {other!r}")
        print("--- data faults", flush=True)
        good &= check_faults(playload, scratch)
        print("--- the shop", flush=True)
        good &= check_shop(playload, scratch)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
