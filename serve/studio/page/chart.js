// Curves on a canvas, with a band where a point stands for several values, and the values at the pointer.
import { dark, figure, tip } from "./dom.js";

const inks = { light: ["#2f51c0", "#c2410c", "#15803d", "#9333ea", "#0e7490", "#a16207", "#be185d", "#4d7c0f"], dark: ["#8fa8ff", "#ff9a5c", "#5fd08a", "#d0a2ff", "#5ad1e6", "#f0c75e", "#ff8fc0", "#b5dd6e"] };

// ink is the color of the i-th curve.
export const ink = i => inks[dark() ? "dark" : "light"][i % 8];

// ticks are round numbers from low to high.
function ticks(low, high, count) {
  const raw = (high - low) / count || 1, size = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].find(s => s * size >= raw) * size, all = [];
  for (let x = Math.ceil(low / step) * step; x <= high + step * 1e-9; x += step) all.push(+x.toPrecision(12));
  return all;
}

// lines draws curves {name, x, y, low, high, colour, dash, marks}. Options: x, the name of the x-axis; log, for a
// logarithmic y-axis; labels, for integer x.
export function lines(canvas, curves, options = {}) {
  const ratio = devicePixelRatio || 1, w = canvas.clientWidth || 400, hgt = canvas.clientHeight || 200;
  canvas.width = w * ratio;
  canvas.height = hgt * ratio;
  const c = canvas.getContext("2d");
  c.scale(ratio, ratio);
  const night = dark(), grid = night ? "#343a45" : "#e2e2dc", text = night ? "#a6acb8" : "#565a63";
  const log = options.log, tr = y => log ? Math.log10(y) : y, good = y => y !== null && y !== undefined && Number.isFinite(y) && (!log || y > 0);
  let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
  for (const k of curves) for (let i = 0; i < k.x.length; i++) {
    if (!good(k.y[i])) continue;
    x0 = Math.min(x0, k.x[i]);
    x1 = Math.max(x1, k.x[i]);
    for (const y of [k.y[i], k.low && k.low[i], k.high && k.high[i]]) if (good(y)) { y0 = Math.min(y0, tr(y)); y1 = Math.max(y1, tr(y)); }
  }
  if (x0 > x1) return;
  if (x0 === x1) { x0 -= .5; x1 += .5; }
  const room = (y1 - y0) * .06 || Math.abs(y0) * .1 || 1;
  y0 -= room;
  y1 += room;
  const left = 54, right = w - 10, top = 8, bottom = hgt - 24;
  const X = x => left + (x - x0) / (x1 - x0) * (right - left), Y = y => bottom - (tr(y) - y0) / (y1 - y0) * (bottom - top);
  c.font = "11px system-ui, sans-serif";
  c.lineWidth = 1;
  c.strokeStyle = grid;
  c.fillStyle = text;
  c.textAlign = "right";
  c.textBaseline = "middle";
  for (const y of ticks(y0, y1, hgt / 46)) {
    const at = bottom - (y - y0) / (y1 - y0) * (bottom - top);
    c.beginPath(); c.moveTo(left, at); c.lineTo(right, at); c.stroke();
    c.fillText(figure(log ? 10 ** y : y), left - 6, at);
  }
  c.textAlign = "center";
  c.textBaseline = "top";
  for (const x of ticks(x0, x1, w / 90)) c.fillText(figure(x, 4), Math.min(X(x), right - 12), bottom + 6);
  curves.forEach((k, n) => {
    const colour = k.colour || ink(n);
    if (k.low) {
      c.fillStyle = colour;
      c.globalAlpha = .16;
      c.beginPath();
      const there = k.x.map((_, i) => i).filter(i => good(k.low[i]) && good(k.high[i]));
      there.forEach((i, j) => c[j ? "lineTo" : "moveTo"](X(k.x[i]), Y(k.high[i])));
      there.reverse().forEach(i => c.lineTo(X(k.x[i]), Y(k.low[i])));
      c.fill();
      c.globalAlpha = 1;
    }
    c.strokeStyle = c.fillStyle = colour;
    c.lineWidth = 1.6;
    c.setLineDash(k.dash ? [5, 4] : []);
    c.beginPath();
    let pen = false;
    for (let i = 0; i < k.x.length; i++) {
      if (!good(k.y[i])) { pen = false; continue; }
      c[pen ? "lineTo" : "moveTo"](X(k.x[i]), Y(k.y[i]));
      pen = true;
    }
    c.stroke();
    c.setLineDash([]);
    if (k.marks || k.x.length === 1) for (let i = 0; i < k.x.length; i++) if (good(k.y[i])) { c.beginPath(); c.arc(X(k.x[i]), Y(k.y[i]), 2.6, 0, 7); c.fill(); }
  });
  canvas.onpointermove = e => {
    const box = canvas.getBoundingClientRect(), x = x0 + (e.clientX - box.left - left) / (right - left) * (x1 - x0);
    const rows = [];
    let at = null;
    for (const k of curves) {
      let best = -1;
      for (let i = 0; i < k.x.length; i++) if (good(k.y[i]) && (best < 0 || Math.abs(k.x[i] - x) < Math.abs(k.x[best] - x))) best = i;
      if (best < 0) continue;
      at ??= k.x[best];
      rows.push(`${k.name}: ${figure(k.y[best], 4)}` + (k.low && k.low[best] !== k.high[best] ? `  (${figure(k.low[best])} … ${figure(k.high[best])})` : ""));
    }
    const label = options.labels && options.labels[Math.round(at)];
    tip(e, [`${options.x || "x"} ${figure(at, 5)}${label ? ": " + label : ""}`, ...rows].join("\n"));
  };
  canvas.onpointerleave = e => tip(e, "");
}
