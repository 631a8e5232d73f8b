// Shows /status, once a second. What comes from clients is hostile: it goes into the page as text
// nodes and nowhere else.
"use strict";

(() => {
  const SPAN_MS = 120_000;  // of the chart
  const HOLE_MS = 6_000;    // samples further apart are not joined
  const EVERY_MS = 1_000;
  const PATIENCE_MS = 5_000;
  const MOST_BETWEEN_MS = 10_000;
  const KINDS = ["player", "purchase", "server"];
  const SVG = "http://www.w3.org/2000/svg";

  const at = (id) => document.getElementById(id);
  const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // ---- Numbers

  const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const count = (n) => (n < 1e9 ? grouped.format(n) : short.format(n));

  function rateText(rate) {
    if (rate >= 99.95) return grouped.format(rate);
    return rate >= 10 ? rate.toFixed(1) : rate.toFixed(rate === 0 ? 0 : 2);
  }
  function threeDigits(value) {
    return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
  }
  function bytesText(bytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let unit = 0;
    while (bytes >= 1000 && unit + 1 < units.length) { bytes /= 1024; ++unit; }
    return (unit === 0 ? bytes.toFixed(0) : threeDigits(bytes)) + "\u00a0" + units[unit];
  }
  function shortTime(seconds) {
    const ahead = seconds < 0;
    const s = Math.abs(seconds);
    const text = s < 1e-3 ? `${(s * 1e6).toFixed(0)}\u00a0\u00b5s`
      : s < 1 ? `${threeDigits(s * 1e3)}\u00a0ms` : `${threeDigits(s)}\u00a0s`;
    return (ahead ? "\u2212" : "") + text;
  }
  function sinceText(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 60) return `${s}\u00a0s`;
    if (s < 3600) return `${Math.floor(s / 60)}\u00a0m ${s % 60}\u00a0s`;
    if (s < 86400) return `${Math.floor(s / 3600)}\u00a0h ${Math.floor(s / 60) % 60}\u00a0m`;
    return `${Math.floor(s / 86400)}\u00a0d ${Math.floor(s / 3600) % 24}\u00a0h`;
  }

  // ---- The chart: samples {t, rates: [per kind]}, kinds on top of each other

  let samples = [];
  const shapes = KINDS.map((kind) => {
    const [area, edge] = ["area", "edge"].map((part) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", `${kind} ${part}`);
      at("areas").append(path);
      return path;
    });
    return { area, edge };
  });

  // A round number that is not below.
  function round(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return power * ([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].find((step) => step * power >= value) ?? 10);
  }

  function drawChart(planned, now) {
    samples = samples.filter((sample) => now - sample.t <= SPAN_MS + HOLE_MS);
    const sum = (sample) => sample.rates.reduce((a, b) => a + b, 0);
    const highest = Math.max(planned ?? 0, ...samples.map(sum));
    const top = highest > 0 ? round(highest * 1.1) : 1;
    const x = (t) => (1200 * (1 - (now - t) / SPAN_MS)).toFixed(1);
    const y = (rate) => (200 * (1 - rate / top)).toFixed(1);

    const parts = [];
    for (const sample of samples) {
      const part = parts.at(-1);
      if (part && sample.t - part.at(-1).t <= HOLE_MS) part.push(sample);
      else parts.push([sample]);
    }
    // The upper edge of the first n kinds, over one part.
    const edge = (part, n) =>
      part.map(({ t, rates }) => `${x(t)} ${y(rates.slice(0, n).reduce((a, b) => a + b, 0))}`);
    shapes.forEach((shape, kind) => {
      const uppers = parts.map((part) => edge(part, kind + 1));
      const lowers = parts.map((part) => edge(part, kind).reverse());
      shape.edge.setAttribute("d", uppers.map((upper) => `M${upper.join("L")}`).join(""));
      shape.area.setAttribute("d", uppers.map((upper, i) => `M${upper.join("L")}L${lowers[i].join("L")}Z`).join(""));
    });
    const plan = at("plan");
    plan.setAttribute("visibility", planned === null ? "hidden" : "visible");
    plan.setAttribute("y1", y(planned ?? 0));
    plan.setAttribute("y2", y(planned ?? 0));
    put(at("peak"), `${rateText(top)}/s`);
  }

  // ---- An event, as indented JSON

  function writeJson(node, value, indent) {
    if (value !== null && typeof value === "object") {
      const inner = `${indent}  `;
      node.append("{");
      Object.entries(value).forEach(([name, member], index) => {
        node.append(`${index ? "," : ""}\n${inner}`, make("span", "name", `"${name}"`), ": ");
        writeJson(node, member, inner);
      });
      node.append(`\n${indent}}`);
    } else {
      const isText = typeof value === "string";
      node.append(make("span", isText ? "text" : "figure", JSON.stringify(value)));
    }
  }

  // ---- The parts of the page

  let before = null;  // {status, t}: the answer before this one

  function showRun(status) {
    put(at("scenario"), status.scenario);
    put(at("run"), `seed ${status.seed}, from ${status.start.replace(/\.\d+/, "")}`);
    put(at("version"), `playload ${status.version}`);
    put(at("rate"), rateText(status.rate.released));
    put(at("plan-text"), status.rate.planned === null ? "as fast as the readers"
      : `plan: ${rateText(status.rate.planned)}/s`);
    put(at("head"), count(status.head));
    put(at("late"), status.rate.planned === null ? "\u2013" : shortTime(status.late_seconds));
    document.title = `${rateText(status.rate.released)}/s \u00b7 ${status.scenario} \u00b7 playload`;
  }

  function showFigures(status, seconds) {
    const formats = Object.entries(status.streams);
    const sum = (list) => list.reduce((a, b) => a + b, 0);
    const open = formats.filter(([, stream]) => stream.open > 0);
    put(at("streams"), count(sum(formats.map(([, stream]) => stream.open))));
    put(at("streams-sub"), (open.map(([name, stream]) => `${count(stream.open)} ${name}`).join(", ") || "open") +
      (status.behind > 0 ? `; ${count(status.behind)} behind` : "") +
      (status.slow > 0 ? `; ${count(status.slow)} too slow` : ""));

    const bytes = sum(formats.map(([, stream]) => stream.bytes));
    put(at("out"), bytesText(bytes));
    const earlier = before && sum(Object.values(before.status.streams).map((stream) => stream.bytes));
    put(at("out-sub"), before ? `${bytesText(Math.max(0, bytes - earlier) / seconds)}/s now` : "over all streams");

    const { missed, ...reasons } = status.gaps;
    put(at("gaps"), count(sum(Object.values(reasons))));
    put(at("gaps-sub"), `${count(missed)} events missed`);

    put(at("memory"), bytesText(status.process.resident_bytes));
    const cpu = before && (status.process.cpu_seconds - before.status.process.cpu_seconds) / seconds;
    put(at("cpu"), before ? `CPU ${Math.max(0, 100 * cpu).toFixed(0)} %` : "CPU");
  }

  function showKinds(status) {
    for (const kind of KINDS) {
      const { released, acked, latest } = status.kinds[kind];
      const card = document.querySelector(`[data-kind="${kind}"]`);
      put(card.querySelector("b"), count(released));
      put(card.querySelector("span"), released === 0 ? "" : `${Math.round(100 * acked / released)} % handed out`);
      const text = JSON.stringify(latest);
      const code = card.querySelector("code");
      if (latest !== null && code.dataset.shows !== text) {
        code.dataset.shows = text;
        code.replaceChildren();
        writeJson(code, latest, "");
      }
    }
  }

  const rows = new Map();  // by the client's number

  function makeRow() {
    const row = make("tr");
    row.setAttribute("role", "row");
    const address = document.createTextNode("");
    const agent = make("small");
    const cells = ["Client", "Format", "Kinds", "Events", "Rate", "Behind", "Gaps", "Since"].map((label, index) => {
      const cell = make("td", index > 2 ? "number" : "");
      cell.setAttribute("role", "cell");
      cell.dataset.label = label;
      return cell;
    });
    cells[0].append(address, agent);
    row.append(...cells);
    return { row, cells, address, agent };
  }

  function showClients(status, seconds, now) {
    const present = new Set();
    const earlier = new Map((before?.status.clients ?? []).map((client) => [client.number, client]));
    for (const client of status.clients) {
      present.add(client.number);
      let shown = rows.get(client.number);
      if (!shown) {
        rows.set(client.number, shown = makeRow());
        at("client-rows").append(shown.row);
      }
      const { cells, address, agent } = shown;
      put(address, client.address);
      put(agent, client.user_agent || "no user agent");
      agent.title = client.user_agent;
      const was = earlier.get(client.number);
      const texts = [
        client.format,
        client.type.length === KINDS.length ? "all" : client.type.join(", "),
        count(client.events),
        was ? `${rateText((client.events - was.events) / seconds)}/s` : "\u2013",
        count(client.behind),
        client.gaps === 0 ? "0" : `${count(client.gaps)} (${count(client.missed)})`,
        sinceText((now - Date.parse(client.began.replace(/(\.\d{3})\d+/, "$1"))) / 1000),
      ];
      texts.forEach((text, index) => put(cells[index + 1], text));
    }
    for (const [number, shown] of rows) {
      if (present.has(number)) continue;
      shown.row.remove();
      rows.delete(number);
    }
    at("clients").hidden = present.size === 0;
    at("nobody").hidden = present.size > 0;
    const open = Object.values(status.streams).reduce((sum, stream) => sum + stream.open, 0);
    put(at("clients-sub"), (open > present.size ? `${present.size} of ${count(open)} shown; ` : "") +
      `${count(status.sessions.total)} so far`);
  }

  function show(status) {
    const now = performance.now();
    // A new run, or its server anew: nothing before it counts.
    if (before && (status.head < before.status.head || status.seed !== before.status.seed)) {
      before = null;
      samples = [];
    }
    const seconds = before ? (now - before.t) / 1000 : 1;
    if (before) {
      const came = KINDS.map((kind) => status.kinds[kind].released - before.status.kinds[kind].released);
      const all = came.reduce((a, b) => a + b, 0);
      samples.push({ t: now, rates: came.map((n) => (all > 0 ? status.rate.released * n / all : 0)) });
    }
    showRun(status);
    drawChart(status.rate.planned, now);
    showFigures(status, seconds);
    showKinds(status);
    showClients(status, seconds, Date.now());
    before = { status, t: now };
    setState(status.ended ? "over" : status.ready ? "live" : "waiting",
      status.ended ? "Run over" : status.ready ? "Live" : "The run has not begun");
  }

  function setState(is, text) {
    at("state").dataset.is = is;
    put(at("state-text"), text);
  }

  // ---- Asking

  let token = "";  // in memory only
  let timer = 0;
  let failures = 0;
  let lastAnswer = 0;

  const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});

  async function ask() {
    timer = 0;
    const abort = new AbortController();
    const patience = setTimeout(() => abort.abort(), PATIENCE_MS);
    try {
      const answer = await fetch("status", { headers: headers(), cache: "no-store", signal: abort.signal });
      if (answer.status === 401) {
        askForToken();
        return;
      }
      if (!answer.ok) throw new Error(`it answers ${answer.status}`);
      const status = await answer.json();
      failures = 0;
      lastAnswer = performance.now();
      show(status);
      next(EVERY_MS);
    } catch (error) {
      ++failures;
      const seconds = Math.round((performance.now() - lastAnswer) / 1000);
      const why = error instanceof TypeError || error.name === "AbortError" ? "no answer" : error.message;
      setState("gone", lastAnswer ? `Server gone: ${why} for ${seconds} s` : `Server gone: ${why}`);
      next(Math.min(EVERY_MS * 2 ** (failures - 1), MOST_BETWEEN_MS));
    } finally {
      clearTimeout(patience);
    }
  }

  // Nobody looks at a hidden page, and each one would take a connection.
  function next(ms) {
    if (!document.hidden && !timer) timer = setTimeout(ask, ms);
  }
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    timer = 0;
    if (document.hidden) setState("waiting", "Paused");
    else if (at("token-form").hidden) next(0);
  });

  // ---- The token

  function askForToken() {
    put(at("token-wrong"), token ? "That is not the token." : "");
    token = "";
    at("token-form").hidden = false;
    setState("waiting", "Locked");
    at("token").focus();
  }
  at("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    token = at("token").value.trim();
    at("token").value = "";
    at("token-form").hidden = true;
    next(0);
  });
  // A link cannot carry a token: the page fetches for it.
  for (const link of document.querySelectorAll("[data-open]")) {
    link.addEventListener("click", async (event) => {
      if (!token) return;
      event.preventDefault();
      const tab = window.open("about:blank", "_blank");
      const answer = await fetch(link.getAttribute("href"), { headers: headers() });
      const text = new Blob([await answer.text()], { type: "text/plain; charset=utf-8" });
      if (tab) tab.location = URL.createObjectURL(text);
    });
  }

  // ---- Lines to copy

  for (const node of document.querySelectorAll("[data-origin]")) {
    put(node, new URL(".", location.href).href.replace(/\/$/, ""));
  }
  for (const line of document.querySelectorAll(".line")) {
    const code = line.querySelector("code");
    if (document.documentElement.dataset.token === "yes") {
      code.append(' -H "Authorization: Bearer $TOKEN"');
    }
    const button = make("button", "", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", `Copy: ${code.textContent}`);
    button.addEventListener("click", async () => {
      const done = await copy(code);
      put(button, done ? "Copied" : "Selected");
      put(at("said"), done ? "Copied" : "Selected");
      setTimeout(() => { put(button, "Copy"); put(at("said"), ""); }, 1500);
    });
    line.append(button);
  }
  // Without a clipboard (plain HTTP beyond loopback) the line is selected at least.
  async function copy(code) {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(code);
      return false;
    }
  }

  next(0);
})();
