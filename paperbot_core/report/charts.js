"use strict";
/* A time chart on canvas: panes over one time axis, zoom, pan, crosshair. Times are UTC ms. */

const DAY = 86400000;
const STEPS = [1e3, 5e3, 15e3, 3e4, 6e4, 3e5, 9e5, 18e5, 36e5, 72e5, 144e5, 216e5, 432e5, DAY, 2 * DAY,
  7 * DAY, 14 * DAY];
const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/* First index with array[index] >= value. */
function lowerBound(array, value) {
  let low = 0, high = array.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (array[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

function niceTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0)) return [low];
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((value) => value >= raw);
  const ticks = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) ticks.push(n * step);
  return ticks;
}

function timeTicks(start, end, count) {
  const raw = (end - start) / Math.max(1, count);
  const step = STEPS.find((value) => value >= raw);
  const ticks = [];
  if (step) {
    const offset = step % (7 * DAY) === 0 ? 4 * DAY : 0;
    for (let t = Math.ceil((start - offset) / step) * step + offset; t <= end; t += step) ticks.push(t);
    return ticks;
  }
  const months = MONTH_STEPS.find((value) => value * 30.4 * DAY >= raw) || 120;
  const first = new Date(start);
  let index = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  for (;; index += months) {
    const t = Date.UTC(Math.floor(index / 12), index % 12, 1);
    if (t > end) return ticks;
    if (t >= start) ticks.push(t);
  }
}

function timeLabel(t, span) {
  const date = new Date(t);
  const clock = date.toISOString().slice(11, span < 10 * 60000 ? 19 : 16);
  if (t % DAY !== 0) return clock;
  if (date.getUTCDate() !== 1) return date.getUTCDate() + " " + MONTHS[date.getUTCMonth()];
  if (date.getUTCMonth() !== 0) return MONTHS[date.getUTCMonth()];
  return String(date.getUTCFullYear());
}

const fullTime = (t) => new Date(t).toISOString().slice(0, 16).replace("T", " ");

class TimeChart {
  /* panes: [{height, range(a, b), draw(g, x, y, view), format(value, step)}];
     tip(t, x, y, chart) returns rows [label, value, class?] or null, the first row is the title. */
  constructor(host, { start, end, panes, tip, minSpan, overview }) {
    Object.assign(this, { host, panes, tip, overview });
    this.full = [start, Math.max(end, start + 1)];
    this.view = this.full.slice();
    this.minSpan = Math.min(minSpan, this.full[1] - this.full[0]);
    this.base = host.appendChild(document.createElement("canvas"));
    this.over = host.appendChild(document.createElement("canvas"));
    this.box = host.appendChild(document.createElement("div"));
    this.box.className = "tip";
    this.pointers = new Map();
    this.listen();
    new ResizeObserver(() => { if (!this.frozen) this.draw(); }).observe(host);
  }

