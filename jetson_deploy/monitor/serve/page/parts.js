// Header, alerts, models, board, and what cannot be seen.
import { bytes, duration, element, hertz, known, number, percent, put, yesNo } from "./words.js";

const ORDER = { critical: 0, warning: 1, info: 2 };
const LINES = { oc1: " (under-voltage)", oc2: " (average power)", oc3: " (peaks)" };
let alertsShown = "";

export function header(document_) {
  const identity = document_.sample?.identity ?? {};
  put("board", identity.model ?? identity.board ?? "Unknown board");
  const release = [identity.hostname, identity.jetpack && `JetPack ${identity.jetpack}`, identity.l4t && `L4T ${identity.l4t}`, identity.kernel && `kernel ${identity.kernel}`];
  put("release", release.filter(Boolean).join(" · ") || "the release is not known");
  document.title = `${identity.hostname ?? identity.board ?? "jetson-deploy"} · monitor`;
  const simulated = document_.sample?.simulated ?? document_.sample?.llm.deployment?.simulated;
  put("simulated", simulated ? `Simulated: ${simulated}` : "");
  document.getElementById("simulated").hidden = !simulated;
  put("version", `jetson-deploy ${document_.version}`);
}

export function alerts(firing) {
  const told = JSON.stringify(firing);
  if (told === alertsShown) return; // or a screen reader would read them anew every second
  alertsShown = told;
  const sorted = [...firing].sort((a, b) => a.silenced - b.silenced || ORDER[a.severity] - ORDER[b.severity]);
  const made = sorted.map((one) => {
    const box = element("article", null, { class: "alert", "data-severity": one.severity });
    const title = element("h3");
    title.append(element("span", one.severity + (one.silenced ? " (silenced)" : ""), { class: "severity" }), `: ${one.title}${one.subject ? ` (${one.subject})` : ""}`);
    const since = new Date(one.since * 1000).toLocaleString();
    box.append(title, element("p", one.cause), element("p", `To do: ${one.fix}`, { class: "fix" }), element("p", `since ${since}`, { class: "quiet" }));
    return box;
  });
  document.getElementById("alerts").replaceChildren(...(made.length ? made : [element("p", "No alert fires.", { class: "allwell" })]));
}

function serverLine(llm) {
  const { server, container, deployment } = llm;
  if (!server && !container) return "No server of ours is seen here.";
  const parts = [];
  if (server) parts.push(`${server.kind === "ollama" ? "Ollama" : server.kind} ${server.up ? "answers" : "does not answer"} at ${server.endpoint}${server.version ? ` (${server.version})` : ""}`);
  if (container) parts.push(`container ${container.name} is ${container.state}, restarts ${number(container.restarts)}`);
  if (deployment?.model) parts.push(`deployed: ${deployment.model}`);
  if (deployment?.accept_cpu) parts.push("a CPU-only server was accepted");
  return parts.join("; ");
}

const context = (model) => known(model.context_tokens)
  ? `${number(model.context_used_tokens)} of ${model.context_tokens}` + (known(model.context_used_tokens) ? ` (${percent(model.context_used_tokens / model.context_tokens)})` : "")
  : number(model.context_used_tokens);

const share = (model) => (model.size_bytes && known(model.gpu_bytes) ? Math.min(1, model.gpu_bytes / model.size_bytes) : null);

