"""Validates events against one of playload's schemas, with a validator that is not ours.

Every line of the files must be valid under JSON Schema 2020-12 and under draft 7, and the schema
itself under both drafts' meta-schemas. Beyond the schema, what it cannot say is checked: each line is
one JSON object in compact form with its fields in the schema's order, and nothing but ASCII.

Usage: validate.py SCHEMA EVENTS.ndjson...
"""

import json
import pathlib
import sys

import jsonschema

VALIDATORS = (jsonschema.Draft202012Validator, jsonschema.Draft7Validator)
SHOWN = 10


def read_schema(path: pathlib.Path) -> dict:
    schema = json.loads(path.read_text(encoding="ascii"))
    for validator in VALIDATORS:
        validator.check_schema(schema)
    return schema


def validators(schema: dict) -> list:
    return [validator(schema) for validator in VALIDATORS]


def out_of_order(schema: dict, event, where: str = "event") -> list[str]:
    """The objects whose fields do not come in the order of the schema's `required`."""
    if not isinstance(event, dict) or "required" not in schema:
        return []
    found = []
    if list(event) != schema["required"]:
        found.append(f"{where}: fields in the order {list(event)}")
    for name, value in event.items():
        found += out_of_order(schema["properties"].get(name, {}), value, f"{where}.{name}")
    return found


def problems(schema: dict, checks: list, line: str) -> list[str]:
    try:
        event = json.loads(line)
    except ValueError as error:
        return [f"not JSON: {error}"]
    found = [
        f"{type(check).__name__}: {error.json_path}: {error.message[:200]}"
        for check in checks
        for error in check.iter_errors(event)
    ]
    found += out_of_order(schema, event)
    if any(blank in line for blank in (", ", ": ", "{ ", " }")) or not line.isascii():
        found.append("not compact ASCII")
    return found


def main() -> int:
    schema = read_schema(pathlib.Path(sys.argv[1]))
    checks = validators(schema)
    lines = wrong = 0
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8", newline="\n") as events:
            for number, line in enumerate(events, start=1):
                lines += 1
                found = problems(schema, checks, line.removesuffix("\n"))
                if not line.endswith("\n"):
                    found.append("no newline at the end")
                wrong += bool(found)
                if found and wrong <= SHOWN:
                    print(f"{path}:{number}: " + "; ".join(found))
    print(f"{schema['title']}: {lines} events, {wrong} of them not valid")
    return 1 if wrong or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
