// Attention: all heads at one token, and the heads of one layer at all tokens.
import { h, figure, heat, paint, percent, spoken, tip, trouble } from "./dom.js";
import { bytes, json, numbers16 } from "./api.js";
import { state, set } from "./state.js";

export function open(desk, place) {
  const facts = h("div", { class: "facts" }), table = h("table", { class: "heads", "aria-label": "Attention heads, one row per layer" }), minis = h("div", { class: "minis" });
  const layerName = h("b", {}), big = h("canvas", { class: "big", role: "img" }), words = h("ol", { class: "cands" });
  const row = h("div", { class: "row" }, h("button", { type: "button", title: "[", "aria-label": "Previous layer", onclick: () => layer(-1) }, "◂"), layerName, h("button", { type: "button", title: "]", "aria-label": "Next layer", onclick: () => layer(1) }, "▸"));
  const details = h("details", {}, h("summary", {}, "Attention maps of this layer (rows attend to columns)"), minis, big);
  place.append(facts, h("div", { class: "scroll" }, table), row, words, details);

  const skip = h("input", { type: "checkbox", onchange: () => draw() }); // many heads put most of their weight on the first token
  facts.after(h("label", { class: "small quiet" }, skip, " exclude the first token, an attention sink for many heads"));
  let rows = null, mine = null, key = -1, map = null, loaded = "";
  const colours = state.colour;
  if (state.colour !== "attention") set({ colour: "attention" });

  // weight is a head's attention weight on a token.
  const weight = (l, hd, i) => i < rows.start + (skip.checked ? 1 : 0) || i >= rows.start + rows.tokens ? 0 : rows.data[(rows.first[l] + hd) * rows.tokens + i - rows.start] / 65535;
  const reader = () => Math.min(desk.at, desk.reading.tokens.length - 1); // past the end, the last token attends
  const chosen = () => [Math.min(Number(state.layer) || 0, rows.layers.length - 1), state.head === "" ? -1 : Number(state.head)];

  async function update() {
    const r = desk.reading;
    if (!r || !r.tokens.length) return;
    if (mine) mine.abort();
    const own = mine = new AbortController(), q = desk.question();
    facts.classList.add("busy");
    try {
      const a = await json("/studio/reads", { ...q, position: reader() }, own.signal);
      a.data = a.data ? numbers16(a.data) : new Uint16Array(0);
      a.first = [];
      let n = 0;
      for (const l of a.layers) { a.first.push(n); n += l.count; }
      rows = a;
      draw();
      if (details.open) maps();
      trouble(null);
    } catch (e) {
      trouble(e);
    } finally {
      if (mine === own) facts.classList.remove("busy");
    }
  }

  // draw fills the table and colors the text.
  function draw() {
    if (!rows) return;
    if (!rows.layers.length) {
      facts.replaceChildren("This model exposes no attention weights (a layer's value of shape heads × tokens × tokens).");
      return table.replaceChildren();
    }
    const t = desk.reading.tokens[reader()];
    facts.replaceChildren(h("span", {}, "Attention from token ", h("b", {}, String(reader())), " ", h("span", { class: "tok" }, spoken(t.text)), key >= 0 ? [" to ", h("span", { class: "tok" }, spoken(desk.reading.tokens[key].text))] : "; hover over a word to see which heads attend to it"));
    const [layerAt, headAt] = chosen();
    table.replaceChildren(...rows.layers.map((l, i) => h("tr", {}, h("th", { scope: "row", title: l.path }, String(i)), Array.from({ length: l.count }, (_, k) => {
      const b = h("button", { type: "button", "aria-pressed": String(i === layerAt && k === headAt), "aria-label": `layer ${i}, head ${k}`, onclick: () => pick(i, k),
        onpointermove: e => { tip(e, about(i, k)); overlay(i, k); }, onpointerleave: e => { tip(e, ""); overlay(...chosen()); } });
      b.style.background = heat(key >= 0 ? Math.sqrt(weight(i, k, key)) : most(i, k), "cool");
      return h("td", {}, b);
    }))));
    layerName.textContent = `layer ${layerAt}, ${headAt < 0 ? "all heads" : "head " + headAt}`;
    overlay(layerAt, headAt);
    read(layerAt, headAt);
  }

  // most is the square of a head's largest weight.
  function most(l, hd) {
    let m = 0;
    for (let i = rows.start; i < rows.start + rows.tokens; i++) m = Math.max(m, weight(l, hd, i));
    return m * m;
  }

  // of is the weight of a head, or the mean over a layer's heads, on a token.
  function of(l, hd, i) {
    if (hd >= 0) return weight(l, Math.min(hd, rows.layers[l].count - 1), i);
    let sum = 0;
    for (let k = 0; k < rows.layers[l].count; k++) sum += weight(l, k, i);
    return sum / rows.layers[l].count;
  }

  function overlay(l, hd) {
    desk.overlay = i => heat(Math.sqrt(of(l, hd, i)), "cool");
    desk.colour();
  }

  // best lists the tokens with a head's largest weights.
  function best(l, hd, n) {
    return desk.reading.tokens.map((t, i) => [of(l, hd, i), t, i]).sort((a, b) => b[0] - a[0]).slice(0, n).filter(x => x[0] > 0.001);
  }

  const about = (l, hd) => `layer ${l}, head ${hd}\n` + best(l, hd, 5).map(([w, t, i]) => `${percent(w)}  ${spoken(t.text)}  (${i})`).join("\n");

  function read(l, hd) {
    words.replaceChildren(...best(l, hd, 6).map(([w, t, i]) => {
      const b = h("span", { class: "p" });
      b.style.width = 100 * w + "%";
      return h("li", {}, h("button", { type: "button", onclick: () => { key = key === i ? -1 : i; draw(); } }, h("span", { class: "num" }, String(i)), h("span", { class: "tok" }, spoken(t.text)), h("span", { class: "bars" }, b), h("span", { class: "num" }, percent(w))));
    }));
  }

  function pick(l, hd) {
    const [a, b] = chosen();
    set({ layer: l, head: a === l && b === hd ? "" : hd });
  }

  function layer(by) {
    if (rows && rows.layers.length) set({ layer: (chosen()[0] + by + rows.layers.length) % rows.layers.length });
  }

  // maps draws small maps of the layer's heads, and a large one of the selected head.
  async function maps() {
    if (!rows || !rows.layers.length) return;
    const [l, hd] = chosen(), q = desk.question(), wanted = JSON.stringify([q.ids || q.text, l, hd]);
    if (wanted === loaded) return;
    loaded = wanted;
    try {
      const a = await json("/studio/attention", { ...q, layer: l }, mine.signal), data = bytes(a.data);
      minis.replaceChildren(...Array.from({ length: a.heads }, (_, k) => {
        const c = h("canvas", {}), size = a.cells * a.cells;
        paint(c, a.cells, a.cells, i => data[k * size + i] / 255);
        return h("button", { type: "button", "aria-pressed": String(k === hd), onclick: () => pick(l, k) }, c, "head " + k);
      }));
      big.hidden = hd < 0;
      if (hd < 0) return;
      map = await json("/studio/attention", { ...q, layer: l, head: Math.min(hd, rows.layers[l].count - 1) }, mine.signal);
      map.weights = bytes(map.data);
      big.setAttribute("aria-label", `attention map of head ${hd} in layer ${l}: rows attend to columns`);
      paint(big, map.cells, map.cells, i => map.weights[i] / 255);
    } catch (e) {
      loaded = "";
      trouble(e);
    }
  }

  details.addEventListener("toggle", () => { if (details.open) maps(); });
  const cell = e => {
    const box = big.getBoundingClientRect();
    return [Math.floor((e.clientY - box.top) / box.height * map.cells), Math.floor((e.clientX - box.left) / box.width * map.cells)];
  };
  big.addEventListener("pointermove", e => {
    if (!map) return;
    const [t, u] = cell(e), text = i => spoken((desk.reading.tokens[map.start + i * map.each] || { text: "" }).text);
    if (t < map.cells && u < map.cells) tip(e, `${text(t)} attends ${percent(map.weights[t * map.cells + u] / 255)} to ${text(u)}`);
  });
  big.addEventListener("pointerleave", e => tip(e, ""));
  big.addEventListener("click", e => { if (map) set({ at: map.start + cell(e)[0] * map.each }); });

  return {
    update,
    changed: names => { if (names.has("layer") || names.has("head")) { draw(); if (details.open) maps(); } },
    key: e => { if (e.key !== "[" && e.key !== "]") return false; layer(e.key === "[" ? -1 : 1); return true; },
    hover: i => {
      if (!rows || i === key) return i < 0 || !rows ? "" : `${figure(of(...chosen(), i))} of the attention is on ${spoken(desk.reading.tokens[i].text)}`;
      key = i < 0 ? -1 : i;
      draw();
      return i < 0 ? "" : `${percent(of(...chosen(), i))} of the attention is on ${spoken(desk.reading.tokens[i].text)}`;
    },
    close: () => { if (mine) mine.abort(); tip({}, ""); if (state.colour === "attention") set({ colour: colours === "attention" ? "surprise" : colours }); },
  };
}
