// The cards: a number now, a sentence, and a chart of the samples before.
/* global uPlot */
import { bytes, element, hertz, known, number, percent } from "./words.js";

const GIB = 2 ** 30;
const HEIGHT = 130;
const kept = { time: [], columns: {} };
const MOST = 300; // as many as the monitor keeps
const cards = [];
const STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400]; // seconds between two times on the axis
const WHERE = { log: "its log", "llama-server": "llama-server", tap: "the tap" };
const BRIDGED = 6; // seconds: a log tells of tokens every three

const first = (list) => (list && list.length ? list[0] : null);
const busiest = (gpus) => gpus.reduce((best, gpu) => ((gpu.load ?? -1) > (best?.load ?? -1) ? gpu : best), first(gpus));

function why(document_, sources, otherwise) {
  const found = document_.sample.troubles.find((trouble) => sources.includes(trouble.source));
  return found ? `${found.source}: ${found.why}` : otherwise;
}

function coreNote(board) {
  const online = board.cpus.filter((cpu) => cpu.online !== false);
  const clocks = online.map((cpu) => cpu.hertz).filter(known);
  return `${online.length} of ${board.cpus.length} cores online` + (clocks.length ? `, up to ${hertz(Math.max(...clocks))}` : "");
}

function gpuNote(board) {
  const gpu = busiest(board.gpus);
  const most = known(gpu.max_hertz) ? ` of ${hertz(gpu.max_hertz)} allowed` : "";
  return known(gpu.hertz) ? `clock ${hertz(gpu.hertz)}${most}` : "its clock cannot be read";
}

function memoryNote(memory, derived) {
  const model = known(derived.model_bytes) ? `the model takes ${bytes(derived.model_bytes)}` : "the model's share is not known";
  return `of ${bytes(memory.total_bytes)}, ${bytes(memory.available_bytes)} available; ${model}`;
}

function tokensNote(document_) {
  const server = document_.sample.llm.server, joules = document_.derived.joules_per_token;
  if (!server) return "no server is seen";
  if (!server.tokens_from) return "this server does not count tokens: `monitor serve --tap` does";
  const energy = known(joules) ? `; ${number(joules, 2)} J per token lately, whole board` : "";
  return `in the last answer, counted from ${WHERE[server.tokens_from] ?? server.tokens_from}${energy}`;
}

function lastRate(sample) {
  const rates = sample.llm.models.map((model) => model.last_decode_rate).filter(known);
  return rates.length ? Math.max(...rates) : null;
}

// key: column of api/recent; scale: what a value is divided by; least: the axis goes at least so far.
const CARDS = [
  { title: "Tokens per second", unit: "tok/s", lines: [["tokens_per_second", "decoding"]], digits: 1, least: 5, dots: true,
    now: (d) => lastRate(d.sample), note: (d) => tokensNote(d),
    missing: (d) => d.sample.llm.server?.tokens_from ? "no answer was counted yet" : why(d, ["ollama", "engine", "log", "docker", "llama-server", "tap", "model"], tokensNote(d)) },
  { title: "GPU load", unit: "%", lines: [["gpu_load_ratio", "load"]], scale: 0.01, range: [0, 100],
    now: (d) => busiest(d.sample.board.gpus)?.load, note: (d) => gpuNote(d.sample.board),
    missing: (d) => why(d, ["nvml", "sysfs", "jetson-stats"], d.sample.board.gpus.length ? "this GPU's driver does not tell its load" : "no GPU is seen") },
  { title: "CPU load", unit: "%", lines: [["cpu_load_ratio", "mean of all cores"]], scale: 0.01, range: [0, 100],
    now: (d, last) => last.cpu_load_ratio, note: (d) => coreNote(d.sample.board),
    missing: (d) => why(d, ["sysfs", "psutil"], "needs two samples between which /proc/stat moved") },
  { title: "Memory used", unit: "GiB", lines: [["memory_used_bytes", "used"], ["model_bytes", "the model"]], scale: GIB, digits: 2, least: 1,
    most: (d) => d.sample.board.memory.total_bytes,
    now: (d) => d.derived.memory_used_bytes, note: (d) => memoryNote(d.sample.board.memory, d.derived),
    missing: (d) => why(d, ["sysfs"], "/proc/meminfo cannot be read") },
  { title: "Power", unit: "W", lines: [["power_watts", "board"]], digits: 1, least: 5,
    now: (d) => d.sample.board.power?.watts,
    note: (d) => d.sample.board.power.method === "rail" ? "measured at the board's input" : "sum of the rails: more flows in than they show",
    missing: (d) => why(d, ["sysfs", "nvml"], "no power monitor is seen") },
  { title: "Hottest zone", unit: "°C", lines: [["hottest_celsius", "temperature"]], digits: 1, around: 10,
    now: (d) => d.derived.hottest_celsius, note: (d) => `${d.derived.hottest_zone}; ${d.sample.board.zones.filter((zone) => known(zone.celsius)).length} of ${d.sample.board.zones.length} zones answer`,
    missing: (d) => why(d, ["sysfs"], "no thermal zone answers") },
  { title: "Thermal headroom", unit: "°C", lines: [["headroom_celsius", "left before throttling"]], digits: 1, least: 20,
    now: (d) => d.derived.headroom_celsius, note: (d) => `until thermal throttling, in ${d.derived.nearest_zone}`,
    missing: (d) => why(d, ["sysfs"], "no zone tells at which temperature it throttles") },
  { title: "Requests", unit: "in flight", lines: [["requests_in_flight", "in flight"], ["requests_queued", "queued"]], least: 2,
    now: (d) => d.sample.llm.server?.in_flight, note: (d) => `${number(d.sample.llm.server.queued)} queued`,
    missing: (d) => d.sample.llm.server ? "this server does not report its queue" : why(d, ["ollama", "engine", "docker", "model"], "no server is seen") },
];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function yRange(card, low, high) {
  if (card.range) return card.range;
  if (card.around) return known(low) ? [Math.floor(low - card.around / 2), Math.ceil(high + card.around / 2)] : [0, 100];
  const top = card.top ?? Math.max(card.least, (high ?? 0) * 1.15);
  return [Math.min(0, low ?? 0), top];
}

