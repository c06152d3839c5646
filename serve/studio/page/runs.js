// Training runs, followed while they run.
import { h, figure, many, trouble } from "./dom.js";
import { json } from "./api.js";
import { state, set, watch } from "./state.js";
import { ink, lines } from "./chart.js";

const every = 2000; // milliseconds between updates of the page
const titles = { loss: "loss (nats per token): training solid, validation dashed", lr: "learning rate", grad_norm: "gradient norm", tokens_per_s: "tokens per second" };

export function open(main) {
  const list = h("div", { class: "list", role: "group", "aria-label": "Runs" }), charts = h("div", { class: "charts" });
  const axis = h("select", { "aria-label": "X-axis", onchange: e => set({ axis: e.target.value }) }, [["step", "steps"], ["tokens", "tokens"], ["seconds", "seconds"]].map(([v, t]) => h("option", { value: v }, t)));
  const smooth = h("input", { type: "range", min: "0", max: "0.98", step: "0.02", "aria-label": "Smoothing", oninput: e => { set({ smooth: e.target.value }); } });
  const log = h("input", { type: "checkbox", onchange: () => draw() }), more = h("select", { "aria-label": "Additional curve", onchange: () => draw() });
  charts.append(h("div", { class: "bar row panel" }, h("label", {}, "x-axis ", axis), h("label", { class: "row" }, "smoothing ", smooth), h("label", {}, log, " log scale for the loss"), h("label", {}, "also plot ", more)));
  main.append(h("div", { class: "runs" }, list, charts));
  const places = {};
  for (const name of ["loss", "grad_norm", "lr", "tokens_per_s", "more"]) {
    const canvas = h("canvas", { role: "img", "aria-label": titles[name] || "additional curve" }), title = h("h2", {}, titles[name] || "");
    places[name] = { canvas, title, panel: h("section", { class: "panel", hidden: name === "more" }, title, canvas) };
    charts.append(places[name].panel);
  }
  const files = h("details", {}, h("summary", {}, "Recipe and samples"), h("div", {}));
  charts.append(files);

  let all = [], timer, ended = false;
  const got = new Map(), changed = new Map();
  const chosen = () => state.runs ? state.runs.split(",") : all.slice(0, 1).map(r => r.name);

  // look fetches what is new, and schedules the next look.
  async function look() {
    clearTimeout(timer);
    try {
      const a = await json("/studio/runs");
      if (ended) return;
      all = a.runs;
      fill();
      for (const name of chosen()) {
        const r = all.find(x => x.name === name);
        if (!r || changed.get(name) === r.changed && got.has(name)) continue;
        got.set(name, await json("/studio/curves?" + new URLSearchParams({ run: name, points: 700 })));
        changed.set(name, r.changed);
      }
      if (ended) return;
      draw();
      trouble(null);
    } catch (e) {
      trouble(e);
    }
    if (!ended) timer = setTimeout(look, every);
  }

  function fill() {
    const names = chosen(), focus = document.activeElement && document.activeElement.dataset && document.activeElement.dataset.run;
    list.replaceChildren(...all.map(r => {
      const s = r.summary, at = names.indexOf(r.name), sw = h("span", { class: "swatch" });
      if (at >= 0) sw.style.background = ink(at);
      const box = h("input", { type: "checkbox", checked: at >= 0, "data-run": r.name, onchange: e => { const now = new Set(chosen()); now[e.target.checked ? "add" : "delete"](r.name); set({ runs: [...now].slice(-8).join(",") }); } });
      return h("label", {}, box, sw, h("span", {}, h("b", {}, r.name), " ", r.live ? h("span", { class: "live" }, "● live") : ""),
        h("span", { class: "facts" }, s ? [h("span", {}, s.model || s.task || ""), h("span", {}, "step ", h("b", {}, `${s.step}${s.steps ? "/" + s.steps : ""}`)), h("span", {}, "loss ", h("b", {}, figure(s.loss))), s.best_val_loss !== null ? h("span", {}, "best ", h("b", {}, figure(s.best_val_loss))) : "", s.tokens_per_s ? h("span", {}, h("b", {}, many(Math.round(s.tokens_per_s))), " tokens/s") : ""] : r.problem));
    }));
    if (focus) { const b = list.querySelector(`[data-run="${CSS.escape(focus)}"]`); if (b) b.focus(); }
  }

  // smoothed is an exponential moving average with bias correction.
  function smoothed(y, f) {
    if (!f) return y;
    let mean = 0, weight = 0;
    return y.map(v => {
      if (v === null) return null;
      mean = f * mean + (1 - f) * v;
      weight = f * weight + 1 - f;
      return mean / weight;
    });
  }

  // curve returns a curve of a run over the selected x-axis, or nothing if the run does not have it.
  function curve(c, name, key, n) {
    const s = c.series[key];
    if (!s) return [];
    const x = state.axis === "step" ? c.step : c.series[state.axis].max, f = Number(state.smooth);
    return [{ name, x, y: smoothed(s.mean, f), low: s.min, high: s.max, colour: ink(n) }];
  }

  function draw() {
    const names = chosen().filter(n => got.has(n)), keys = new Set();
    for (const n of names) for (const k of [...Object.keys(got.get(n).series), ...Object.keys(got.get(n).vals || {})]) if (!titles[k] && !["tokens", "seconds", "val_loss"].includes(k)) keys.add(k);
    const was = more.value;
    more.replaceChildren(h("option", { value: "" }, "none"), ...[...keys].sort().map(k => h("option", {}, k)));
    more.value = keys.has(was) ? was : "";
    axis.value = state.axis;
    smooth.value = state.smooth;
    places.more.panel.hidden = !more.value;
    places.more.title.textContent = more.value;
    for (const [key, p] of Object.entries(places)) {
      const k = key === "more" ? more.value : key, curves = [];
      if (!k) continue;
      names.forEach((name, n) => {
        const c = got.get(name);
        curves.push(...curve(c, name, k, n));
        const vals = (c.vals || {})[k === "loss" ? "val_loss" : k];
        if (vals) curves.push({ name: name + ", validation", x: vals.map(v => across(c, v.step)), y: vals.map(v => v.value), colour: ink(n), dash: true, marks: vals.length < 40 });
      });
      lines(p.canvas, curves, { x: state.axis, log: k === "loss" && log.checked });
    }
  }

  // across converts a step to the selected x-axis.
  function across(c, step) {
    if (state.axis === "step" || !c.step.length) return step;
    let i = c.step.findIndex(s => s >= step);
    if (i < 0) i = c.step.length - 1;
    return c.series[state.axis].max[i];
  }

  files.addEventListener("toggle", async () => {
    if (!files.open || !chosen().length) return;
    try {
      const a = await json("/studio/curves?" + new URLSearchParams({ run: chosen()[0], points: 2, files: 1 }));
      files.lastChild.replaceChildren(...[["recipe", a.recipe], ["latest samples", a.samples]].filter(x => x[1]).flatMap(([t, x]) => [h("h2", {}, chosen()[0], ": ", t), h("pre", { tabindex: "0" }, x)]));
    } catch (e) {
      trouble(e);
    }
  });
  const unwatch = watch(names => { if (names.has("runs")) look(); else if (names.has("axis") || names.has("smooth")) draw(); });
  addEventListener("theme", draw);
  addEventListener("resize", draw);
  look();
  return () => { ended = true; clearTimeout(timer); unwatch(); removeEventListener("theme", draw); removeEventListener("resize", draw); };
}
