"use strict";

const SPAN_S = 300;
const MAX_POINTS = 600;
const MAX_CHANGES = 60;
const STATES = {opening: "opening", running: "live", waiting: "camera is away", ended: "ended"};
const $ = (id) => document.getElementById(id);

let device = {};
let history = [];
let changes = [];
let vitals = {};
let counts = {};
let answer = null;
// the device's clock against this one, in seconds
let ahead = 0;
let stream = null;

function text(id, value) {
  const element = $(id);
  if (element.textContent !== value) element.textContent = value;
}

function make(name, className, content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (content !== undefined) element.textContent = content;
  return element;
}

function number(value, digits) {
  return Number(value).toLocaleString("en", {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

const percent = (score) => `${Math.round(100 * score)} %`;
const clock = (time) => new Date(1000 * (time - ahead)).toLocaleTimeString([], {hour12: false});

function showDevice() {
  text("board", device.board || "Camera");
  text("source", [device.source, device.model].filter(Boolean).join(" · "));
  const parts = [
    device.model && `${device.model}, ${device.labels} labels`,
    device.runtime && `${device.runtime}, ${device.threads} threads`,
    device.window_s && `looks at ${number(device.window_s, 1)} s every ${number(device.hop_s, 1)} s`,
    device.version && `adafocus ${device.version}`,
  ];
  text("foot", parts.filter(Boolean).join(" · "));
  if (device.enter !== undefined) $("mark").style.left = `${100 * device.enter}%`;
}

function showAnswer() {
  if (!answer) return;
  const shown = answer.label !== null;
  text("label", shown ? answer.label : "No label");
  $("label").classList.toggle("none", !shown);
  document.title = shown ? `${answer.label} · Camera` : "Camera";
  $("bar").style.width = `${Math.min(100, 100 * answer.score)}%`;
  $("bar").classList.toggle("quiet", !shown);
  const least = device.enter === undefined ? "" : `, shown from ${percent(device.enter)}`;
  const perhaps = answer.score ? `perhaps ${answer.best}, ${percent(answer.score)} sure${least}` : "";
  text("score", shown ? `${percent(answer.score)} sure` : perhaps);

  text("stage", answer.exit_stage === "glance" ? "the glance" : "a closer look");
  text("stage-sub", answer.exit_stage === "glance" ? "that was enough" : `at ${answer.chosen_ago_s.length} frames`);
  text("time", `${number(answer.compute_ms, 0)} ms`);
  text("time-sub", `${number(answer.latency_ms, 0)} ms after the frame`);
  text("gmac", `${number(answer.gmac, 2)} GMAC`);
  showChosen();
  showBudget();
  showEnergy();
}

function showChosen() {
  const ago = answer.chosen_ago_s;
  if (!ago.length) {
    $("chosen").replaceChildren();
    text("chosen-note", "The glance was enough for the last answer.");
    return;
  }
  const number_ = answer.number;
  const strip = new Image();
  strip.onload = () => {
    if (!answer || answer.number !== number_) return;
    const width = strip.naturalWidth / ago.length;
    const items = ago.map((seconds, place) => {
      const item = make("li");
      const canvas = make("canvas");
      canvas.width = width;
      canvas.height = strip.naturalHeight;
      canvas.getContext("2d").drawImage(strip, -place * width, 0);
      item.append(canvas, seconds ? `${number(seconds, 1)} s ago` : "newest");
      return item;
    });
    $("chosen").replaceChildren(...items);
    text("chosen-note", "");
  };
  strip.src = `/chosen.jpg?${number_}`;
}

function showBudget() {
  const budget = answer.budget;
  $("budget").hidden = !budget;
  if (!budget) {
    text("gmac-sub", device.budget ? "" : "no budget set");
    return;
  }
  const mean = budget.running_mean || 0;
  const digits = budget.unit === "ms" ? 0 : 2;
  $("budget-bar").style.width = `${Math.min(100, 100 * mean / budget.asked)}%`;
  text("budget-text", `${number(mean, digits)} of ${number(budget.asked, digits)} ${budget.unit} an answer, mean of the last 50`);
  text("gmac-sub", budget.unit === "GMAC" ? `mean ${number(mean, 2)}` : "");
}

function showEnergy() {
  const energy = vitals.energy || {};
  if (answer && answer.joules !== null && answer.joules !== undefined) {
    text("joules", `${number(answer.joules, 2)} J`);
    text("joules-sub", "above idle, charged to the budget");
  } else if (energy.joules_an_answer) {
    text("joules", `${number(energy.joules_an_answer, 2)} J`);
    text("joules-sub", `${energy.scope}, with idling`);
  } else {
    text("joules", "–");
    text("joules-sub", energy.reason || "");
  }
}

function rows(id, entries) {
  const list = $(id);
  entries.forEach(([name, value, style], place) => {
    let row = list.children[place];
    if (!row) {
      row = make("div");
      row.append(make("dt"), make("dd"));
      list.append(row);
    }
    row.children[0].textContent = name;
    row.children[1].textContent = value;
    row.children[1].className = style || "";
  });
  while (list.children.length > entries.length) list.lastChild.remove();
}

const known = (value, form) => (value === null || value === undefined ? "not known" : form(value));

function showVitals() {
  const slow = vitals.throttled;
  const before = vitals.throttled_before || [];
  const energy = vitals.energy || {};
  const throttled = known(slow, (found) => found.join(", ") || (before.length ? `not now; before: ${before.join(", ")}` : "no"));
  const entries = [
    ["Temperature", known(vitals.temperature_c, (value) => `${number(value, 1)} °C`)],
    ["Slowed down", throttled, slow && slow.length ? "warn" : slow ? "good" : ""],
    ["Clock", known(vitals.clock_mhz, (value) => `${number(value, 0)} MHz`)],
    ["Load", known(vitals.load, (value) => number(value, 2))],
    ["Memory of this program", known(vitals.memory_mb, (value) => `${number(value, 0)} MB`)],
    ["Memory free", known(vitals.memory_free_mb, (value) => `${number(value, 0)} MB`)],
    ["Power", energy.watts ? `${number(energy.watts, 2)} W (${energy.scope})` : energy.reason || "not known"],
  ];
  if (vitals.power_mode) entries.push(["Power mode", vitals.power_mode]);
  entries.push(["System", device.system || "not known"]);
  rows("device", entries);
  showEnergy();
}

function showCounts() {
  const entries = [
    ["From the source", known(counts.grabbed, (value) => number(value, 0))],
    ["Kept for answers", known(counts.kept, (value) => number(value, 0))],
    ["Not needed", known(counts.dropped, (value) => number(value, 0))],
    ["Needed, but missed", known(counts.missed, (value) => number(value, 0)), counts.missed ? "warn" : "good"],
    ["Answers", known(counts.answers, (value) => number(value, 0))],
    ["Late answers", known(counts.late, (value) => number(value, 0)), counts.late ? "warn" : "good"],
  ];
  for (const action of counts.actions || []) {
    const parts = [`${action.done} done`];
    if (action.failed) parts.push(`${action.failed} failed`);
    if (action.dropped) parts.push(`${action.dropped} left out`);
    entries.push([action.name, parts.join(", "), action.reason ? "warn" : ""]);
  }
  rows("frames", entries);
}

function showSource(source) {
  const state = source ? source.state : "opening";
  $("state").dataset.state = state === "waiting" ? "away" : state;
  text("state-text", STATES[state] || state);
  const reason = source && state !== "running" ? source.reason : "";
  banner(reason || "");
}

function banner(sentence) {
  $("banner").hidden = !sentence;
  text("banner", sentence);
}

function showChanges() {
  const items = changes.slice(-MAX_CHANGES).reverse().map((change) => {
    const item = make("li");
    const shown = change.label !== null;
    item.append(make("time", "", clock(change.time_s)));
    item.append(make("span", shown ? "" : "none", shown ? change.label : "no label"));
    if (shown) item.append(make("b", "", percent(change.score)));
    return item;
  });
  $("changes").replaceChildren(...items);
  $("no-changes").hidden = items.length > 0;
}

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, content) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (content !== undefined) element.textContent = content;
  return element;
}

function showChart() {
  const chart = $("chart");
  const width = chart.clientWidth;
  const height = chart.clientHeight;
  const left = 46, bottom = 22, top = 20;
  const now = Date.now() / 1000 + ahead;
  const x = (time) => left + (width - left) * (1 - (now - time) / SPAN_S);
  const y = (score) => top + (height - top - bottom) * (1 - score);
  const drawn = [];
  for (const score of [0, 0.5, 1]) {
    drawn.push(shape("line", {x1: left, x2: width, y1: y(score), y2: y(score)}));
    drawn.push(shape("text", {x: left - 8, y: y(score) + 4, "text-anchor": "end"}, percent(score)));
  }
  for (let minute = 5; minute >= 0; minute -= width < 420 ? 2.5 : 1) {
    const anchor = minute === 0 ? "end" : minute === 5 ? "start" : "middle";
    const name = minute === 0 ? "now" : `${minute} min`;
    drawn.push(shape("text", {x: x(now - 60 * minute), y: height - 4, "text-anchor": anchor}, name));
  }
  const seen = history.filter((point) => point.time_s > now - SPAN_S);
  let named = null, free = -Infinity;
  seen.forEach((point, place) => {
    const next = seen[place + 1];
    const from = x(point.time_s);
    const wide = Math.max(1.5, Math.min(next ? x(next.time_s) - from : 3, 12) - 0.8);
    drawn.push(shape("rect", {
      x: from, y: y(point.score), width: wide, height: Math.max(1, y(0) - y(point.score)), rx: 1,
      class: point.label === null ? "none" : "shown",
    }));
    if (point.exit_stage === "glance") {
      drawn.push(shape("rect", {x: from, y: y(0) + 2, width: wide, height: 3, class: "early"}));
    }
    if (point.label !== null && point.label !== named) {
      const long = 7.5 * point.label.length;
      const start = Math.min(from, width - long);
      if (start >= free) {
        const fits = start === from;
        const place = {x: fits ? from : width, y: 12, class: "name", "text-anchor": fits ? "start" : "end"};
        drawn.push(shape("text", place, point.label));
        free = start + long + 12;
      }
    }
    named = point.label;
  });
  chart.replaceChildren(...drawn);
}

function whole(content) {
  ahead = content.now_s - Date.now() / 1000;
  device = content.device;
  history = content.history;
  changes = content.changes;
  answer = content.answer;
  vitals = content.vitals || {};
  counts = content.counts || {};
  showDevice();
  showSource(content.source);
  showAnswer();
  showVitals();
  showCounts();
  showChanges();
  showChart();
  film();
}

// the picture ends with its connection, so it is asked for anew with every other one
function film() {
  const picture = $("picture");
  picture.onload = () => picture.classList.add("there");
  picture.src = `/picture.mjpg?${Date.now()}`;
}

const TAKE = {
  whole,
  device: (content) => { device = content; showDevice(); },
  source: showSource,
  warning: (content) => banner(content.text),
  vitals: (content) => { vitals = content; showVitals(); },
  counts: (content) => { counts = content; showCounts(); },
  change: (content) => {
    changes = [...changes.slice(-MAX_CHANGES), content];
    showChanges();
    // a label may also go without an answer, when the camera is away for long
    if (answer && content.label === null && answer.label !== null) {
      answer = {...answer, label: null, score: 0};
      showAnswer();
    }
  },
  answer: (content) => {
    answer = content;
    history = [...history.slice(-MAX_POINTS), content];
    showAnswer();
    showChart();
  },
};

function listen() {
  stream = new EventSource("/events");
  for (const [kind, take] of Object.entries(TAKE)) {
    stream.addEventListener(kind, (message) => take(JSON.parse(message.data)));
  }
  stream.onerror = () => {
    $("state").dataset.state = "away";
    text("state-text", "no connection");
  };
}

window.addEventListener("resize", showChart);
listen();
