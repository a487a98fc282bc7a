"use strict";
/* The moving parts of the report: theme, curves, candles with marks, the table of trades. */

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function decode(text, Type) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Type(bytes.buffer);
}
const f64 = (text) => decode(text, Float64Array);
const f32 = (text) => decode(text, Float32Array);
const i32 = (text) => decode(text, Int32Array);

const formats = new Map();
function fixed(value, decimals) {
  if (!Number.isFinite(value)) return "\u2013";
  if (!formats.has(decimals)) {
    const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    formats.set(decimals, new Intl.NumberFormat("en-US", options));
  }
  return formats.get(decimals).format(value).replace("-", "\u2212");
}
const money = (value) => fixed(value, value !== 0 && Math.abs(value) < 1 ? 4 : 2);
const signed = (value) => (value > 0 ? "+" : "") + money(value);
const percent = (value) => (value > 0 ? "+" : "") + fixed(value, 2) + " %";
function price(value) {
  if (!Number.isFinite(value)) return "\u2013";
  const size = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  return fixed(value, clamp(5 - size, 2, 10));
}
/* A value on an axis, with no more decimals than the distance of the ticks needs. */
function tick(value, step) {
  if (Math.abs(value) < step / 1e6) return "0";
  const scale = [[1e9, "B"], [1e6, "M"], [1e3, "k"]].find(([size]) => Math.abs(value) >= size * 100)
    || [1, ""];
  const decimals = clamp(Math.ceil(-Math.log10(step / scale[0]) - 1e-9), 0, 10);
  const half = Math.abs(step / scale[0] * Math.pow(10, decimals) % 1) > 0.01 ? 1 : 0;
  return fixed(value / scale[0], decimals + half) + scale[1];
}

/* ---------------------------------------------------------------- theme */
const root = document.documentElement;
const charts = [];
const redraw = () => charts.forEach((chart) => chart.draw());
const dark = matchMedia("(prefers-color-scheme: dark)");
let chosen = null;
function applyTheme() {
  root.dataset.theme = chosen || (dark.matches ? "dark" : "light");
  redraw();
}
dark.addEventListener("change", applyTheme);
byId("theme").addEventListener("click", () => {
  chosen = root.dataset.theme === "dark" ? "light" : "dark";
  applyTheme();
});
/* Paper is white: print in the light theme, then go back. */
addEventListener("beforeprint", () => {
  root.dataset.theme = "light";
  redraw();
  /* The layout of paper must not clear the canvas: it is scaled as it is. */
  charts.forEach((chart) => { chart.frozen = true; });
});
addEventListener("afterprint", () => {
  charts.forEach((chart) => { chart.frozen = false; });
  applyTheme();
});

function buttons(host, chart, full) {
  const day = 86400000;
  const add = (label, title, action) => {
    const button = host.appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = label;
    button.title = title;
    button.addEventListener("click", action);
  };
  const span = chart.full[1] - chart.full[0];
  for (const [label, days] of [["1D", 1], ["1W", 7], ["1M", 30], ["1Y", 365]]) {
    if (days * day >= span || days * day < chart.minSpan) continue;
    if (span / (days * day) > 400) continue;
    add(label, "show " + label, () => {
      const middle = (chart.view[0] + chart.view[1]) / 2;
      chart.show(middle - days * day / 2, middle + days * day / 2);
    });
  }
  add("\u2212", "zoom out", () => chart.zoom(2));
  add("+", "zoom in", () => chart.zoom(0.5));
  add("All", "show everything", () => chart.show(...full()));
}

/* ---------------------------------------------------------------- equity */
function extent(times, columns, a, b) {
  const from = Math.max(0, lowerBound(times, a) - 1), to = Math.min(times.length, lowerBound(times, b) + 1);
  let low = Infinity, high = -Infinity;
  for (const column of columns) {
    for (let n = from; n < to; n++) {
      if (column[n] < low) low = column[n];
      if (column[n] > high) high = column[n];
    }
  }
  return low <= high ? [low, high] : [0, 1];
}

