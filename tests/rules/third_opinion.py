"""A third opinion on rule sets: what docs/rules.md says, written down in Python.

Written from the documentation alone, by other hands than the two evaluators of generator/rules, and
to be read beside it: `Each` is "What happens, exactly", `Closed` is "Windows that answer when they
close", both word by word and as slow as that is. Times are whole nanoseconds; numbers are doubles,
folded in order of arrival.

    third_opinion.py RULES.yaml <EVENTS     prints what `expect --rules RULES.yaml` must print
"""

import bisect
import collections
import datetime
import json
import math
import operator
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

TEXT, NUMBER, WHOLE, CONDITION = "text", "number", "whole", "condition"

_USER = {"user_data.user_id": TEXT, "user_data.platform": TEXT}
FIELDS = {
    "player-events": {
        "event_name": TEXT,
        "parameters.player_id": TEXT,
        "parameters.session_id": TEXT,
        "parameters.event_type": TEXT,
        "parameters.level_id": TEXT,
        "parameters.map_id": TEXT,
        "event_timestamp": TEXT,
        **_USER,
    },
    "purchase-events": {
        "event_name": TEXT,
        "parameters.transaction_id": TEXT,
        "parameters.transaction_type": TEXT,
        "parameters.currency": TEXT,
        "parameters.amount": NUMBER,
        "parameters.item_id": TEXT,
        "parameters.item_type": TEXT,
        "event_timestamp": TEXT,
        **_USER,
    },
    "server-metrics": {
        "event_name": TEXT,
        "parameters.server_id": TEXT,
        "parameters.cpu_load": WHOLE,
        "parameters.memory_usage": WHOLE,
        "parameters.latency": WHOLE,
        "event_timestamp": TEXT,
        "server_data.region": TEXT,
        "server_data.server_type": TEXT,
    },
}
PARTITIONED_BY = {
    "player-events": ("parameters.player_id", "user_data.user_id"),
    "purchase-events": ("user_data.user_id",),
    "server-metrics": ("parameters.server_id",),
}
TOPIC_OF_NAME = {
    "player_action": "player-events",
    "transaction": "purchase-events",
    "server_metric": "server-metrics",
}


# --- The text of a rule set: as much of YAML as rule sets are written in; every scalar is a text.


def read_yaml(text: str):
    rows = []
    for row in text.splitlines():
        row = _without_comment(row)
        if row.strip():
            rows.append((len(row) - len(row.lstrip()), row.strip()))
    value, rest = _block(rows)
    assert not rest, rest
    return value


def _without_comment(row: str) -> str:
    quote = None
    for at, letter in enumerate(row):
        if quote:
            quote = None if letter == quote else quote
        elif letter in "'\"" and row[:at].rstrip()[-1:] in ("", ":", "-", ",", "{", "["):
            quote = letter  # one within a plain scalar is a letter like others
        elif letter == "#" and row[:at][-1:] in ("", " "):
            return row[:at]
    return row


def _block(rows):
    indent, first = rows[0]
    if first.startswith("- "):
        values = []
        while rows and rows[0][0] == indent and rows[0][1].startswith("- "):
            item = rows[0][1][2:]
            inner = indent + 2 + len(item) - len(item.lstrip())
            value, rows = _block([(inner, item.lstrip()), *rows[1:]])
            values.append(value)
        return values, rows
    entry = re.match(r"([A-Za-z0-9_-]+):(?: +|$)", first)
    if not entry:
        value, rest = _flow(first)
        assert not rest, rest
        return value, rows[1:]
    values = {}
    while rows and rows[0][0] == indent:
        entry = re.match(r"([A-Za-z0-9_-]+):(?: +|$)", rows[0][1])
        value = rows[0][1][entry.end() :]
        if value:
            rows = [(indent + 1, value), *rows[1:]]
            if value[0] in "{['\"":
                values[entry[1]], rest = _flow(value)
                assert not rest, rest
            else:
                values[entry[1]] = value
            rows = rows[1:]
        else:
            values[entry[1]], rows = _block(rows[1:])
    return values, rows


