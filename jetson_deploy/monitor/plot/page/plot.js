"use strict";
/* global uPlot */
(() => {
  const figure = JSON.parse(document.getElementById("figure").textContent);
  const COLOURS = ["#3b7a0c", "#b25000", "#1d5a96", "#8d2f8d", "#007a78", "#a8324a", "#6b6200", "#4b4fc4"];
  const DARK = ["#8fd14a", "#ff9d57", "#7db8f5", "#dd8fdd", "#4fd0cc", "#ff8fa3", "#d6c94a", "#a9acff"];
  const DASHES = [undefined, [7, 4], [2, 3], [9, 3, 2, 3]];
  const HEIGHT = 210;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const main = document.getElementById("panels");
  const sync = uPlot.sync("window");
  let plots = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const element = (tag, text, name) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (name) made.className = name;
    return made;
  };
  const moment = (seconds) => new Date(seconds * 1000).toLocaleString([], { hourCycle: "h23" });
  const number = (value) => (value === null || value === undefined ? "-" : String(Number(value.toPrecision(4))));

  function about() {
    const place = document.getElementById("about");
    const step = figure.step ? `points of ${figure.step / 60} min: mean, with lowest and highest` : "every sample";
    place.append(`${moment(figure.since)} to ${moment(figure.until)}; ${step}`);
    const signs = [
      [figure.throttled.length, "hot", "thermal throttling"],
      [figure.requests.length, "asked", "requests were answered"],
      [figure.marks.length, "alert", "alerts, reboots"],
    ];
    for (const [many, name, text] of signs) if (many) place.append(element("span", "", `sign ${name}`), text);
    if (!figure.times.length) main.append(element("p", "Nothing was recorded in this window."));
  }

  function under(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colour("--hot-ground");
    for (const [begin, end] of figure.throttled) {
      const from = Math.max(bbox.left, plot.valToPos(begin, "x", true));
      const to = Math.min(bbox.left + bbox.width, plot.valToPos(end, "x", true));
      if (to >= from) ctx.fillRect(from, bbox.top, Math.max(1, to - from), bbox.height);
    }
    ctx.restore();
  }

  function over(plot) {
    const { ctx, bbox } = plot;
    const inside = (at) => at >= plot.scales.x.min && at <= plot.scales.x.max;
    const bottom = bbox.top + bbox.height;
    ctx.save();
    ctx.fillStyle = colour("--asked");
    for (const [at] of figure.requests) {
      if (!inside(at)) continue;
      const from = plot.valToPos(at, "x", true);
      ctx.fillRect(from, bottom - 4 * devicePixelRatio, Math.max(2, plot.valToPos(at + 60, "x", true) - from), 4 * devicePixelRatio);
    }
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const mark of figure.marks) {
      if (!inside(mark.at)) continue;
      ctx.strokeStyle = colour(mark.kind === "alert" ? "--alert" : "--quiet");
      ctx.beginPath();
      ctx.moveTo(plot.valToPos(mark.at, "x", true), bbox.top);
      ctx.lineTo(plot.valToPos(mark.at, "x", true), bottom);
      ctx.stroke();
    }
    ctx.restore();
  }

  function draw(panel, place) {
    const colours = dark.matches ? DARK : COLOURS;
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid") } };
    const series = [{ label: "time", value: (_, at) => (at === null ? "-" : moment(at)) }];
    const data = [figure.times];
    const bands = [];
    panel.lines.forEach((line, index) => {
      const stroke = colours[index % colours.length];
      const alone = { spanGaps: false, points: { show: figure.times.length < 3 }, value: (_, v) => number(v) };
      series.push({ ...alone, label: line.label, stroke, width: 1.5, dash: DASHES[Math.floor(index / colours.length) % DASHES.length] });
      data.push(line.means);
      if (!line.highs) return;
      const edge = { ...alone, points: { show: false }, stroke: "transparent", width: 0 };
      series.push({ ...edge, label: `${line.label} max` }, { ...edge, label: `${line.label} min` });
      data.push(line.highs, line.lows);
      bands.push({ series: [data.length - 2, data.length - 1], fill: stroke + "33" });
    });
    return new uPlot({
      width: Math.max(240, place.clientWidth), height: HEIGHT, series, bands,
      cursor: { sync: { key: sync.key } },
      scales: { x: { time: true, range: (_, low, high) => (low === figure.times[0] ? [figure.since, Math.max(figure.until, figure.since + 1)] : [low, high]) } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((at, i) => label(at, ticks[i - 1], ticks[1] - ticks[0])) },
        { ...axis, size: 62 },
      ],
      hooks: { drawClear: [under], draw: [over] },
    }, data, place);
  }

  // The day stands at the first tick and where it changes.
  function label(at, before, step) {
    const now = new Date(at * 1000);
    const time = now.toLocaleTimeString([], step < 60 ? { hourCycle: "h23" } : { hourCycle: "h23", hour: "2-digit", minute: "2-digit" });
    const day = now.toLocaleDateString([], { month: "short", day: "numeric" });
    const changed = before === undefined || new Date(before * 1000).getDate() !== now.getDate();
    if (step >= 86400) return day;
    return changed ? `${time}\n${day}` : time;
  }

  function list() {
    const section = document.getElementById("marks");
    section.hidden = !figure.marks.length;
    for (const mark of figure.marks) section.querySelector("ol").append(element("li", `${moment(mark.at)} ${mark.text}`));
    if (figure.left_out) section.append(element("p", `and ${figure.left_out} earlier ones`));
  }

  function drawAll() {
    plots.forEach((plot) => plot.destroy());
    plots = figure.panels.map((panel, index) => draw(panel, main.querySelectorAll(".drawn")[index]));
  }

  about();
  list();
  if (!figure.times.length) return;
  for (const panel of figure.panels) {
    const card = element("article", "", "panel");
    card.append(element("h2", panel.unit ? `${panel.title} [${panel.unit}]` : panel.title), element("div", "", "drawn"));
    main.append(card);
  }
  drawAll();
  dark.addEventListener("change", drawAll);
  addEventListener("resize", () => plots.forEach((plot) => plot.setSize({ width: Math.max(240, main.clientWidth - 28), height: HEIGHT })));
})();
