// The status page. Programs are hostile: every text goes in as textContent, none as HTML.
"use strict";

const EVERY = 1000, POINTS = 300, FAILED = ["system_error", "checker_error"];
const rates = [];
const get = (id) => document.getElementById(id);

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = String(text);
  if (kind) made.className = kind;
  return made;
}

const kindOf = (status) => status === "accepted" ? "accepted" : FAILED.includes(status) ? "failed" : "wrong";
const seconds = (value) => value === undefined || value === null ? "" :
  value < 1 ? `${(1000 * value).toFixed(1)} ms` : `${value.toFixed(2)} s`;

function rows(table, list, cells, open) {
  const body = get(table).tBodies[0];
  body.replaceChildren(...list.map((item) => {
    const row = element("tr");
    for (const [text, kind] of cells(item)) row.append(element("td", text, kind));
    if (open) row.addEventListener("click", () => open(item));
    return row;
  }));
}

async function fetched(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

function show(status) {
  get("version").textContent = status.version;
  get("rate").textContent = status.per_second.toFixed(1);
  get("waiting").textContent = status.waiting;
  get("busy").textContent = `${status.busy} / ${status.workers}`;
  get("judged").textContent = status.judged;
  get("cached").textContent = status.cached;
  get("ran").textContent = status.ran;
  get("restarts").textContent = status.restarts;
  get("lag").textContent = seconds(Math.max(...status.engines.map((engine) => engine.loop_lag)));
  rates.push(status.per_second);
  if (rates.length > POINTS) rates.shift();
  const top = Math.max(1, ...rates);
  const points = rates.map((rate, place) => `${POINTS - rates.length + place},${39 - 38 * rate / top}`);
  get("chart").firstElementChild.setAttribute("points", points.join(" "));
  const verdicts = Object.entries(status.verdicts);
  get("mix").replaceChildren(...verdicts.map(([name, count]) => {
    const part = element("i", "", kindOf(name));
    part.style.flexGrow = count;
    part.title = `${name}: ${count}`;
    return part;
  }));
  get("verdicts").replaceChildren(...verdicts.map(([name, count]) =>
    element("li", `${name} ${count} (${(100 * count / status.judged).toFixed(1)} %)`, kindOf(name))));
  rows("engines", status.engines, (engine) => [
    [engine.engine], [engine.pid], [engine.jail], [`${engine.busy} / ${engine.workers}`], [engine.waiting],
    [engine.clients], [engine.judged], [engine.per_second.toFixed(1)], [engine.restarts], [seconds(engine.loop_lag)],
  ]);
  for (const section of document.querySelectorAll(".history")) section.hidden = !status.history;
  get("secret").hidden = status.history;
  rows("slowest", status.slowest, (slow) => [
    [slow.problem_id], [slow.programs], [slow.accepted], [seconds(slow.cpu_time / slow.programs)],
    [seconds(slow.slowest)],
  ]);
  rows("latest", status.latest, (one) => [
    [new Date(1000 * one.time).toLocaleTimeString()], [one.problem_id], [one.name], [one.client],
    [one.status + (one.cached ? " (known)" : ""), kindOf(one.status)], [`${one.passed} / ${one.total}`],
    [seconds(one.cpu_time)], [seconds(one.queue_time)], [seconds(one.run_time)],
  ], (one) => open(one.number));
}

// What differs, between the first and the last character that do.
function difference(text, other) {
  let start = 0, end = 0;
  const most = Math.min(text.length, other.length);
  while (start < most && text[start] === other[start]) start++;
  while (end < most - start && text[text.length - 1 - end] === other[other.length - 1 - end]) end++;
  const pre = element("pre");
  pre.append(text.slice(0, start), element("mark", text.slice(start, text.length - end)), text.slice(text.length - end));
  return pre;
}

function figure(caption, content) {
  const made = element("figure");
  made.append(element("figcaption", caption), typeof content === "string" ? element("pre", content) : content);
  return made;
}

function test(shown) {
  const result = shown.result, made = element("section");
  const facts = [result.status, result.rule && `rule: ${result.rule}`, result.limit && `limit: ${result.limit}`,
    result.message, result.exit_code !== undefined && `exit code ${result.exit_code}`,
    result.signal !== undefined && `signal ${result.signal}`,
    result.cpu_time !== undefined && `CPU ${seconds(result.cpu_time)}`,
    result.wall_time !== undefined && `clock ${seconds(result.wall_time)}`,
    result.memory !== undefined && `${(result.memory / 1048576).toFixed(1)} MiB`].filter(Boolean);
  made.append(element("h3", `test ${shown.test}: ${facts.join(" · ")}`, kindOf(result.status)));
  if (shown.input) made.append(figure("input", shown.input));
  const pair = element("div", null, "pair");
  const actual = shown.actual ?? (result.status === "accepted" ? null : "");
  if (shown.expected !== null) {
    pair.append(figure("expected", actual === null ? shown.expected : difference(shown.expected, actual)));
  }
  if (actual !== null) {
    pair.append(figure("actual", shown.expected === null ? actual : difference(actual, shown.expected)));
  }
  made.append(pair);
  if (shown.stderr) made.append(figure("standard error", shown.stderr));
  return made;
}

async function open(number) {
  const opened = get("opened");
  try {
    const judgement = await fetched(`/v1/judgements/${encodeURIComponent(number)}`);
    const one = judgement.latest, report = judgement.report;
    opened.replaceChildren(element("h2", `${one.problem_id}: ${one.status}, ${one.passed} of ${one.total}`,
      kindOf(one.status)));
    if (report.message) opened.append(figure("message", report.message));
    opened.append(figure(`program (${one.language})`, judgement.code ?? ""));
    if (!judgement.held) opened.append(element("p", "The problem is not held any more: no inputs, no expected outputs."));
    opened.append(...judgement.tests.map(test));
  } catch (error) {
    opened.replaceChildren(element("p", `This judgement cannot be opened: ${error.message}`));
  }
  if (!get("judgement").open) get("judgement").showModal();
}

async function look() {
  try {
    const status = await fetched("/v1/status");
    show(status);
    const draining = status.engines.some((engine) => engine.draining);
    get("state").textContent = draining ? "going down" : "in service";
    get("state").className = draining ? "trouble" : "";
  } catch (error) {
    get("state").textContent = `no answer: ${error.message}`;
    get("state").className = "trouble";
  }
  setTimeout(look, EVERY);
}

look();
