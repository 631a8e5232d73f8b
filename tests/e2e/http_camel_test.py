"""Apache Camel polls the endpoints into a real Kafka: what arrives there is the events of each kind,
from the first on, each once, as one object, as an array and as lines."""

import datetime
import json
import os
import re
import subprocess
import unittest
import urllib.request

import harness
import kafka_server
from http_expect import Expected, start_now, without_timestamp
from http_server import PlayloadServer, end_with
from kafka_server import KafkaServer

CAMEL = "4.8.3"
ARTIFACTS = (
    *(
        ("org.apache.camel", f"camel-{part}", CAMEL)
        for part in ("main", "http", "kafka", "timer", "xml-io-dsl")
    ),
    ("org.slf4j", "slf4j-simple", "2.0.16"),
)
SECONDS = 6
END_SECONDS = 90
COUNT = 100

# Synchronous: the next poll waits for Kafka, or answers overtake each other within Camel. So the
# n-th answer of one route becomes the n-th message, or the next messages, of its topic.
ROUTES = """\
<routes xmlns="http://camel.apache.org/schema/spring">
  <route id="objects">
    <from uri="timer:objects?period=100"/>
    <to uri="%(server)s/player_event"/>
    <to uri="kafka:objects?brokers=%(brokers)s&amp;synchronous=true"/>
  </route>
  <route id="arrays">
    <from uri="timer:arrays?period=500"/>
    <to uri="%(server)s/purchase_event?count=%(count)d"/>
    <to uri="kafka:arrays?brokers=%(brokers)s&amp;synchronous=true"/>
  </route>
  <route id="lines">
    <from uri="timer:lines?period=500"/>
    <to uri="%(server)s/server_metric?count=%(count)d&amp;format=ndjson"/>
    <split>
      <tokenize token="&#10;"/>
      <to uri="kafka:lines?brokers=%(brokers)s&amp;synchronous=true"/>
    </split>
  </route>
</routes>
"""

kafka: KafkaServer


def setUpModule():
    global kafka
    kafka_server.fetch(f"camel-{CAMEL}", ARTIFACTS)
    kafka = unittest.enterModuleContext(KafkaServer())


class CamelTest(harness.Case):
    def run_camel(self, server: PlayloadServer) -> None:
        jars = kafka_server.fetch(f"camel-{CAMEL}", ARTIFACTS)
        routes = self.scratch / "routes.xml"
        values = {"server": server.url, "brokers": kafka.bootstrap, "count": COUNT}
        routes.write_text(ROUTES % values)
        settings = {
            "camel.main.routesIncludePattern": f"file:{routes}",
            "camel.main.durationMaxSeconds": SECONDS,
            "org.slf4j.simpleLogger.defaultLogLevel": "warn",
        }
        done = subprocess.run(
            [
                *["java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", f"{jars}/*"],
                *[f"-D{name}={value}" for name, value in settings.items()],
                "org.apache.camel.main.Main",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=END_SECONDS,
            preexec_fn=end_with(os.getpid()),
            check=False,
        )
        said = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, 0, said[-4000:])
        self.assertNotRegex(said, r"Exception|ERROR", "Camel met an error")

    def polled(self, server: PlayloadServer) -> dict[str, int]:
        """How many events of each kind the server says it has handed out."""
        with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
            text = answer.read().decode()
        found = re.findall(r'^playload_polled_events_total\{kind="(\w+)"\} (\d+)$', text, re.M)
        return {kind: int(count) for kind, count in found}

    def messages(self, topic: str) -> list[bytes]:
        return [message.value for message in harness.kcat_read(kafka.bootstrap, topic)]

    def test_what_camel_polls_is_what_kafka_has(self):
        topics = ("objects", "arrays", "lines")
        for topic in topics:
            kafka.create_topic(topic, partitions=1)
        run = ["fraud-ring", "--seed", 5, "--rate", 100, "--start", start_now()]
        began = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        with PlayloadServer(*run) as server:
            self.run_camel(server)
            polled = self.polled(server)
        ended = datetime.datetime.now(datetime.timezone.utc)

        objects, arrays, lines = map(self.messages, topics)
        self.assertGreater(len(arrays), 3)
        for array in arrays:
            self.assertEqual(len(json.loads(array)), COUNT)
        # An array is its events and what stands between them, no more.
        inside = [array.strip()[1:-1].replace(b"},\n", b"},") for array in arrays]
        purchases = [
            event for array in inside for event in re.split(rb'(?<=\}),(?=\{"event_name")', array)
        ]
        got = {"player": objects, "purchase": purchases, "server": lines}
        self.assertEqual({kind: len(events) for kind, events in got.items()}, polled)

        planned = 10_000
        while True:
            expected = Expected(*run, events=planned, scratch=self.scratch)
            wanted = {kind: expected.of_kind(kind) for kind in got}
            if all(len(wanted[kind]) >= len(got[kind]) for kind in got):
                break
            planned *= 4
        for kind, events in got.items():
            with self.subTest(kind):
                self.assertGreater(len(events), 20)
                for number, (event, want) in enumerate(zip(events, wanted[kind]), start=1):
                    self.assertEqual(
                        without_timestamp(event), without_timestamp(want), f"event {number}"
                    )
                instants = [
                    datetime.datetime.fromisoformat(json.loads(event)["event_timestamp"])
                    for event in events
                ]
                self.assertEqual(instants, sorted(instants))
                self.assertGreaterEqual(instants[0], began)
                self.assertLessEqual(instants[-1], ended)


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
