"""What the server shows of itself, to tools and browsers that we did not write.

promtool reads /metrics, openapi-spec-validator /openapi.json; schemathesis then holds every answer
to it; a headless Chromium loads the page. No Kafka.
"""

import contextlib
import json
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

import harness
from browser import Browser
from clients import dependencies
from http_server import PlayloadServer

TOKEN = "correct-horse-battery-staple"
TAB, ENTER = "\ue004", "\ue007"
SCHEMATHESIS_SECONDS = 240


def get(url: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextlib.contextmanager
def reading(url: str, agent: str = "a reader of the tests"):
    """A client that takes what comes."""
    command = ["curl", "-sN", "-A", agent, "-o", "/dev/null", url]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


class ToolsTest(harness.Case):
    def test_promtool_finds_nothing_to_say_of_the_metrics(self):
        with PlayloadServer("--seed", 7) as server, reading(server.url + "/stream_events"):
            for path in ("/player_event?count=3", "/nowhere", "/stream_events?limit=1&after=99999"):
                get(server.url + path)
            metrics = server.url + "/metrics"
            harness.wait_until(lambda: b'streams{format="sse"} 1' in get(metrics)[1])
            _, text = get(metrics)
            checked = harness.call(["promtool", "check", "metrics"], stdin=text.decode())
            self.assertEqual((checked.code, checked.stdout, checked.stderr), (0, "", ""), checked)
            for series in (
                'playload_stream_gaps_total{reason="ahead"} 1',
                'playload_polled_events_total{kind="player"} 3',
                'playload_http_responses_total{status="404"} 1',
            ):
                self.assertIn(series, text.decode().splitlines())

    def openapi_tool(self, *arguments: object, timeout: float = 120) -> harness.Done:
        folder = dependencies.openapi_tools()
        # schemathesis leaves a cache in the folder where it runs.
        return harness.call(
            ["env", "-C", str(self.scratch), sys.executable, *map(str, arguments)],
            env={"PYTHONPATH": str(folder), "NO_COLOR": "1", "HOME": str(self.scratch)},
            timeout=timeout,
        )

    def test_every_answer_is_as_openapi_json_says(self):
        # Fast, for the rarest kind must come before a request's time is over.
        with PlayloadServer("--seed", 7, "--rate", "5k") as server:
            _, text = get(server.url + "/openapi.json")
            described = self.scratch / "openapi.json"
            described.write_bytes(text)
            checked = self.openapi_tool("-m", "openapi_spec_validator", described)
            self.assertEqual(checked.code, 0, checked)

            # What never ends cannot be checked: each stream is to give one event. And it cannot be
            # described that `events` goes with one format only.
            description = json.loads(text)
            stream = description["paths"]["/stream_events"]["get"]
            stream["parameters"] = [p for p in stream["parameters"] if p["name"] != "events"]
            for parameter in stream["parameters"]:
                if parameter["name"] == "limit":
                    parameter.update(required=True, example=1, schema={"const": 1})
            bounded = self.scratch / "bounded.json"
            bounded.write_text(json.dumps(description))
            program = dependencies.openapi_tools() / "bin" / "schemathesis"
            done = self.openapi_tool(
                *(program, "run", bounded, "--url", server.url, "--checks", "all"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", 40, "--seed", 1),
                *("--generation-database", "none", "--request-timeout", 20, "--no-color"),
                timeout=SCHEMATHESIS_SECONDS,
            )
            self.assertEqual(done.code, 0, done)
            self.assertIn("10 selected / 10 total", done.stdout)
            self.assertEqual(get(server.url + "/healthz")[0], 200)


class PageTest(harness.Case):
    def assert_calm(self, browser: Browser) -> None:
        """No error, and nothing that the page's own policy forbids."""
        self.assertEqual(browser.complaints(), [])

    def test_the_page_lives(self):
        hostile = "<img src=x onerror=document.title='owned'>"
        with (
            PlayloadServer("--seed", 7) as server,
            reading(server.url + "/stream_events?type=purchase&format=json", agent=hostile),
            Browser() as browser,
        ):
            browser.open(server.url + "/")
            rate = browser.wait_for(
                "const r = parseFloat(document.getElementById('rate').textContent);"
                "return r > 50 ? r : 0"
            )
            self.assertLess(rate, 200)
            head = browser.wait_for("return document.getElementById('head').textContent")
            browser.wait_for(f"return document.getElementById('head').textContent !== '{head}'")
            # The curve grows with every answer.
            points = "return document.querySelector('#chart .edge').getAttribute('d').length"
            first = browser.wait_for(points)
            browser.wait_for(f"{points} > {first}")
            for kind in ("player", "purchase", "server"):
                shown = browser.wait_for(
                    f"const t = document.querySelector('[data-kind={kind}] code').textContent;"
                    "return t.startsWith('{') ? t : ''"
                )
                self.assertIn("event_timestamp", json.loads(shown))
            # What a client calls itself is text.
            rows = browser.wait_for("return document.getElementById('client-rows').innerText")
            self.assertIn(hostile, rows)
            self.assertEqual(browser.script("return document.images.length"), 0)
            self.assertIn("playload", browser.script("return document.title"))
            self.assert_calm(browser)

    def test_a_line_that_was_copied_works(self):
        # Fast, for a purchase is to come in time.
        with PlayloadServer("--seed", 7, "--rate", "5k") as server, Browser() as browser:
            browser.open(server.url + "/")
            lines = browser.script(
                "return [...document.querySelectorAll('#endpoints .line code')]"
                ".map((code) => code.textContent)"
            )
            self.assertGreaterEqual(len(lines), 7)
            for line in lines:
                with self.subTest(line=line):
                    bounded = f"timeout 2 {line} | head -c 20000"
                    done = harness.call(["bash", "-c", bounded])
                    self.assertGreater(len(done.stdout), 50, done)
                    self.assertNotIn('"error"', done.stdout)
            self.assert_calm(browser)

    def test_it_fits_a_phone_and_both_schemes(self):
        with PlayloadServer("--seed", 7) as server, reading(server.url + "/stream_events"):
            for width, height, dark in ((360, 780, False), (360, 780, True), (1280, 900, True)):
                with (
                    self.subTest(width=width, dark=dark),
                    Browser(width, height, dark) as browser,
                ):
                    browser.open(server.url + "/")
                    browser.wait_for("return document.querySelector('#client-rows tr') !== null")
                    self.assertEqual(
                        browser.script("return [innerWidth, document.documentElement.scrollWidth]"),
                        [width, width],
                    )
                    paper = browser.script("return getComputedStyle(document.body).backgroundColor")
                    light = sum(map(int, paper.strip("rgb()").split(","))) > 3 * 128
                    self.assertEqual(light, not dark, paper)
                    self.assertEqual(browser.script(LOW_CONTRAST), [])
                    self.assert_calm(browser)

    def test_a_keyboard_reaches_all_of_it(self):
        with PlayloadServer("--seed", 7) as server, Browser() as browser:
            browser.open(server.url + "/")
            wanted = browser.script("return document.querySelectorAll('a, button').length")
            browser.script("window.seen = new Set()")
            for _ in range(wanted + 5):
                browser.keys(TAB)
                browser.script(
                    "const e = document.activeElement;"
                    "if (e.checkVisibility() && e.matches('a, button')) window.seen.add(e)"
                )
            hidden = browser.script(
                "return [...document.querySelectorAll('a, button')]"
                ".filter((e) => e.checkVisibility() && !window.seen.has(e)).map((e) => e.outerHTML)"
            )
            self.assertEqual(hidden, [])
            # A button is pressed by the keyboard, and says what it did.
            browser.script("document.querySelector('#endpoints .line button').focus()")
            browser.keys(ENTER)
            said = "return document.getElementById('said').textContent"
            self.assertRegex(browser.wait_for(said), "Copied|Selected")

    def test_it_says_that_the_server_went_away_and_comes_back_by_itself(self):
        with PlayloadServer("--seed", 7) as server, Browser() as browser:
            browser.open(server.url + "/")
            state = "return document.getElementById('state').dataset.is"
            browser.wait_for(f"{state} === 'live'")
            server.stop()
            browser.wait_for(f"{state} === 'gone'")
            with PlayloadServer("--seed", 8, port=server.port):
                browser.wait_for(f"{state} === 'live'")
                run = "return document.getElementById('run').textContent"
                browser.wait_for(f"{run}.startsWith('seed 8')")

    def test_it_asks_for_the_token_and_keeps_it_in_memory(self):
        token_file = self.scratch / "token"
        token_file.write_text(TOKEN + "\n")
        token_file.chmod(0o600)
        with PlayloadServer("--seed", 7, "--token-file", token_file) as server:
            self.assertEqual(get(server.url + "/status")[0], 401)
            with Browser() as browser:
                browser.open(server.url + "/")
                browser.wait_for("return document.activeElement.id === 'token'")
                browser.keys("wrong" + ENTER)
                browser.wait_for("return document.getElementById('token-wrong').textContent !== ''")
                browser.keys(TOKEN + ENTER)
                browser.wait_for("return document.getElementById('state').dataset.is === 'live'")
                self.assertEqual(
                    browser.script(
                        "return [localStorage.length, sessionStorage.length, document.cookie,"
                        " location.href, document.getElementById('token').value]"
                    ),
                    [0, 0, "", server.url + "/", ""],
                )
                line = browser.script("return document.querySelector('.line code').textContent")
                self.assertIn("Authorization: Bearer $TOKEN", line)
                # The console knows of the refused requests, and of nothing else.
                for complaint in browser.complaints():
                    self.assertIn("401", complaint)


# Texts whose contrast with what is behind them is below WCAG's AA.
LOW_CONTRAST = """
const part = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
const rgb = (text) => text.match(/[0-9.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const color = rgb(getComputedStyle(node).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
  return [255, 255, 255];
};
const low = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
  if (node.closest('script, style, svg, noscript')) continue;
  const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < 4.5) low.push(`${contrast.toFixed(2)}: ${walker.currentNode.textContent}`);
}
return low;
"""


if __name__ == "__main__":
    unittest.main()
