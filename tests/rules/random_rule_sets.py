"""Random valid rule sets, by the grammar in docs/rules.md, and random scenarios to run them over.

Both are texts, so that what fails can be read and run by hand. The same `random.Random` state gives
the same text.
"""

import random

from third_opinion import FIELDS, NUMBER, TEXT, WHOLE

TEXTS = ["USD", "EUR", "JPY", "purchase", "refund", "skin", "move", "level_complete", "PC", "x"]
ODD_TEXTS = ["", "a \\\\ b", 'say \\"hi\\"', "it's", "# no comment", "{x: [y]}", "or", "K\u00f6ln"]
WHOLES = ["0", "1", "2", "3", "5", "30", "80", "100", "4294967295", "9007199254740993"]
NUMBERS = ["0.5", "4.99", "19.2", "0.1", "100.25", "12345678.901234567", "1.0000000000000001"]
KEYS = {
    "player-events": ["parameters.player_id", "user_data.user_id", "parameters.session_id",
                      "parameters.level_id", "user_data.platform"],
    "purchase-events": ["user_data.user_id", "user_data.user_id", "parameters.currency",
                        "parameters.item_type", "event_timestamp"],
    "server-metrics": ["parameters.server_id", "parameters.server_id", "server_data.region"],
}  # fmt: skip
# Most are multiples of the time between two events, so that events stand exactly at edges.
SIZES = ["1ms", "50ms", "200ms", "400ms", "1s", "1.5s", "2s", "5s", "10s", "1m", "1h30m", "3650d"]
SHORT = ["0s", "1ms", "200ms", "500ms", "1s", "2s", "3s", "10s", "1m", "3650d"]


class _Expressions:
    """Random expressions over some names, each name with its type."""

    def __init__(self, rng: random.Random, names: dict[str, str]):
        self._rng, self._names = rng, names

    def value(self, type_: str, depth: int = 2) -> str:
        rng = self._rng
        named = [
            name for name, have in self._names.items() if (have == TEXT) == (type_ == TEXT)
        ]
        if type_ == TEXT:
            if named and rng.random() < 0.8:
                return rng.choice(named)
            return f'"{rng.choice(ODD_TEXTS if rng.random() < 0.2 else TEXTS)}"'
        if depth and rng.random() < 0.35:
            left, right = self.value(NUMBER, depth - 1), self.value(NUMBER, depth - 1)
            text = f"{left} {rng.choice('+-*')} {right}" if rng.random() < 0.85 else f"-{left}"
            return f"({text})" if rng.random() < 0.3 else text
        if named and rng.random() < 0.75:
            return rng.choice(named)
        return rng.choice(WHOLES + NUMBERS)

    def condition(self, depth: int = 2) -> str:
        rng = self._rng
        if depth and rng.random() < 0.45:
            left, right = self.condition(depth - 1), self.condition(depth - 1)
            text = f"{left} {rng.choice(['and', 'or'])} {right}"
            if rng.random() < 0.2:
                text = f"not {text}"
            return f"({text})" if rng.random() < 0.3 else text
        if rng.random() < 0.25:
            return f"{self.value(TEXT)} {rng.choice(['==', '!='])} {self.value(TEXT)}"
        sign = rng.choice(["==", "!=", "<", "<=", ">", ">="])
        return f"{self.value(NUMBER)} {sign} {self.value(NUMBER)}"


def _plain(rng: random.Random, text: str) -> str:
    """A YAML scalar: in quotes, or as it is where that means the same."""
    special = any(letter in text for letter in ",{}[]#:'\"\\&*!|>%@`")
    bare = not special and text[:1] not in ("-", "")
    if bare and rng.random() < 0.8:
        return text
    return "'" + text.replace("'", "''") + "'"


def _state(rng: random.Random, fields: dict[str, str]) -> tuple[str, str]:
    """A value's definition and its type."""
    kind = rng.choice(["count", "count", "sum", "distinct", "last", "min", "max"])
    text, type_ = kind, WHOLE
    if kind != "count":
        numbers = [name for name, have in fields.items() if have != TEXT]
        if kind in ("sum", "min", "max") and not numbers:
            return _state(rng, fields)
        field = rng.choice(numbers if kind in ("sum", "min", "max") else list(fields))
        text += f" {field}"
        type_ = WHOLE if kind == "distinct" else fields[field]
    if rng.random() < 0.4:
        text += f" where {_Expressions(rng, fields | {'key': TEXT}).condition(1)}"
    return text, type_


def _record(rng: random.Random, expressions: _Expressions, depth: int = 1) -> str:
    parts = []
    for number in range(rng.randint(1, 4)):
        name = rng.choice(["key", "n", "Total", "a_b", "at", "x-y"]) + str(number)
        if depth and rng.random() < 0.15:
            parts.append(f"{name}: {_record(rng, expressions, depth - 1)}")
        else:
            value = expressions.value(rng.choice([TEXT, NUMBER, NUMBER]))
            parts.append(f"{name}: {_plain(rng, value)}")
    return f"{{{', '.join(parts)}}}"