def _flow(text: str, ends: str = ""):
    """A value, and the text behind it; a plain scalar ends before one of `ends`."""
    text = text.lstrip()
    if text[0] == "{":
        values, text = {}, text[1:].lstrip()
        while text[0] != "}":
            name, text = _flow(text, ":")
            values[name], text = _flow(text[1:], ",}")
            text = text.lstrip(", ")
        return values, text[1:].lstrip()
    if text[0] == "[":
        values, text = [], text[1:].lstrip()
        while text[0] != "]":
            value, text = _flow(text, ",]")
            values.append(value)
            text = text.lstrip(", ")
        return values, text[1:].lstrip()
    if text[0] == "'":
        quoted = re.match(r"'((?:[^']|'')*)'", text)
        return quoted[1].replace("''", "'"), text[quoted.end() :].lstrip()
    if text[0] == '"':
        value, end = json.JSONDecoder().raw_decode(text)
        return value, text[end:].lstrip()
    plain = re.match(f"[^{re.escape(ends)}]*", text) if ends else re.match(".*", text)
    return plain[0].rstrip(), text[plain.end() :]


# --- Expressions. One that was read is its type and a function of the names' values; none is None.

COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
FOLD = {"+": operator.add, "-": operator.sub, "*": operator.mul}
TOKEN = re.compile(r'\s*(\d+(?:\.\d+)?|"(?:[^"\\]|\\["\\])*"|[a-z][a-z0-9_.]*|[=!<>]=|[<>+*()-])')


class Expression:
    def __init__(self, text: str, names: dict[str, str]):
        self._tokens, at, text = [], 0, text.strip()
        while at < len(text):
            token = TOKEN.match(text, at)
            assert token, f"{text!r} at {at}"
            self._tokens.append(token[1])
            at = token.end()
        self._names = names
        self.type, self.of = self._or()
        assert not self._tokens, f"{text!r}: {self._tokens}"

    def _next(self, *wanted: str) -> str | None:
        return self._tokens.pop(0) if self._tokens and self._tokens[0] in wanted else None

    def _or(self):
        type_, of = self._and()
        while self._next("or"):
            type_, of = CONDITION, _either(of, self._and()[1])
        return type_, of

    def _and(self):
        type_, of = self._not()
        while self._next("and"):
            type_, of = CONDITION, _both(of, self._not()[1])
        return type_, of

    def _not(self):
        if self._next("not"):
            of = self._not()[1]
            return CONDITION, lambda values: not of(values)
        return self._comparison()

    def _comparison(self):
        type_, of = self._sum()
        if sign := self._next(*COMPARE):
            return CONDITION, _compared(COMPARE[sign], of, self._sum()[1])
        return type_, of

    def _sum(self):
        type_, of = self._product()
        while sign := self._next("+", "-"):
            type_, of = _folded(FOLD[sign], (type_, of), self._product())
        return type_, of

    def _product(self):
        type_, of = self._signed()
        while sign := self._next("*"):
            type_, of = _folded(FOLD[sign], (type_, of), self._signed())
        return type_, of

    def _signed(self):
        if self._next("-"):
            type_, of = self._signed()
            return type_, lambda values: None if (value := of(values)) is None else -value
        token = self._tokens.pop(0)
        if token == "(":
            inner = self._or()
            assert self._next(")")
            return inner
        if token[0] == '"':
            text = re.sub(r"\\(.)", r"\1", token[1:-1])
            return TEXT, lambda values: text
        if token[0].isdigit():
            number = float(token)
            return WHOLE if number.is_integer() else NUMBER, lambda values: number
        return self._names[token], lambda values: values[token]


def _either(left: Callable, right: Callable) -> Callable:
    return lambda values: left(values) or right(values)


def _both(left: Callable, right: Callable) -> Callable:
    return lambda values: left(values) and right(values)


def _compared(holds: Callable, left: Callable, right: Callable) -> Callable:
    def of(values):
        one, other = left(values), right(values)
        return one is not None and other is not None and holds(one, other)

    return of


def _folded(fold: Callable, left: tuple, right: tuple) -> tuple:
    def of(values):
        one, other = left[1](values), right[1](values)
        return None if one is None or other is None else fold(one, other)

    return WHOLE if left[0] == right[0] == WHOLE else NUMBER, of


# --- Events.


class Event:
    """A valid one: its documented fields, and its time where `event_timestamp` is an instant."""

    def __init__(self, topic: str, fields: dict, arrival: int):
        self.topic, self.fields, self.arrival = topic, fields, arrival
        self.time = instant(fields["event_timestamp"])


