// The model's graph, as graph/draw draws it. Boxes can be opened, and show their nodes.
import { h, figure, many, tip, trouble } from "./dom.js";
import { json, text } from "./api.js";
import { state, set, watch, tree } from "./state.js";
import { model, beside } from "./app.js";

const most = 256; // the most tokens that the graph is built over

export function open(main) {
  const depth = h("select", { "aria-label": "Depth", onchange: e => set({ depth: e.target.value }) }, [["0", "auto"], ["1", "blocks"], ["2", "layers"], ["3", "parts of layers"], ["-1", "every node"]].map(([v, t]) => h("option", { value: v }, t)));
  const fold = h("input", { type: "checkbox", onchange: e => set({ fold: e.target.checked ? "1" : "" }) }), opened = h("span", { class: "row" }), about = h("span", { class: "quiet small" });
  const drawing = h("div", { class: "drawing", tabindex: "0", "aria-label": "Graph", role: "region" }), right = h("div", { class: "right" });
  let scale = 1;
  const zoom = to => { scale = Math.min(4, Math.max(.15, to)); size(); };
  const bar = h("div", { class: "bar row" }, h("label", {}, "depth ", depth), h("label", {}, fold, " merge equal blocks"), opened, h("span", { class: "spring" }), about,
    h("button", { type: "button", "aria-label": "Zoom out", onclick: () => zoom(scale / 1.25) }, "−"), h("button", { type: "button", title: "Actual size", onclick: () => zoom(1) }, "1:1"), h("button", { type: "button", "aria-label": "Fit", onclick: () => fit() }, "fit"), h("button", { type: "button", "aria-label": "Zoom in", onclick: () => zoom(scale * 1.25) }, "+"));
  main.append(h("div", { class: "split" }, h("div", { class: "left" }, bar, drawing), right));

  let mine = null, tokens = 16, reading = null, picked = null, natural = [0, 0];

  function size() {
    const svg = drawing.querySelector("svg");
    if (!svg) return;
    svg.setAttribute("width", natural[0] * scale);
    svg.setAttribute("height", natural[1] * scale);
  }
  const fit = () => zoom(Math.max(.7, Math.min(1.4, (drawing.clientWidth - 34) / natural[0]))); // smaller text is unreadable

  // load reads the text, so that the graph is built over its tokens, and draws the graph.
  async function load() {
    const m = model();
    if (!m) return;
    if (mine) mine.abort();
    const own = mine = new AbortController();
    about.classList.add("busy");
    try {
      const now = tree.now, ids = tree.ids(now, m.tokenizer);
      reading = null;
      if (now.text || ids) reading = await json("/studio/read", { model: m.id, top: 0, ...(ids ? { ids } : { text: now.text }) }, own.signal);
      tokens = Math.max(1, Math.min(reading ? reading.tokens.length : 16, most, m.limit, beside() ? beside().limit : most));
      await draw(own.signal);
      trouble(null);
    } catch (e) {
      trouble(e);
    } finally {
      if (mine === own) about.classList.remove("busy");
    }
  }

  async function draw(signal) {
    const q = new URLSearchParams({ model: state.model, tokens, depth: state.depth });
    if (state.fold) q.set("fold", "1");
    for (const s of state.open) q.append("open", s);
    const two = beside() && state.with !== state.model;
    if (two) q.set("with", state.with);
    drawing.innerHTML = await text("/studio/graph?" + q, signal); // the server's own drawing, in which text is escaped
    const svg = drawing.querySelector("svg");
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", "Graph of " + state.model);
    natural = [Number(svg.getAttribute("width")), Number(svg.getAttribute("height"))];
    for (const title of svg.querySelectorAll("title")) title.remove(); // the panel shows more
    for (const box of svg.querySelectorAll(".box")) {
      box.setAttribute("tabindex", "0");
      box.setAttribute("role", "button");
    }
    if (scale === 1) fit();
    else size();
    about.textContent = `over ${tokens} tokens${reading ? " of the text" : ""}`;
    picked = null;
    if (two) await difference(signal);
    else overview();
    chips();
  }

  function chips() {
    depth.value = state.depth;
    fold.checked = !!state.fold;
    opened.replaceChildren(...state.open.map(s => h("button", { type: "button", title: "Close", onclick: () => set({ open: state.open.filter(x => x !== s) }) }, s, " ×")));
  }

  async function overview() {
    right.replaceChildren(h("h2", {}, state.model), h("p", { class: "quiet" }, "Click a box to see its nodes", reading ? " and their values for the text" : " (enter a text to see values too)", ". Double-click it or press O to open or close it."));
    try {
      const a = await json("/studio/nodes", { model: state.model, tokens, nodes: [] });
      right.append(h("div", { class: "facts" }, h("span", {}, h("b", {}, a.total.Nodes.toLocaleString("en")), " nodes"), h("span", {}, h("b", {}, many(a.total.Params)), " parameters"), h("span", {}, h("b", {}, many(a.total.FLOPs)), " FLOPs"), h("span", {}, h("b", {}, many(a.total.Bytes)), "B of values")));
    } catch (e) {
      trouble(e);
    }
  }

  async function difference(signal) {
    const a = await json("/studio/diff?" + new URLSearchParams({ before: state.model, after: state.with, tokens }), undefined, signal);
    const lines = a.text.split("\n").map(l => h("span", { class: { "+": "add", "-": "gone", "~": "chg" }[l[0]] || "" }, l + "\n"));
    right.replaceChildren(h("h2", {}, state.model, " → ", state.with), h("p", { class: "quiet" }, a.changes.toLocaleString("en"), " nodes differ"), h("pre", { tabindex: "0", "aria-label": "Difference" }, lines));
  }

  // tell shows the nodes of a box.
  async function tell(box) {
    if (picked) picked.classList.remove("picked");
    picked = box;
    box.classList.add("picked");
    const scope = box.dataset.scope, ids = box.dataset.nodes.split(",").filter(Boolean).map(Number);
    const isOpen = state.open.includes(scope);
    right.replaceChildren(h("div", { class: "row" }, h("h2", { class: "mono" }, scope || "(no scope)"), h("span", { class: "spring" }), scope ? h("button", { type: "button", onclick: () => toggle(scope) }, isOpen ? "Close " : "Open ", h("kbd", {}, "O")) : ""), h("p", { class: "quiet small busy" }, "loading"));
    try {
      const of = box.dataset.graph === "1" ? beside() : model(); // the model that the box belongs to, if there are two graphs
      const q = { model: of.id, tokens, nodes: ids.slice(0, 400), values: !!reading };
      if (reading && of.tokenizer === model().tokenizer) q.ids = reading.tokens.map(t => t.id);
      else if (reading) q.text = reading.text;
      const a = await json("/studio/nodes", q);
      if (picked !== box) return;
      right.lastChild.remove();
      if (ids.length > 400) right.append(h("p", { class: "quiet small" }, `showing the first 400 of ${ids.length} nodes`));
      const sum = k => a.nodes.reduce((s, n) => s + n[k], 0);
      right.append(h("div", { class: "facts" }, h("span", {}, h("b", {}, String(ids.length)), ids.length === 1 ? " node" : " nodes"), h("span", {}, h("b", {}, many(sum("flops"))), " FLOPs"), h("span", {}, h("b", {}, many(sum("bytes"))), "B")), h("div", { class: "nodes" }, a.nodes.map(card)));
      for (const c of right.querySelectorAll("canvas")) bars(c);
    } catch (e) {
      trouble(e);
    }
  }

  function card(n) {
    const facts = [h("span", {}, h("b", {}, n.shape.length ? n.shape.join(" × ") : "scalar"))];
    if (n.params) facts.push(h("span", {}, h("b", {}, many(n.params)), " parameters"));
    if (n.flops) facts.push(h("span", {}, h("b", {}, many(n.flops)), " FLOPs"));
    facts.push(h("span", {}, h("b", {}, many(n.bytes)), "B"));
    const g = n.histogram, parts = [h("h3", {}, n.op, n.path ? [" ", h("span", { class: "quiet" }, n.path)] : ""), h("div", { class: "facts" }, facts)];
    if (g) {
      const c = h("canvas", { class: "hist", role: "img", "aria-label": `values from ${figure(g.min)} to ${figure(g.max)}` });
      c.histogram = g;
      parts.push(c, h("div", { class: "facts" }, h("span", {}, figure(g.min), " … ", figure(g.max)), h("span", {}, "mean ", h("b", {}, figure(g.mean))), h("span", {}, "std dev ", h("b", {}, figure(g.std))), g.zeros ? h("span", {}, h("b", {}, g.zeros.toLocaleString("en")), " zeros") : "", g.not_finite ? h("span", {}, h("b", {}, String(g.not_finite)), " non-finite") : ""));
    }
    return h("div", { class: "node" }, parts);
  }

  // bars draws a histogram. Heights are square roots of the counts, so that tails are visible.
  function bars(canvas) {
    const g = canvas.histogram, ratio = devicePixelRatio || 1, w = canvas.clientWidth, hgt = canvas.clientHeight, c = canvas.getContext("2d");
    canvas.width = w * ratio;
    canvas.height = hgt * ratio;
    c.scale(ratio, ratio);
    const top = Math.sqrt(Math.max(...g.counts, 1)), each = w / g.counts.length;
    c.fillStyle = getComputedStyle(canvas).getPropertyValue("color");
    c.globalAlpha = .55;
    g.counts.forEach((n, i) => { const b = Math.sqrt(n) / top * (hgt - 2); c.fillRect(i * each + .5, hgt - b, each - 1, b); });
    if (g.min < 0 && g.max > 0) { c.globalAlpha = .9; c.fillRect(-g.min / (g.max - g.min) * w, 0, 1, hgt); }
  }

  const toggle = scope => set({ open: state.open.includes(scope) ? state.open.filter(s => s !== scope) : [...state.open, scope] });
  const boxOf = e => e.target.closest && e.target.closest(".box");
  drawing.addEventListener("click", e => { const b = boxOf(e); if (b) tell(b); });
  drawing.addEventListener("dblclick", e => { const b = boxOf(e); if (b && b.dataset.scope) toggle(b.dataset.scope); });
  drawing.addEventListener("pointermove", e => { const b = boxOf(e); tip(e, b ? `${b.dataset.scope || "model"}: ${b.dataset.nodes.split(",").length} nodes` : ""); });
  drawing.addEventListener("pointerleave", e => tip(e, ""));
  drawing.addEventListener("wheel", e => { if (e.ctrlKey) { e.preventDefault(); zoom(scale * (e.deltaY < 0 ? 1.12 : 1 / 1.12)); } }, { passive: false });
  const onkey = e => {
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) || e.ctrlKey || e.altKey || e.metaKey) return;
    const b = boxOf(e);
    if (b && (e.key === "Enter" || e.key === " ")) { e.preventDefault(); tell(b); }
    else if (e.key === "o" && (b || picked)) toggle((b || picked).dataset.scope);
    else if (e.key === "+") zoom(scale * 1.25);
    else if (e.key === "-") zoom(scale / 1.25);
    else if (e.key === "0") fit();
  };
  addEventListener("keydown", onkey);
  const unwatch = watch(names => {
    if (state.view === "graph" && ["model", "with", "depth", "fold", "open"].some(n => names.has(n))) load();
  });
  load();
  return () => { unwatch(); removeEventListener("keydown", onkey); if (mine) mine.abort(); tip({}, ""); };
}
