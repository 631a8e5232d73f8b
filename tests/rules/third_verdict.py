"""A third opinion on verdicts: what `playload verify --rules` must say about damaged outputs.

Written from docs/rules.md ("Expect and verify") and docs/verify.md ("The verdict"), as
third_opinion.py is from the rest of them. A record here is (key, value) or, where no JSON object
could be made of it, its text.
"""

import collections
import copy
import json
import random
from collections.abc import Iterable

import third_opinion
from third_opinion import FIELDS, PARTITIONED_BY, TEXT, WHOLE, Closed, Output, Rule, RuleSet

CLASSES = (
    "expected", "matched", "missing", "wrong", "unexpected", "duplicate", "unreadable", "may",
)  # fmt: skip
GARBAGE = ["{", "nonsense", "[1,2]", '"x"', "{}", "\u00ff", '{"output":1}', "null", '{"a":"b"}']
STRANGER = "player_987654321"


class Topic:
    """What a rule set expects of one output topic over one stream."""

    def __init__(self, name: str, rule_set: RuleSet, outputs: list[Output]):
        self.name = name
        self.rules = [rule for rule in rule_set.rules if rule.output == name]
        self.expected = [(o.key, o.record) for o in outputs if o.topic == name]
        self.optional = [
            (output.key, output.record)
            for evaluator in rule_set.evaluators
            if isinstance(evaluator, Closed) and evaluator.rule.output == name
            for output in evaluator.still_open()
        ]
        # Keys that are not judged; of a rule whose outputs have another key, the whole topic.
        self.all_may = any(rule.keys_at_edge and not _has_own_key(rule) for rule in self.rules)
        self.may_keys = set().union(*(rule.keys_at_edge for rule in self.rules))
        first = self.rules[0]
        self.sequence = (
            len(self.rules) == 1
            and bool(first.state or first.of_time or first.cool_down is not None)
            and first.key in PARTITIONED_BY[first.input]
            and _has_own_key(first)
        )
        self.fields = _common_fields(self.rules)

    def readable(self, value: dict) -> bool:
        return all(_has(value, path, kind) for path, kind in self.fields.items())

    def verdict(self, records: list, delivery: str) -> collections.Counter:
        """How many records of each class. Of a sequence with several flaws, how many of what is not
        matched stands for what is missing is one of several answers."""
        count: collections.Counter = collections.Counter()
        if self.all_may:
            for record in records:
                count["unreadable" if isinstance(record, str) else "may"] += 1
            return count
        expected, optional = _by_key(self.expected), _by_key(self.optional)
        came: dict[str, list] = collections.defaultdict(list)
        unreadable: collections.Counter = collections.Counter()
        for record in records:
            if isinstance(record, str):
                count["unreadable"] += 1
            elif self.readable(record[1]):
                came[record[0]].append(content(record[1]))
            else:
                unreadable[record[0]] += 1
        for key in {*expected, *optional, *came, *unreadable}:
            if key in self.may_keys:
                count["may"] += len(came[key]) + unreadable[key]
                continue
            wanted, got = collections.Counter(expected[key]), collections.Counter(came[key])
            common = (wanted & got).total()
            matched = _longest(expected[key], came[key]) if self.sequence else common
            surplus = got - wanted
            may = surplus & collections.Counter(optional[key])
            surplus -= may
            known = {*expected[key], *optional[key]}
            again = sum(n for one, n in surplus.items() if one in known)
            # What is missing has come out of order; or something else came for it.
            missing = len(expected[key]) - matched
            for name, others in (
                ("out of order", common - matched),  # each is missing elsewhere
                ("unexpected", surplus.total() - again),
                ("unreadable", unreadable[key]),
            ):
                instead = min(others, missing)
                missing -= instead
                count["wrong"] += instead
                count[name] += others - instead
            count["expected"] += len(expected[key])
            count["matched"] += matched
            count["missing"] += missing
            count["may"] += may.total()
            count["may" if delivery == "at-least-once" else "duplicate"] += again
        return count


def _has_own_key(rule: Rule) -> bool:
    return rule.output_key_text in ("key", rule.key)


def _by_key(records: Iterable) -> dict[str, list]:
    found = collections.defaultdict(list)
    for key, value in records:
        found[key].append(content(value))
    return found


