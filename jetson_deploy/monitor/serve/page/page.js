// Asks the monitor once a period, and shows what it said. Nothing here reaches any other machine.
import * as charts from "./charts.js";
import * as parts from "./parts.js";
import { put } from "./words.js";

const LEAST_MS = 500, ANSWER_MS = 5000;

async function asked(path) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
  if (!response.ok) throw new Error(`${path} answers ${response.status}`);
  return response.json();
}

function state(kind, text, banner) {
  document.getElementById("state").dataset.state = kind;
  put("state", text);
  put("stale", banner);
  document.getElementById("stale").hidden = !banner;
  document.body.classList.toggle("stale", kind === "stale");
}

async function recent(sample) {
  const last = charts.lastTime();
  if (last !== null && sample.at < last) charts.forget(); // another monitor now, or a clock set back
  const since = charts.lastTime();
  charts.add(await asked(since === null ? "api/recent" : `api/recent?since=${since}`));
}

async function look() {
  const told = await asked("api/sample");
  parts.header(told);
  if (!told.sample) {
    state("waiting", told.status, "");
    return told.period_seconds;
  }
  await recent(told.sample);
  charts.show(told);
  parts.alerts(told.firing);
  parts.models(told);
  parts.facts(told.sample.board);
  parts.unseen(told.sample.troubles);
  if (told.stale) state("stale", "stale", `The monitor is ${told.status}. The values below are not of now.`);
  else state("live", `live, every ${told.period_seconds} s`, "");
  return told.period_seconds;
}

async function keepLooking() {
  let seconds = 1;
  if (!document.hidden) {
    try {
      seconds = await look();
    } catch (error) {
      const said = `The monitor does not answer (${error.message}). The values below are not of now; this page keeps asking.`;
      state("stale", "no answer", said);
      seconds = 2;
    }
  }
  setTimeout(keepLooking, Math.max(LEAST_MS, Math.min(seconds, 5) * 1000));
}

charts.begin();
keepLooking();
