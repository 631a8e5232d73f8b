"""Breaks valid events in every field, in every way we could think of; each must be rejected.

A schema that lets one of them pass says less than it should. The breaks are made from the events
themselves, so a new field is broken too.

Usage: break_events.py SCHEMA EVENTS.ndjson [HOW_MANY]
"""

import copy
import json
import pathlib
import sys
from collections.abc import Iterator

import validate

HOW_MANY = 40
STRANGERS = (None, True, False, 1, -1, 0.5, "", "x", [], {}, ["x"], {"x": 1})


def leaves(value, path: tuple = ()) -> Iterator[tuple]:
    """The path of every value, objects included."""
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, path + (name,))


def get(event: dict, path: tuple):
    for name in path:
        event = event[name]
    return event


def put(event: dict, path: tuple, value) -> dict:
    broken = copy.deepcopy(event)
    get(broken, path[:-1])[path[-1]] = value
    return broken


def same_type(one, other) -> bool:
    """As JSON sees it: true is no number, and 1 and 1.5 are both numbers."""
    if isinstance(one, bool) or isinstance(other, bool):
        return isinstance(one, bool) and isinstance(other, bool)
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return True
    return type(one) is type(other)


def broken_texts(path: tuple, text: str) -> Iterator[tuple[str, str]]:
    yield "empty", ""
    yield "blank before", " " + text
    yield "blank behind", text + " "
    yield "upper case", text.upper() if text != text.upper() else text.lower()
    yield "last character missing", text[:-1] + "!"
    yield "outside ASCII", text + "\u00e9"
    yield "a quote inside", text[:1] + '"' + text[1:]
    if path[-1] != "region":  # a scenario may call its regions what it likes
        yield "twice", text + text
    head, underscore, number = text.rpartition("_")
    if underscore and number.isdigit():
        yield "no number", head + "_"
        yield "number 0", head + "_0"
        yield "negative number", head + "_-1"
        yield "leading zeros", head + "_00" + number
        yield "fraction", head + "_1.5"
        yield "hexadecimal", head + "_0x1"
        yield "another prefix", "foreign_" + number
        yield "prefixed", head + "_zz9_" + number
        yield "too long", head + "_" + "1" * 40


def broken_instants(text: str) -> Iterator[tuple[str, str]]:
    yield "no T", text.replace("T", " ")
    yield "an offset", text.removesuffix("Z") + "+00:00"
    yield "Z changed", text.removesuffix("Z") if text.endswith("Z") else text + "Z"
    yield "month 13", text[:5] + "13" + text[7:]
    yield "month 0", text[:5] + "00" + text[7:]
    yield "day 32", text[:8] + "32" + text[10:]
    yield "hour 24", text[:11] + "24" + text[13:]
    yield "minute 60", text[:14] + "60" + text[16:]
    yield "second 60", text[:17] + "60" + text[19:]
    yield "no seconds", text[:16] + text[19:]
    yield "two digits of a fraction", text[:19] + ".12" + ("Z" if text.endswith("Z") else "")
    yield "two-digit year", text[2:]
    yield "a date", text[:10]


def broken_numbers(path: tuple, number) -> Iterator[tuple[str, object]]:
    yield "negative", -1
    yield "a little negative", -0.01
    yield "as text", json.dumps(number)
    yield "far too large", 1e300
    yield "NaN as text", "NaN"
    if path[-1] == "amount":
        yield "a fortune", 1_000_000_007
    else:
        yield "a fraction", number + 0.5
        yield "beyond 32 bits", 4_294_967_296
    if path[-1] in ("cpu_load", "memory_usage"):
        yield "101 percent", 101


def breaks(event: dict) -> Iterator[tuple[str, object]]:
    """What is broken, and the broken event."""
    for stranger in STRANGERS:
        yield f"not an event: {stranger!r}", stranger
    for path in leaves(event):
        name = ".".join(path) or "event"
        value = get(event, path)
        if isinstance(value, dict):
            yield f"{name}: another field", put_field(event, path, "unknown", 1)
            yield f"{name}: a field in capitals", put_field(event, path, "Event_Name", "x")
        if not path:
            continue
        without = copy.deepcopy(event)
        del get(without, path[:-1])[path[-1]]
        yield f"{name}: missing", without
        yield f"{name}: null", put(event, path, None)
        yield f"{name}: in a list", put(event, path, [value])
        yield f"{name}: in an object", put(event, path, {"value": value})
        for stranger in STRANGERS:
            if not same_type(stranger, value):
                yield f"{name}: {stranger!r}", put(event, path, stranger)
        if isinstance(value, str):
            for what, text in broken_texts(path, value):
                yield f"{name}: {what}", put(event, path, text)
        if path[-1] == "event_timestamp":
            for what, text in broken_instants(value):
                yield f"{name}: {what}", put(event, path, text)
        if isinstance(value, (int, float)):
            for what, number in broken_numbers(path, value):
                yield f"{name}: {what}", put(event, path, number)


def put_field(event: dict, path: tuple, name: str, value) -> dict:
    broken = copy.deepcopy(event)
    get(broken, path)[name] = value
    return broken


def broken_pairs(schema: dict, event: dict) -> Iterator[tuple[str, object]]:
    """Values that are valid alone but not together, where the schema has such conditions."""
    conditions = schema["properties"]["parameters"].get("allOf", ())
    if conditions:
        amount = ("parameters", "amount")
        yield "amount: not on the price list", put(event, amount, get(event, amount) + 0.001)
    for condition in conditions:
        (field,) = condition["if"]["properties"]
        (other,) = condition["then"]["properties"]
        allowed = condition["then"]["properties"][other]["enum"]
        value = condition["if"]["properties"][field]["const"]
        if event["parameters"][other] not in allowed:
            yield f"{other} of another {field} than {value}", put(
                event, ("parameters", field), value
            )


def main() -> int:
    schema = validate.read_schema(pathlib.Path(sys.argv[1]))
    checks = validate.validators(schema)
    lines = pathlib.Path(sys.argv[2]).read_text(encoding="ascii").splitlines()
    wanted = int(sys.argv[3]) if len(sys.argv) > 3 else HOW_MANY
    events = [json.loads(line) for line in lines[:: max(1, len(lines) // wanted)]]
    tried = passed = 0
    for event in events:
        if any(not check.is_valid(event) for check in checks):
            sys.exit(f"not valid before it was broken: {json.dumps(event)}")
        for what, broken in [*breaks(event), *broken_pairs(schema, event)]:
            tried += 1
            for check in checks:
                if check.is_valid(broken):
                    passed += 1
                    print(f"{type(check).__name__} lets pass: {what}: {json.dumps(broken)}")
    print(f"{schema['title']}: {tried} broken events of {len(events)}, {passed} let pass")
    return 1 if passed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