function line(g, times, values, x, y, view, close) {
  const from = Math.max(0, lowerBound(times, view.start) - 1);
  const to = Math.min(times.length, lowerBound(times, view.end) + 1);
  g.beginPath();
  for (let n = from; n < to; n++) g.lineTo(x(times[n]), y(values[n]));
  if (close !== undefined && to > from) {
    g.lineTo(x(times[to - 1]), close);
    g.lineTo(x(times[from]), close);
    g.closePath();
  }
}

function equityChart() {
  const times = f64(data.equity.t), equity = f64(data.equity.v), fall = f64(data.equity.d);
  const hold = f64(data.equity.h);
  if (!times.length) return;
  const showHold = () => hold.length && byId("hold").getAttribute("aria-pressed") === "true";
  const panes = [{
    height: 2.6,
    range: (a, b) => extent(times, showHold() ? [equity, hold] : [equity], a, b),
    format: tick,
    draw(g, x, y, view) {
      const start = Math.round(y(data.cash)) + 0.5;
      g.strokeStyle = color("line");
      g.beginPath(); g.moveTo(0, start); g.lineTo(view.width, start); g.stroke();
      line(g, times, equity, x, y, view, view.bottom + 6);
      g.fillStyle = color("accent-soft");
      g.fill();
      if (showHold()) {
        line(g, times, hold, x, y, view);
        g.setLineDash([5, 4]);
        g.strokeStyle = color("hold");
        g.lineWidth = 1.4;
        g.stroke();
        g.setLineDash([]);
      }
      line(g, times, equity, x, y, view);
      g.strokeStyle = color("accent");
      g.lineWidth = 1.8;
      g.lineJoin = "round";
      g.stroke();
      g.lineWidth = 1;
    },
  }, {
    height: 1,
    range: (a, b) => [extent(times, [fall], a, b)[0] * 1.05, 0],
    format: (value, step) => tick(value, step) + " %",
    draw(g, x, y, view) {
      line(g, times, fall, x, y, view, y(0));
      g.globalAlpha = 0.25;
      g.fillStyle = color("loss");
      g.fill();
      g.globalAlpha = 1;
      line(g, times, fall, x, y, view);
      g.strokeStyle = color("loss");
      g.stroke();
    },
  }];
  const chart = new TimeChart(byId("equity"), {
    start: times[0], end: times[times.length - 1], panes, minSpan: (times[times.length - 1] - times[0]) / 200,
    tip(t, x, y, self) {
      let n = clamp(lowerBound(times, t), 0, times.length - 1);
      if (n > 0 && t - times[n - 1] < times[n] - t) n -= 1;
      const at = (times[n] - self.view[0]) / (self.view[1] - self.view[0]) * self.plotWidth;
      const rows = [[fullTime(times[n]) + " UTC"], ["Equity", money(equity[n])],
        ["Return", percent(100 * (equity[n] / data.cash - 1))], ["Drawdown", fixed(fall[n], 2) + " %"]];
      if (showHold()) rows.push(["Buy and hold", money(hold[n])]);
      return { t: times[n], rows, dots: [[at, panes[0].y(equity[n]), "accent"], [at, panes[1].y(fall[n]), "loss"]] };
    },
  });
  charts.push(chart);
  buttons(byId("equity-zoom"), chart, () => chart.full);
  byId("hold").addEventListener("click", (event) => {
    const button = event.currentTarget;
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    button.textContent = showHold() ? "Hide buy and hold" : "Show buy and hold";
    byId("hold-legend").hidden = !showHold();
    chart.draw();
  });
}

/* ---------------------------------------------------------------- trades */
const trades = { n: data.trades.n };
for (const [name, text] of Object.entries(data.trades.numbers)) trades[name] = f64(text);
for (const [name, column] of Object.entries(data.trades.words)) {
  trades[name] = { names: column.names, index: i32(column.index) };
}
const word = (name, row) => trades[name].names[trades[name].index[row]];

function tradeRows(row) {
  const rows = [[word("side", row) + " " + word("symbol", row)],
    ["Entry", fullTime(trades.entry_ts[row]) + " at " + price(trades.entry_price[row])],
    ["Exit", fullTime(trades.exit_ts[row]) + " at " + price(trades.exit_price[row])],
    ["Reason", word("exit_reason", row)], ["Quantity", price(trades.quantity[row])],
    ["Profit", signed(trades.pnl[row]), trades.pnl[row] < 0 ? "loss" : "gain"]];
  if (Number.isFinite(trades.r_multiple[row])) rows.push(["R", fixed(trades.r_multiple[row], 2)]);
  return rows;
}