  listen() {
    const host = this.host;
    host.addEventListener("pointerdown", (event) => {
      host.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, event.offsetX);
      this.onOverview = this.overview && this.localY(event) > this.overviewTop;
      if (this.onOverview) this.centre(this.fullTimeAt(this.localX(event)));
    });
    host.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      host.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
    host.addEventListener("pointerleave", () => this.hover(null));
    host.addEventListener("dblclick", () => this.zoom(0.5, this.hoverTime));
    host.addEventListener("wheel", (event) => {
      // A plain wheel scrolls the page; with Ctrl (or a pinch on a touchpad) it zooms.
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.zoom(Math.exp(clamp(event.deltaY, -40, 40) * 0.01), this.timeAt(this.localX(event)));
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        this.pan(event.deltaX / this.plotWidth * (this.view[1] - this.view[0]));
      }
    }, { passive: false });
  }

  localX(event) { return event.clientX - this.host.getBoundingClientRect().left; }
  localY(event) { return event.clientY - this.host.getBoundingClientRect().top; }
  timeAt(x) { return this.view[0] + x / this.plotWidth * (this.view[1] - this.view[0]); }
  fullTimeAt(x) { return this.full[0] + x / this.plotWidth * (this.full[1] - this.full[0]); }

  move(event) {
    const x = this.localX(event);
    if (!this.pointers.has(event.pointerId)) { this.hover(x, this.localY(event)); return; }
    const before = this.pointers.get(event.pointerId);
    const old = [...this.pointers.values()];
    this.pointers.set(event.pointerId, x);
    if (this.onOverview) this.centre(this.fullTimeAt(x));
    else if (this.pointers.size === 2) {
      const now = [...this.pointers.values()];
      const ratio = Math.abs(old[0] - old[1]) / Math.max(8, Math.abs(now[0] - now[1]));
      this.zoom(ratio, this.timeAt((now[0] + now[1]) / 2));
    } else this.pan((before - x) / this.plotWidth * (this.view[1] - this.view[0]));
    this.hover(null);
  }

  show(start, end) {
    const span = clamp(end - start, this.minSpan, this.full[1] - this.full[0]);
    const middle = (start + end) / 2;
    const first = clamp(middle - span / 2, this.full[0], this.full[1] - span);
    this.view = [first, first + span];
    this.draw();
  }

  pan(ms) { this.show(this.view[0] + ms, this.view[1] + ms); }
  centre(t) { const half = (this.view[1] - this.view[0]) / 2; this.show(t - half, t + half); }

  zoom(factor, around) {
    const [start, end] = this.view;
    const at = around === undefined || around === null ? (start + end) / 2 : around;
    const limit = this.full[1] - this.full[0];
    const ratio = clamp((end - start) * factor, this.minSpan, limit) / (end - start);
    this.show(at - (at - start) * ratio, at + (end - at) * ratio);
  }

  reset(start, end) {
    this.full = [start, Math.max(end, start + 1)];
    this.view = this.full.slice();
    this.draw();
  }

  context(canvas) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.width * ratio), height = Math.round(this.height * ratio);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    g.font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
    return g;
  }

  draw() {
    this.width = this.host.clientWidth;
    this.height = this.host.clientHeight;
    if (!this.width || !this.height) return;
    const gutter = this.width < 520 ? 52 : 68;
    this.plotWidth = this.width - gutter;
    const g = this.context(this.base);
    const axis = 22, strip = this.overview ? 40 : 0;
    const room = this.height - axis - strip;
    const total = this.panes.reduce((sum, pane) => sum + pane.height, 0);
    const [a, b] = this.view;
    const x = (t) => (t - a) / (b - a) * this.plotWidth;
    this.drawTimes(g, x, room);
    let top = 0;
    for (const pane of this.panes) {
      const height = room * pane.height / total;
      this.drawPane(g, pane, x, top + 6, top + height - 6);
      top += height;
    }
    if (this.overview) this.drawOverview(g, room + axis, strip);
    this.context(this.over);
    this.box.style.display = "none";
    this.host.dispatchEvent(new Event("view"));
  }

  drawTimes(g, x, bottom) {
    const [a, b] = this.view;
    g.textAlign = "center";
    g.textBaseline = "top";
    for (const t of timeTicks(a, b, this.plotWidth / 90)) {
      const at = Math.round(x(t)) + 0.5;
      g.strokeStyle = color("grid");
      g.beginPath(); g.moveTo(at, 0); g.lineTo(at, bottom); g.stroke();
      const label = timeLabel(t, b - a);
      const half = g.measureText(label).width / 2;
      if (at - half < 0 || at + half > this.plotWidth + 8) continue;
      g.fillStyle = color("muted");
      g.fillText(label, at, bottom + 6);
    }
    g.strokeStyle = color("line");
    g.beginPath(); g.moveTo(0, bottom + 0.5); g.lineTo(this.plotWidth, bottom + 0.5); g.stroke();
  }

  drawPane(g, pane, x, top, bottom) {
    let [low, high] = pane.range(this.view[0], this.view[1]);
    if (!(high > low)) { const pad = Math.abs(low) * 0.01 || 1; low -= pad; high += pad; }
    pane.y = (value) => bottom - (value - low) / (high - low) * (bottom - top);
    pane.top = top;
    pane.bottom = bottom;
    g.textAlign = "left";
    g.textBaseline = "middle";
    const ticks = niceTicks(low, high, (bottom - top) / 44);
    const step = ticks.length > 1 ? ticks[1] - ticks[0] : Math.abs(ticks[0]) || 1;
    for (const value of ticks) {
      const y = Math.round(pane.y(value)) + 0.5;
      g.strokeStyle = color("grid");
      g.beginPath(); g.moveTo(0, y); g.lineTo(this.plotWidth, y); g.stroke();
      g.fillStyle = color("muted");
      g.fillText(pane.format(value, step), this.plotWidth + 7, y);
    }
    g.save();
    g.beginPath();
    g.rect(0, top - 6, this.plotWidth, bottom - top + 12);
    g.clip();
    pane.draw(g, x, pane.y, { start: this.view[0], end: this.view[1], width: this.plotWidth, top, bottom });
    g.restore();
  }

  drawOverview(g, top, height) {
    this.overviewTop = top;
    const { times, values } = this.overview();
    const low = Math.min(...values), high = Math.max(...values);
    const [a, b] = this.full;
    const x = (t) => (t - a) / (b - a) * this.plotWidth;
    g.strokeStyle = color("muted");
    g.globalAlpha = 0.7;
    g.beginPath();
    times.forEach((t, n) => {
      const y = top + height - 4 - (values[n] - low) / (high - low || 1) * (height - 10);
      if (n) g.lineTo(x(t), y); else g.moveTo(x(t), y);
    });
    g.stroke();
    g.globalAlpha = 1;
    const from = x(this.view[0]), to = Math.max(x(this.view[1]), from + 3);
    g.fillStyle = color("accent-soft");
    g.fillRect(from, top, to - from, height);
    g.strokeStyle = color("accent");
    g.strokeRect(from + 0.5, top + 0.5, to - from - 1, height - 1);
  }

  hover(x, y) {
    const g = this.context(this.over);
    this.box.style.display = "none";
    this.hoverTime = null;
    if (x === null || x > this.plotWidth || (this.overview && y > this.overviewTop)) return;
    this.hoverTime = this.timeAt(x);
    const found = this.tip(this.hoverTime, x, y, this);
    if (!found) return;
    const at = Math.round((found.t - this.view[0]) / (this.view[1] - this.view[0]) * this.plotWidth) + 0.5;
    g.strokeStyle = color("muted");
    g.setLineDash([3, 3]);
    g.beginPath(); g.moveTo(at, 0); g.lineTo(at, this.panes[this.panes.length - 1].bottom); g.stroke();
    g.setLineDash([]);
    for (const [px, py, name] of found.dots || []) {
      g.fillStyle = color(name);
      g.beginPath(); g.arc(px, py, 3.5, 0, 7); g.fill();
    }
    this.box.replaceChildren(...found.rows.map(([label, value, kind]) => {
      const row = document.createElement("div");
      const left = row.appendChild(document.createElement("span"));
      left.textContent = label;
      if (value === undefined) { left.style.color = "inherit"; left.style.fontWeight = "640"; }
      const right = row.appendChild(document.createElement("span"));
      right.textContent = value === undefined ? "" : value;
      if (kind) right.className = kind;
      return row;
    }));
    this.box.style.display = "block";
    const width = this.box.offsetWidth, height = this.box.offsetHeight;
    const left = at + 14 + width > this.width ? Math.max(0, at - 14 - width) : at + 14;
    this.box.style.left = left + "px";
    this.box.style.top = clamp(y - height / 2, 0, Math.max(0, this.height - height)) + "px";
  }
}