export function models(document_) {
  const { llm } = document_.sample;
  put("server", serverLine(llm));
  const { joules_per_token, lately_decoding: lately } = document_.derived; // of the board: it is one model's only while no other decodes
  const counted = Boolean(llm.server?.tokens_from);
  const columns = [
    ["On the GPU", (m) => (m.loaded ? percent(share(m)) + (known(share(m)) && share(m) < 1 ? ", the rest on the CPU" : "") : "-"), (m) => !llm.deployment?.accept_cpu && known(share(m)) && share(m) < 1],
    ["Memory", (m) => (m.loaded ? bytes(m.size_bytes) : "not loaded")],
    ["Context used", context],
    ["Decoding tok/s", (m) => number(m.last_decode_rate, 1)],
    ["Prompt tok/s", (m) => number(m.last_prompt_rate, 1)],
    ["J per token", (m) => lately.length === 1 && lately[0] === m.name ? number(joules_per_token, 2) : "-"],
    ["Tokens so far", (m) => (counted ? number(m.decode_tokens) : "-")],
  ];
  const place = document.getElementById("models");
  if (!llm.models.length) { place.replaceChildren(element("p", llm.server?.up ? "No model is loaded." : "", { class: "quiet" })); return; }
  const table = element("table");
  const head = element("tr");
  head.append(element("th", "Model", { scope: "col" }), ...columns.map(([title]) => element("th", title, { scope: "col" })));
  const body = element("tbody");
  for (const model of llm.models) {
    const row = element("tr");
    const detail = [model.family, model.quantization].filter(Boolean).join(", ");
    const name = element("th", model.name, { scope: "row" });
    if (detail) name.append(" ", element("span", detail, { class: "quiet" }));
    row.append(name, ...columns.map(([title, read, bad]) => element("td", null, { "data-column": title, ...(bad?.(model) ? { class: "bad" } : {}) })));
    columns.forEach(([, read], index) => row.children[index + 1].append(element("span", read(model))));
    body.append(row);
  }
  const top = element("thead");
  top.append(head);
  table.append(top, body);
  const box = element("div", null, { class: "scroll" });
  box.append(table);
  place.replaceChildren(box);
}

function rows(board) {
  const mode = board.power_mode, memory = board.memory;
  const throttlers = board.coolers.filter((c) => /^(thermal-)?(cpufreq|devfreq)|-throttle-alert$/.test(c.kind));
  const active = throttlers.filter((c) => c.state > 0).map((c) => c.kind);
  const swap = board.swaps === null ? "-" : board.swaps.length
    ? `${bytes(board.swaps.reduce((sum, one) => sum + one.used_bytes, 0))} of ${bytes(board.swaps.reduce((sum, one) => sum + one.total_bytes, 0))}` : "none";
  const ceiling = known(mode.at_ceiling) ? (mode.at_ceiling ? ", the highest" : `, below ${mode.ceiling ?? "the highest"}`) : "";
  const emc = [known(board.emc.load) ? percent(board.emc.load) : null, known(board.emc.hertz) ? hertz(board.emc.hertz) : null];
  const list = [
    ["Power mode", known(mode.name) || known(mode.id) ? `${mode.name ?? mode.id}${ceiling}` : "-", "nvpmodel has left no state"],
    ["Clocks pinned (jetson_clocks)", yesNo(board.clocks_pinned), "the clocks' limits cannot be read"],
    ["Throttled by heat", throttlers.length ? (active.length ? `yes: ${active.join(", ")}` : "no") : "-", "no cooling device is seen"],
    ["Swap used", swap, "/proc/swaps cannot be read"],
    ["Largest free block", bytes(memory.largest_free_block_bytes), "/proc/buddyinfo cannot be read"],
    ["Memory controller", emc.filter(Boolean).join(", ") || "-", "needs root or jetson-stats"],
    ["Up for", duration(board.uptime_seconds), "/proc/uptime cannot be read"],
  ];
  for (const fan of board.fans) list.push([`Fan ${fan.name}`, [known(fan.ratio) ? percent(fan.ratio) : null, known(fan.rpm) ? `${number(fan.rpm)} rpm` : null].filter(Boolean).join(", ") || "-"]);
  for (const rail of board.rails) list.push([`Rail ${rail.name}`, known(rail.watts) ? `${number(rail.watts, 2)} W` : "-"]);
  for (const line of board.over_currents) list.push([`Over-current ${line.line}${LINES[line.line] ?? ""}`, `${line.count} since the boot`]);
  for (const disk of board.disks) list.push([`Disk ${disk.mount} (${disk.role})`, `${bytes(disk.free_bytes)} free of ${bytes(disk.total_bytes)}${disk.read_only ? ", read-only" : ""}`]);
  return list;
}

export function facts(board) {
  document.getElementById("facts").replaceChildren(...rows(board).map(([name, value, unknown]) => {
    const row = element("div");
    row.append(element("dt", name), element("dd", value === "-" && unknown ? `- (${unknown})` : value));
    return row;
  }));
}

export function unseen(troubles) {
  document.getElementById("unseen-part").hidden = !troubles.length;
  document.getElementById("unseen").replaceChildren(...troubles.map((one) => element("li", `${one.source}: ${one.why}`)));
}