def read_event(line: bytes, arrival: int) -> Event | None:
    """None: not valid, no rule sees it."""
    try:
        event = json.loads(line.decode(), parse_constant=_reject)
    except ValueError:
        return None
    topic = TOPIC_OF_NAME.get(event["event_name"]) if _is_text(event.get("event_name")) else None
    if topic is None:
        return None
    fields = {}
    for path, type_ in FIELDS[topic].items():
        value = event
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if type_ == TEXT:
            good = _is_text(value)
        elif type_ == WHOLE:
            good = type(value) is int and 0 <= value < 2**32
        else:
            good = type(value) in (int, float)
        if not good:
            return None
        fields[path] = value if type_ == TEXT else float(value)
    return Event(topic, fields, arrival)


def _reject(constant: str):
    raise ValueError(constant)


def _is_text(value) -> bool:
    return isinstance(value, str)


INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z?", re.ASCII)


def instant(text: str) -> int | None:
    """Nanoseconds since 1970."""
    match = INSTANT.fullmatch(text)
    if not match:
        return None
    try:
        whole = datetime.datetime.fromisoformat(match[1] + "+00:00")
    except ValueError:
        return None
    return int(whole.timestamp()) * 10**9 + int((match[2] or "").ljust(9, "0"))


UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}


def duration(text: str) -> int:
    """Nanoseconds of `1h30m`, `1.5m`, `250ms`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhd])", text)
    assert "".join(map("".join, parts)) == text, text
    return sum(int(Decimal(number) * UNITS[unit]) for number, unit in parts)


# --- Rules.


class Output:
    def __init__(self, rule: "Rule", key: str, record, cause: Event):
        self.rule, self.topic, self.key, self.record = rule, rule.output, key, record
        self.cause = cause

    def line(self) -> str:
        """As `expect` prints it, but for the form of numbers."""
        key = json.dumps(self.key, ensure_ascii=False)
        return f'{{"output":"{self.topic}","key":{key},"value":{written(self.record)}}}'


class Whole(float):
    """A value that is made of whole values alone."""


def written(value) -> str:
    if isinstance(value, dict):
        inner = (f"{json.dumps(name)}:{written(inner)}" for name, inner in value.items())
        return f"{{{','.join(inner)}}}"
    if isinstance(value, float):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def number(value: float) -> str:
    if not math.isfinite(value):
        return "null"
    if isinstance(value, Whole) and abs(value) < 2**53:
        return str(int(value))
    # Of all shortest decimals the one that Python writes; str() of an integral double has a ".0".
    return repr(float(value)).removesuffix(".0")


class _Written(str):
    """A number as it stands in a line."""


def says(line: str, output: Output) -> bool:
    """Whether a line of `expect` is this output, its fields in order and its numbers short."""
    got = json.loads(line, object_pairs_hook=list, parse_int=_Written, parse_float=_Written)
    want = {"output": output.topic, "key": output.key, "value": output.record}
    return _same(got, want)


def _same(got, want) -> bool:
    if isinstance(want, dict):
        return (
            isinstance(got, list)
            and [name for name, _ in got] == list(want)
            and all(_same(value, want[name]) for name, value in got)
        )
    if isinstance(want, float) and math.isfinite(want):
        if not isinstance(got, _Written):
            return False
        if isinstance(want, Whole) and abs(want) < 2**53:
            return got == number(want)
        return repr(float(got)) == repr(float(want)) and len(got) <= len(number(want))
    want = None if isinstance(want, float) else want
    return type(got) is type(want) and got == want


class Rule:
    def __init__(self, rule: dict):
        self.name, self.input, self.key, self.output = (
            rule[name] for name in ("rule", "input", "key", "output")
        )
        window = dict(rule.get("window", {}))
        self.lateness = duration(window.pop("lateness", "0s"))
        self.edge = duration(window.pop("edge", "0s"))
        self.closed = window.pop("answer", "each") == "closed"
        self.window, size = next(iter(window.items()), ("none", None))
        self.size = int(size) if self.window == "last" else size and duration(size)
        self.cool_down = duration(rule["cool_down"]) if "cool_down" in rule else None
        self.of_time = self.window in ("tumbling", "sliding", "session")
        self.uses_time = self.of_time or self.cool_down is not None

        fields = FIELDS[self.input]
        self.state = {
            name: State(text, fields, self.key) for name, text in rule.get("state", {}).items()
        }
        names = {name: state.type for name, state in self.state.items()} | {"key": TEXT}
        names |= {"window_start": WHOLE, "window_end": WHOLE} if self.closed else fields
        self.names = names
        self.output_key_text = rule.get("output_key", "key")
        self.output_key = Expression(self.output_key_text, names)
        self.records = [one["record"] for one in rule.get("first_of", [rule])]
        self.alternatives = [
            (
                Expression(one["when"], names).of if "when" in one else lambda values: True,
                _record(one["record"], names, fields),
            )
            for one in rule.get("first_of", [rule])
        ]
        self.keys_at_edge: set[str] = set()

    def takes(self, event: Event) -> bool:
        return event.topic == self.input and (event.time is not None or not self.uses_time)

    def answer(self, key: str, window: list[Event], bounds: dict) -> Output | None:
        """Of the window's events, in order of arrival; the last one causes it."""
        values = {"key": key, **bounds}
        values |= {} if self.closed else window[-1].fields
        values |= {name: state.over(window) for name, state in self.state.items()}
        for holds, record in self.alternatives:
            if holds(values):
                output_key = self.output_key.of(values)
                return Output(self, output_key or "", record(values), window[-1])
        return None