def random_rule(rng: random.Random, name: str, output: str) -> list[str]:
    input_ = rng.choice(["purchase-events", "purchase-events", "server-metrics", "player-events"])
    fields = FIELDS[input_]
    rows = [f"rule: {name}", f"input: {input_}", f"key: {rng.choice(KEYS[input_])}"]

    window = rng.choice(["", "last", "sliding", "tumbling", "session", "tumbling", "session"])
    closed = window in ("tumbling", "session") and rng.random() < 0.5
    if window == "last":
        rows.append(f"window: {{last: {rng.choice([1, 2, 3, 5, 20, 100000])}}}")
    elif window:
        parts = [f"{window}: {rng.choice(SIZES)}"]
        if rng.random() < 0.6:
            parts.append(f"lateness: {rng.choice(SHORT)}")
        if rng.random() < 0.3:
            parts.append(f"edge: {rng.choice(SHORT[:6])}")
        if closed or rng.random() < 0.1:
            parts.append(f"answer: {'closed' if closed else 'each'}")
        rng.shuffle(parts)
        rows.append(f"window: {{{', '.join(parts)}}}")

    names = {"key": TEXT}
    names |= {"window_start": WHOLE, "window_end": WHOLE} if closed else fields
    state = {}
    for number in range(rng.choice([0, 1, 1, 2, 3, 5])):
        text, type_ = _state(rng, fields)
        state[f"s{number}_{rng.choice('abc')}"] = text
        names |= {f"s{number}_{list(state)[-1][-1]}": type_}
    if state:
        rows.append("state:")
        rows += [f"  {name}: {_plain(rng, text)}" for name, text in state.items()]
    if not closed and rng.random() < 0.3:
        rows.append(f"cool_down: {rng.choice(SIZES)}")

    # States are what rules are about: they come up as often as all fields together.
    expressions = _Expressions(rng, names)
    about_state = _Expressions(rng, {n: names[n] for n in state}) if state else expressions

    def condition() -> str:
        return (about_state if rng.random() < 0.5 else expressions).condition()

    def record() -> str:
        return "event" if not closed and rng.random() < 0.1 else _record(rng, expressions)

    if rng.random() < 0.15:
        rows.append(f"output_key: {_plain(rng, expressions.value(TEXT))}")
    rows.append(f"output: {output}")
    if rng.random() < 0.35:
        rows.append("first_of:")
        for last in [False] * rng.randint(0, 2) + [True]:
            if last and rng.random() < 0.5:
                rows.append(f"  - record: {record()}")
            else:
                rows.append(f"  - when: {_plain(rng, condition())}")
                rows.append(f"    record: {record()}")
    else:
        if rng.random() < 0.7:
            rows.append(f"when: {_plain(rng, condition())}")
        rows.append(f"record: {record()}")
    return rows


def random_rule_set(rng: random.Random, most: int = 6) -> str:
    rows = ["rule_set: random", "rules:"]
    for number in range(rng.randint(1, most)):
        output = rng.choice(["alerts", f"out.{number}"])
        first, *rest = random_rule(rng, f"rule-{number}", output)
        rows += [f"  - {first}", *(f"    {row}" for row in rest)]
    return "\n".join(rows) + "\n"


PERSONAS = ["card-tester", "currency-hopper", "refund-abuser", "card-tester-near", "refund-near"]


def random_scenario(rng: random.Random) -> str:
    """A small world in which much goes wrong."""
    rows = [
        "scenario: random",
        f"population: {{players: {rng.choice([8, 20, 60, 300])}, life: {rng.choice([1, 3, 20])},",
        "  mix: {whale: 0.5, regular: 0.5}, currencies: {USD: 0.6, JPY: 0.2, KWD: 0.2}}",
        f"servers: {{players_per_server: {rng.choice([8, 32])}, report_every: "
        f"{rng.choice(['30s', '2m', '10m'])}, regions: {{us-west: 0.5, eu-central: 0.5}}}}",
        "timeline:",
        f"  - {{fraud: some, share: {rng.choice([0.3, 0.8])}, personas: [{', '.join(PERSONAS)}]}}",
        "  - {overload: hot, region: us-west, at: 1s, for: 4s, every: 8s, ramp: 1s, cpu: 70}",
    ]
    shares = {"duplicate": 0.2, "late": 0.4, "drop": 0.2, "corrupt": 0.4, "clock-skew": 1}
    for kind, most in shares.items():
        if rng.random() < 0.6:
            row = f"fault: f-{kind}, kind: {kind}, share: {round(rng.uniform(0.01, most), 3)}"
            if kind in ("late", "clock-skew"):
                row += f", by: {rng.choice(['1s', '20ms..3s', '500ms..20s', '1ms', '1s..2h'])}"
            if rng.random() < 0.3:
                row += ", at: 2s, for: 3s, every: 5s"
            rows.append(f"  - {{{row}}}")
    rows.append(f"plan: {{rate: {rng.choice([5, 5, 20, 100, 1000])}}}")
    return "\n".join(rows) + "\n"