function options(card, width) {
  const axis = { stroke: colour("--quiet"), font: "11px system-ui, sans-serif", grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false } };
  const line = ([, label], index) => ({
    label, stroke: colour(index ? "--second" : "--first"), width: 2, dash: index ? [5, 4] : undefined,
    fill: index ? undefined : colour("--first") + "1f", spanGaps: false,
    points: { show: Boolean(card.dots), size: 4, fill: colour("--first") },
  });
  return {
    width, height: HEIGHT, legend: { show: false }, padding: [8, 20, 0, 0],
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (_, low, high) => yRange(card, low, high) } },
    axes: [
      { ...axis, size: 22, space: 76, incrs: STEPS, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString([], { hourCycle: "h23" })) },
      { ...axis, size: 38, space: 26 },
    ],
    series: [{}, ...card.lines.map(line)],
    hooks: { setCursor: [(plot) => showAt(card, plot.cursor.idx)] },
  };
}

function data(card) {
  const scale = card.scale ?? 1;
  const scaled = card.lines.map(([key]) => (kept.columns[key] ?? []).map((v) => (known(v) ? v / scale : null)));
  return [kept.time, ...(card.dots ? scaled.map(bridged) : scaled)];
}

// uPlot draws through undefined, and leaves a gap at null.
function bridged(values) {
  let last = null;
  const made = [...values];
  values.forEach((value, index) => {
    if (!known(value)) return;
    if (last !== null && kept.time[index] - kept.time[last] <= BRIDGED) made.fill(undefined, last + 1, index);
    last = index;
  });
  return made;
}

function build(card) {
  const box = element("article", null, { class: "card" });
  card.value = element("span", "-");
  const now = element("p", null, { class: "now" });
  card.measure = element("span", ` ${card.unit}`, { class: "unit" });
  now.append(card.value, card.measure);
  card.text = element("p", "", { class: "note" });
  const legend = element("p", null, { class: "legend" });
  for (const [index, [, label]] of card.lines.entries()) {
    const item = element("span");
    item.append(element("i", null, index ? { class: "second" } : {}), label);
    legend.append(item);
  }
  card.place = element("div", null, { class: "drawn", role: "img" });
  box.append(element("h3", card.title), now, card.text, card.place, legend);
  card.legend = legend;
  return box;
}

function plot(card) {
  card.plot?.destroy();
  card.plot = new uPlot(options(card, Math.max(120, card.place.clientWidth)), data(card), card.place);
}

// The value under the pointer stands in the legend; without one, the labels.
function showAt(card, index) {
  const spans = card.legend.querySelectorAll("span");
  card.lines.forEach(([key, label], number_) => {
    const value = known(index) ? kept.columns[key]?.[index] : null;
    const said = known(index) ? `${label} ${number(known(value) ? value / (card.scale ?? 1) : null, card.digits ?? 0)}` : label;
    spans[number_].lastChild.textContent = said;
  });
}

export function begin() {
  const place = document.getElementById("charts");
  for (const card of CARDS) { place.append(build(card)); cards.push(card); }
  cards.forEach(plot);
  new ResizeObserver(() => cards.forEach((card) => card.plot.setSize({ width: Math.max(120, card.place.clientWidth), height: HEIGHT }))).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => cards.forEach(plot));
}

export const lastTime = () => (kept.time.length ? kept.time[kept.time.length - 1] : null);

export function forget() {
  kept.time = [];
  kept.columns = {};
}

export function add(recent) {
  const gap = MOST - recent.time.length;
  for (const [key, values] of Object.entries(recent.columns)) {
    kept.columns[key] = [...(kept.columns[key] ?? []).slice(gap > 0 ? -gap : kept.time.length), ...values];
  }
  kept.time = [...kept.time.slice(gap > 0 ? -gap : kept.time.length), ...recent.time];
}

export function show(document_) {
  const last = Object.fromEntries(Object.entries(kept.columns).map(([key, values]) => [key, values[values.length - 1] ?? null]));
  for (const card of cards) {
    const value = card.now(document_, last);
    const scale = card.scale ?? 1;
    card.value.textContent = number(known(value) ? value / scale : null, card.digits ?? 0);
    card.measure.hidden = !known(value);
    card.text.textContent = known(value) ? card.note(document_) : card.missing(document_);
    card.top = card.most && known(card.most(document_)) ? card.most(document_) / scale : undefined;
    card.plot.setData(data(card));
    card.place.setAttribute("aria-label", described(card));
  }
}

function described(card) {
  const values = (kept.columns[card.lines[0][0]] ?? []).filter(known).map((v) => v / (card.scale ?? 1));
  if (!values.length) return `${card.title}: nothing to draw`;
  const digits = card.digits ?? 0;
  return `${card.title}, last ${values.length} values: from ${number(Math.min(...values), digits)} to ${number(Math.max(...values), digits)} ${card.unit}`;
}