def content(value):
    """The same for records that say the same, whatever the order of fields and form of numbers."""
    if isinstance(value, dict):
        return tuple(sorted((name, content(inner)) for name, inner in value.items()))
    if isinstance(value, (int, float)):
        text = third_opinion.number(float(value) + 0.0)
        return None if text == "null" else ("number", float(text))
    return value


def _longest(a: list, b: list) -> int:
    """How long the longest common subsequence is."""
    row = [0] * (len(b) + 1)
    for one in a:
        before = 0
        for at, other in enumerate(b):
            above = row[at + 1]
            row[at + 1] = before + 1 if one == other else max(above, row[at])
            before = above
    return row[-1]


def _common_fields(rules: list[Rule]) -> dict[tuple, str]:
    """What every alternative has: the field's path, and its type where all agree on it."""
    common = None
    for rule in rules:
        for record in rule.records:
            fields = dict(_fields_of(record, rule))
            if common is None:
                common = fields
                continue
            both = {}
            for path in common.keys() & fields.keys():
                one, other = common[path], fields[path]
                if one == other or TEXT not in (one, other):
                    both[path] = one if one == other else third_opinion.NUMBER
            common = both
    return common or {}


def _fields_of(record, rule: Rule, path: tuple = ()):
    if record == "event":
        for name, kind in FIELDS[rule.input].items():
            yield tuple(name.split(".")), kind
    elif isinstance(record, dict):
        for name, inner in record.items():
            yield from _fields_of(inner, rule, (*path, name))
    else:
        yield path, third_opinion.Expression(record, rule.names).type


def _has(value: dict, path: tuple, kind: str) -> bool:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    if value is None:
        return True  # none, or not finite
    if kind == TEXT:
        return isinstance(value, str)
    return isinstance(value, (int, float)) and (kind != WHOLE or float(value).is_integer())


# --- Damage.


def right_outputs(topic: Topic, rng: random.Random) -> list:
    """What a right pipeline puts out, across keys in any order."""
    records = [(key, json.loads(third_opinion.written(value))) for key, value in topic.expected]
    for key, value in topic.optional:
        if rng.random() < 0.5:
            records.append((key, json.loads(third_opinion.written(value))))
    by_key = collections.defaultdict(list)
    for record in records:
        by_key[record[0]].append(record)
    order = [record[0] for record in records]
    rng.shuffle(order)
    return [by_key[key].pop(0) for key in order]


def damage(rng: random.Random, records: list) -> str:
    """Does one random thing to the records; says what."""
    sound = [at for at, record in enumerate(records) if not isinstance(record, str) and record[1]]
    if not sound:
        return "nothing"
    at = rng.choice(sound)
    key, value = copy.deepcopy(records[at])
    field = rng.choice(list(value))
    old = value[field]
    kind = rng.choice(
        ["drop", "double", "key", "stranger", "value", "extra", "swap", "garbage", "type", "lack"]
    )
    if kind == "drop":
        del records[at]
    elif kind == "double":
        records.insert(rng.randint(at, min(len(records), at + 5)), (key, value))
    elif kind == "key":
        records[at] = (records[rng.choice(sound)][0], value)
    elif kind == "stranger":
        records[at] = (STRANGER, value)
    elif kind == "value":
        if isinstance(old, str):
            value[field] = old + "x"
        elif isinstance(old, (int, float)):
            value[field] = old + rng.choice([1, -1, 0.5, 1000])
        records[at] = (key, value)
    elif kind == "extra":
        value["zzz"] = 1
        records[at] = (key, value)
    elif kind == "swap":
        other = rng.choice([other for other in sound if records[other][0] == key])
        records[at], records[other] = records[other], records[at]
    elif kind == "garbage":
        records[at] = rng.choice(GARBAGE)
    elif kind == "type":
        value[field] = 5 if isinstance(old, str) else "five"
        records[at] = (key, value)
    else:
        del value[field]
        records[at] = (key, value)
    return kind


def line(rng: random.Random, topic: str, record) -> str:
    """As a pipeline may write it: any order of fields, any blanks, any escapes."""
    if isinstance(record, str):
        return record
    key, value = record
    if rng.random() < 0.2:
        value = dict(rng.sample(list(value.items()), len(value)))
    separators = (", ", ": ") if rng.random() < 0.2 else (",", ":")
    return json.dumps(
        {"output": topic, "key": key, "value": value},
        separators=separators,
        ensure_ascii=rng.random() < 0.5,
    )