def _record(record, names: dict, fields: dict) -> Callable:
    if record == "event":
        every = {path: _record(path, names, fields) for path in fields}
        return lambda values: _nested({path: of(values) for path, of in every.items()})
    if isinstance(record, dict):
        inner = {name: _record(value, names, fields) for name, value in record.items()}
        return lambda values: {name: of(values) for name, of in inner.items()}
    value = Expression(record, names)
    if value.type == WHOLE:
        return lambda values: None if (of := value.of(values)) is None else Whole(of)
    return value.of


def _nested(paths: dict) -> dict:
    tree: dict = {}
    for path, value in paths.items():
        *outer, name = path.split(".")
        place = tree
        for step in outer:
            place = place.setdefault(step, {})
        place[name] = value
    return tree


class State:
    def __init__(self, text: str, fields: dict, key: str):
        text, _, where = text.partition(" where ")
        self.kind, _, self.field = text.strip().partition(" ")
        self.field = self.field.strip()
        self.key = key
        self.where = Expression(where, fields | {"key": TEXT}).of if where else lambda values: True
        type_ = fields.get(self.field, WHOLE)
        self.type = WHOLE if self.kind in ("count", "distinct") else type_

    def over(self, window: list[Event]):
        counted = [
            event
            for event in window
            if self.where({**event.fields, "key": event.fields[self.key]})
        ]
        if self.kind == "count":
            return float(len(counted))
        values = [event.fields[self.field] for event in counted]
        if self.kind == "distinct":
            return float(len(set(values)))
        if self.kind == "sum":
            total = 0.0
            for value in values:
                total += value
            return total
        if not values:
            return None
        return {"last": lambda them: them[-1], "min": min, "max": max}[self.kind](values)