/* ---------------------------------------------------------------- candles */
const CROWD = 400; /* more marks than this in view: dots instead of arrows and lines */

function priceChart() {
  if (!data.markets.length) return null;
  const cache = new Map();
  const load = (number) => {
    if (!cache.has(number)) {
      const m = data.markets[number];
      const bars = { symbol: m.symbol, tf: m.tf, t: f64(m.t), o: f32(m.o), h: f32(m.h), l: f32(m.l), c: f32(m.c) };
      const known = trades.symbol.names.indexOf(m.symbol);
      bars.rows = [];
      for (let row = 0; row < trades.n; row++) if (trades.symbol.index[row] === known) bars.rows.push(row);
      bars.end = bars.t[bars.t.length - 1] + bars.tf;
      cache.set(number, bars);
    }
    return cache.get(number);
  };
  let bars = load(0), marks = [], picked = -1;

  function range(a, b) {
    const from = Math.max(0, lowerBound(bars.t, a - bars.tf)), to = lowerBound(bars.t, b);
    let low = Infinity, high = -Infinity;
    for (let n = from; n < to; n++) {
      if (bars.l[n] < low) low = bars.l[n];
      if (bars.h[n] > high) high = bars.h[n];
    }
    if (!(low <= high)) return [0, 1];
    const pad = (high - low) * 0.06;
    return [Math.max(0, low - pad), high + pad];
  }

  function drawBars(g, x, y, view) {
    const width = bars.tf / (view.end - view.start) * view.width;
    /* Bars too thin to see are joined, always the same ones, so that panning does not flicker. */
    const join = width < 3 ? Math.ceil(3 / width) : 1;
    const body = Math.max(1, Math.min(width * join * 0.7, 14));
    const from = Math.floor(Math.max(0, lowerBound(bars.t, view.start - bars.tf)) / join) * join;
    const to = lowerBound(bars.t, view.end);
    const gain = color("gain"), loss = color("loss");
    for (let n = from; n < to; n += join) {
      const last = Math.min(n + join, bars.t.length) - 1;
      let high = bars.h[n], low = bars.l[n];
      for (let k = n + 1; k <= last; k++) {
        if (bars.h[k] > high) high = bars.h[k];
        if (bars.l[k] < low) low = bars.l[k];
      }
      const open = bars.o[n], close = bars.c[last];
      const middle = x((bars.t[n] + bars.t[last] + bars.tf) / 2);
      g.fillStyle = close >= open ? gain : loss;
      g.fillRect(middle - 0.5, y(high), 1, Math.max(1, y(low) - y(high)));
      const top = y(Math.max(open, close));
      g.fillRect(middle - body / 2, top, body, Math.max(1, y(Math.min(open, close)) - top));
    }
  }

  function arrow(g, x, y, up) {
    const tip = up ? 5 : -5;
    g.beginPath();
    g.moveTo(x, y + tip); g.lineTo(x - 5.5, y + tip * 3); g.lineTo(x + 5.5, y + tip * 3);
    g.closePath();
    g.fill();
    g.stroke();
  }

  function drawMarks(g, x, y, view) {
    const seen = bars.rows.filter((row) => trades.exit_ts[row] + bars.tf >= view.start
      && trades.entry_ts[row] <= view.end);
    const crowd = seen.length > CROWD, accent = color("accent");
    const half = (view.end - view.start) > bars.tf * 40 ? 0 : bars.tf / 2;
    marks = [];
    for (const row of seen) {
      const entry = [x(trades.entry_ts[row] + half), y(trades.entry_price[row])];
      const exit = [x(trades.exit_ts[row] + half), y(trades.exit_price[row])];
      const won = trades.pnl[row] < 0 ? "loss" : "gain";
      marks.push([...entry, row], [...exit, row]);
      if (crowd) {
        g.globalAlpha = clamp(800 / seen.length, 0.08, 0.9);
        g.fillStyle = accent;
        g.fillRect(entry[0] - 1, entry[1] - 1, 2.5, 2.5);
        g.globalAlpha = 1;
        continue;
      }
      g.strokeStyle = color(won);
      g.setLineDash([3, 3]);
      g.lineWidth = row === picked ? 2.6 : 1.3;
      g.beginPath(); g.moveTo(...entry); g.lineTo(...exit); g.stroke();
      g.setLineDash([]);
      g.lineWidth = 1.2;
      g.strokeStyle = color("panel");
      g.fillStyle = color("accent");
      arrow(g, entry[0], entry[1], word("side", row) === "long");
      g.fillStyle = color(won);
      g.beginPath(); g.arc(exit[0], exit[1], row === picked ? 6.5 : 4.5, 0, 7); g.fill(); g.stroke();
    }
    g.lineWidth = 1;
    byId("marks").textContent = seen.length
      ? (crowd ? fixed(seen.length, 0) + " trades in view; zoom in for their exits" : "")
      : "no trades in view";
  }

  const pane = { height: 1, range, format: tick,
    draw(g, x, y, view) { drawBars(g, x, y, view); drawMarks(g, x, y, view); } };

  const chart = new TimeChart(byId("price"), {
    start: bars.t[0], end: bars.end, minSpan: bars.tf * 20, panes: [pane],
    overview() {
      const step = Math.max(1, Math.floor(bars.t.length / 500)), times = [], values = [];
      for (let n = 0; n < bars.t.length; n += step) { times.push(bars.t[n]); values.push(bars.c[n]); }
      return { times, values };
    },
    tip(t, x, y) {
      let best = null, nearest = 10;
      for (const mark of marks) {
        const distance = Math.hypot(mark[0] - x, mark[1] - y);
        if (distance < nearest) { nearest = distance; best = mark; }
      }
      if (best) return { t, rows: tradeRows(best[2]), dots: [[best[0], best[1], "ink"]] };
      const n = lowerBound(bars.t, t + 1) - 1;
      if (n < 0 || t >= bars.t[n] + bars.tf) return null;
      const change = 100 * (bars.c[n] / bars.o[n] - 1);
      return { t: bars.t[n] + bars.tf / 2, rows: [[fullTime(bars.t[n]) + " UTC"], ["Open", price(bars.o[n])],
        ["High", price(bars.h[n])], ["Low", price(bars.l[n])], ["Close", price(bars.c[n])],
        ["Change", percent(change), change < 0 ? "loss" : "gain"]] };
    },
  });
  charts.push(chart);
  /* Bars before and after the run are there to be seen, but not at first. */
  const first = Math.max(bars.t[0], data.start), last = Math.min(bars.end, data.end);
  if (first < last) chart.view = [first, last];
  buttons(byId("price-zoom"), chart, () => chart.full);
  const select = byId("symbol");
  const choose = (number) => {
    bars = load(number);
    chart.minSpan = bars.tf * 20;
    select.value = String(number);
  };
  select.addEventListener("change", () => {
    choose(Number(select.value));
    chart.reset(bars.t[0], bars.end);
  });
  return (row) => {
    const number = data.markets.findIndex((market) => market.symbol === word("symbol", row));
    if (number < 0) return;
    choose(number);
    picked = row;
    chart.full = [bars.t[0], bars.end];
    const start = trades.entry_ts[row], end = trades.exit_ts[row] + bars.tf;
    const pad = Math.max((end - start) * 0.8, bars.tf * 25);
    chart.show(start - pad, end + pad);
    byId("price").scrollIntoView({ behavior: "smooth", block: "center" });
  };
}

