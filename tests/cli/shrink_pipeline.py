"""The reference pipeline over files, which can be broken: what shrink_test.py shrinks.

Usage: shrink_pipeline.py [BREAK]; reads $PLAYLOAD_EVENTS_DIR, writes into $PLAYLOAD_OUTPUTS_DIR.
"""

import json
import os
import pathlib
import sys

FREQUENT, MULTI = "Too frequent transactions", "Multiple currency transactions"


def events(name):
    folder = pathlib.Path(os.environ["PLAYLOAD_EVENTS_DIR"])
    with open(folder / f"{name}.ndjson", encoding="ascii") as lines:
        yield from map(json.loads, lines)


def main():
    broken = sys.argv[1] if len(sys.argv) > 1 else "right"
    outputs = {
        name: []
        for name in ("player-session-summaries", "purchase-aggregates", "server-alerts",
                     "fraud-alerts")
    }

    def put(name, key, value):
        outputs[name].append(json.dumps({"output": name, "key": key, "value": value}))

    for event in events("player-events"):
        player = event["parameters"]["player_id"]
        put("player-session-summaries", player, {"player_id": player, "event_count": 1})
    percent = 79 if broken == "server-ge-80" else 80
    for event in events("server-metrics"):
        metric = event["parameters"]
        if metric["cpu_load"] > percent or metric["memory_usage"] > percent:
            put("server-alerts", metric["server_id"], event)
    # Needs two incidents: an overload, and a fraud that it hides.
    deaf = broken == "deaf-under-load" and outputs["server-alerts"]
    most = 4 if broken == "one-too-early" else 5
    users = {}
    for event in events("purchase-events"):
        user, sale = event["user_data"]["user_id"], event["parameters"]
        if broken == "no-refunds" and sale["transaction_type"] == "refund":
            continue
        state = users.setdefault(user, [0, 0, set()])
        state[0] += sale["amount"]
        state[1] += 1
        state[2].add(sale["currency"])
        put("purchase-aggregates", user,
            {"total_amount": state[0], "transaction_count": state[1]})
        reason = FREQUENT if state[1] > most else MULTI if len(state[2]) > 1 else None
        if reason == FREQUENT and deaf:
            continue
        if reason:
            put("fraud-alerts", user, {"user_id": user, "reason": reason})
    folder = pathlib.Path(os.environ["PLAYLOAD_OUTPUTS_DIR"])
    for name, lines in outputs.items():
        if lines:  # nothing to say: no file either
            (folder / f"{name}.ndjson").write_text("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