class Each:
    """A rule that answers after every event."""

    def __init__(self, rule: Rule):
        self.rule = rule
        self.events: dict[str, list[Event]] = collections.defaultdict(list)
        self.greatest: dict[str, int] = {}
        self.answered: dict[str, int] = {}

    def take(self, event: Event) -> list[Output]:
        rule, key = self.rule, event.fields[self.rule.key]
        if rule.of_time:
            greatest = self.greatest.get(key, event.time)
            bound = greatest - rule.lateness
            if event.time < greatest and abs(event.time - bound) <= rule.edge:
                rule.keys_at_edge.add(key)
            if event.time < bound:
                return []
            self.greatest[key] = max(greatest, event.time)
        self.events[key].append(event)
        output = rule.answer(key, self.window(self.events[key], event), {})
        if output is None:
            return []
        if rule.cool_down is not None:
            if key in self.answered and event.time < self.answered[key] + rule.cool_down:
                return []
            self.answered[key] = event.time
        return [output]

    def window(self, events: list[Event], event: Event) -> list[Event]:
        size, t = self.rule.size, event.time
        if self.rule.window == "none":
            return events
        if self.rule.window == "last":
            return events[-size:]
        if self.rule.window == "tumbling":
            window = [one for one in events if one.time // size == t // size]
        elif self.rule.window == "sliding":
            window = [one for one in events if t - size < one.time <= t]
        else:
            times = sorted(one.time for one in events)
            first = last = bisect.bisect_left(times, t)
            while first > 0 and times[first] - times[first - 1] <= size:
                first -= 1
            while last + 1 < len(times) and times[last + 1] - times[last] <= size:
                last += 1
            window = [one for one in events if times[first] <= one.time <= times[last]]
        # The event itself is the last of its window by arrival.
        assert window[-1] is event
        return window


class Closed:
    """A rule whose windows answer once, when they are over."""

    def __init__(self, rule: Rule):
        self.rule = rule
        self.stream_time: int | None = None
        self.open: list[tuple[str, list[Event]]] = []  # events in order of arrival
        self.over: list[tuple[str, list[Event]]] = []

    def bounds(self, events: list[Event]) -> tuple[int, int]:
        times, size = [event.time for event in events], self.rule.size
        if self.rule.window == "tumbling":
            start = times[0] // size * size
            return start, start + size
        return min(times), max(times) + size

    def closes(self, events: list[Event]) -> int:
        """End + lateness."""
        return self.bounds(events)[1] + self.rule.lateness

    def is_over(self, events: list[Event]) -> bool:
        closes = self.closes(events)
        if self.rule.window == "tumbling":
            return closes <= self.stream_time
        return closes < self.stream_time

    def take(self, event: Event) -> list[Output]:
        rule, key = self.rule, event.fields[self.rule.key]
        behind = self.stream_time is not None and event.time < self.stream_time
        self.stream_time = event.time if not behind else self.stream_time

        closing = [window for window in self.open if self.is_over(window[1])]
        closing.sort(key=lambda window: (self.closes(window[1]), window[1][0].arrival))
        self.open = [window for window in self.open if window not in closing]
        self.over += closing
        outputs = [self.answer(*window) for window in closing]

        mine = [w for w in self.open if w[0] == key and self.belongs(event, w[1])]
        joined = sorted(
            [event, *(one for _, events in mine for one in events)], key=lambda one: one.arrival
        )
        if behind and self.at_edge(key, event, mine):
            rule.keys_at_edge.add(key)
        if not self.is_over(joined):
            self.open = [window for window in self.open if window not in mine]
            self.open.append((key, joined))
        return [output for output in outputs if output is not None]

    def belongs(self, event: Event, window: list[Event]) -> bool:
        if self.rule.window == "tumbling":
            return event.time // self.rule.size == window[0].time // self.rule.size
        start, end = self.bounds(window)
        return start - self.rule.size <= event.time <= end

    def at_edge(self, key: str, event: Event, mine: list) -> bool:
        def near(events: list[Event]) -> bool:
            return abs(self.closes(events) - self.stream_time) <= self.rule.edge

        if self.rule.window == "tumbling":
            return near([event])
        reached = [w for w in self.over if w[0] == key and self.belongs(event, w[1])] + mine
        return any(near(events) for _, events in reached) or (not mine and near([event]))

    def answer(self, key: str, events: list[Event]) -> Output | None:
        start, end = (float(bound // 10**6) for bound in self.bounds(events))
        return self.rule.answer(key, events, {"window_start": start, "window_end": end})

    def still_open(self) -> list[Output]:
        """What may come at the end of the stream, or not."""
        answers = (self.answer(*window) for window in self.open)
        return [output for output in answers if output is not None]


class RuleSet:
    def __init__(self, text: str):
        self.rules = [Rule(rule) for rule in read_yaml(text)["rules"]]
        self.evaluators = [(Closed if rule.closed else Each)(rule) for rule in self.rules]

    def outputs(self, lines: Iterable[bytes]) -> Iterator[Output]:
        for arrival, line in enumerate(lines):
            event = read_event(line, arrival)
            if event is None:
                continue
            for evaluator in self.evaluators:
                if evaluator.rule.takes(event):
                    yield from evaluator.take(event)


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        rule_set = RuleSet(file.read())
    for output in rule_set.outputs(sys.stdin.buffer):
        print(output.line())


if __name__ == "__main__":
    main()