/* ---------------------------------------------------------------- table of trades */
const PAGE = 50;
const COLUMNS = [
  ["Symbol", "symbol", "word"], ["Strategy", "strategy", "word"], ["Side", "side", "word"],
  ["Entry (UTC)", "entry_ts", fullTime], ["Price", "entry_price", price], ["Quantity", "quantity", price],
  ["Exit (UTC)", "exit_ts", fullTime], ["Price", "exit_price", price], ["Bars", "bars_held", (v) => fixed(v, 0)],
  ["Fees", "fees", money], ["Profit", "pnl", signed], ["R", "r_multiple", (v) => fixed(v, 2)],
  ["Reason", "exit_reason", "word"],
].filter(([, name]) => name !== "strategy" || trades.strategy.names.length > 1);

function tradesTable(focus) {
  if (!trades.n) return;
  const host = byId("trades"), filters = {};
  let order = Array.from({ length: trades.n }, (_, row) => row), page = 0, sort = ["entry_ts", 1];
  const head = host.querySelector("thead tr"), body = host.querySelector("tbody");

  const compare = ([name, direction]) => {
    const column = trades[name];
    if (column.names) {
      const rank = column.names.map((_, n) => n).sort((a, b) => (column.names[a] < column.names[b] ? -1 : 1));
      const place = []; rank.forEach((n, at) => { place[n] = at; });
      return (a, b) => direction * (place[column.index[a]] - place[column.index[b]]) || a - b;
    }
    const value = (row) => (Number.isNaN(column[row]) ? -Infinity : column[row]);
    return (a, b) => direction * (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) || a - b;
  };

  function apply() {
    order = [];
    const wanted = Object.entries(filters).filter(([, value]) => value !== "")
      .map(([name, value]) => [trades[name].index, trades[name].names.indexOf(value)]);
    for (let row = 0; row < trades.n; row++) {
      if (wanted.every(([index, value]) => index[row] === value)) order.push(row);
    }
    order.sort(compare(sort));
    page = 0;
    render();
  }

  function render() {
    const pages = Math.max(1, Math.ceil(order.length / PAGE));
    page = clamp(page, 0, pages - 1);
    body.replaceChildren(...order.slice(page * PAGE, (page + 1) * PAGE).map((row) => {
      const line = document.createElement("tr");
      for (const [, name, format] of COLUMNS) {
        const cell = line.insertCell();
        if (format === "word") { cell.className = "text"; cell.textContent = word(name, row); } else {
          cell.textContent = format(trades[name][row]);
          if (name === "pnl" || name === "r_multiple") cell.className = trades[name][row] < 0 ? "loss" : "gain";
        }
      }
      line.title = "show in the chart";
      line.addEventListener("click", () => focus && focus(row));
      return line;
    }));
    byId("page").textContent = fixed(order.length, 0) + " trades \u00b7 page " + (page + 1) + " of " + fixed(pages, 0);
    byId("back").disabled = page === 0;
    byId("next").disabled = page === pages - 1;
    for (const cell of head.cells) {
      if (cell.dataset.name === sort[0]) cell.setAttribute("aria-sort", sort[1] > 0 ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
      cell.querySelector("button").textContent = cell.dataset.label
        + (cell.dataset.name === sort[0] ? (sort[1] > 0 ? " \u2191" : " \u2193") : "");
    }
  }

  for (const [label, name, format] of COLUMNS) {
    const cell = head.appendChild(document.createElement("th"));
    cell.scope = "col";
    if (format === "word") cell.className = "text";
    Object.assign(cell.dataset, { name, label });
    const button = cell.appendChild(document.createElement("button"));
    button.type = "button";
    button.addEventListener("click", () => {
      sort = [name, sort[0] === name ? -sort[1] : format === "word" ? 1 : -1];
      apply();
    });
  }
  for (const name of ["symbol", "strategy", "side", "exit_reason"]) {
    if (trades[name].names.length < 2) continue;
    const select = byId("filters").appendChild(document.createElement("select"));
    select.setAttribute("aria-label", "filter by " + name.replace("_", " "));
    const all = { symbol: "all symbols", strategy: "all strategies", side: "both sides", exit_reason: "all exits" };
    select.add(new Option(all[name], ""));
    for (const label of trades[name].names.slice().sort()) select.add(new Option(label, label));
    select.addEventListener("change", () => { filters[name] = select.value; apply(); });
  }
  byId("back").addEventListener("click", () => { page -= 1; render(); });
  byId("next").addEventListener("click", () => { page += 1; render(); });
  apply();
}

applyTheme();
equityChart();
tradesTable(priceChart());
