// The norm of the residual stream at every depth, and of what each branch adds.
import { h, figure, paint, spoken, tip, trouble } from "./dom.js";
import { json } from "./api.js";
import { set } from "./state.js";
import { lines } from "./chart.js";

export function open(desk, place) {
  const facts = h("div", { class: "facts" }), what = h("select", { "aria-label": "Quantity", onchange: () => draw() }, h("option", { value: "norms" }, "norm of the residual stream"), h("option", { value: "updates" }, "norm of the updates"));
  const map = h("canvas", { class: "heat", role: "img", "aria-label": "Norms: rows are depths, with the output head at the top; columns are tokens" }), curve = h("canvas", { class: "hist", role: "img", "aria-label": "Norm by depth at the selected token" });
  curve.style.height = "170px";
  place.append(facts, h("div", { class: "row" }, what), map, h("p", { class: "quiet small" }, "Above: all tokens, with the embedding at the bottom. Below: the selected token, by depth."), curve);
  let mine = null, got = null;

  async function update(anew) {
    if (!desk.reading) return;
    if (!anew && got) return draw();
    if (mine) mine.abort();
    const own = mine = new AbortController();
    try {
      got = await json("/studio/norms", desk.question(), own.signal);
      draw();
      trouble(null);
    } catch (e) {
      trouble(e);
    }
  }

  function draw() {
    if (!got) return;
    const all = got[what.value], depth = all.length, n = all[0].length, flat = all.flat().filter(x => x > 0);
    const low = Math.log(Math.min(...flat)), high = Math.log(Math.max(...flat));
    const scale = x => x > 0 && high > low ? (Math.log(x) - low) / (high - low) : 0;
    paint(map, n, depth, i => scale(all[depth - 1 - Math.floor(i / n)][i % n]) ** 2);
    map.style.height = Math.min(Math.max(depth * 7, 90), 360) + "px";
    const at = Math.min(desk.at, desk.reading.tokens.length - 1), t = at - got.start;
    if (t < 0) return;
    facts.replaceChildren(h("span", {}, "At ", h("span", { class: "tok" }, spoken(desk.reading.tokens[at].text)), ": ", h("b", {}, figure(all[0][t])), " at the embedding, ", h("b", {}, figure(all[depth - 1][t])), " at the output head"));
    lines(curve, [{ name: what.selectedOptions[0].textContent, x: all.map((_, i) => i), y: all.map(row => row[t]) }], { x: "depth", log: true, labels: got.places.map(p => `${p.path} (${p.kind})`) });
  }

  const cell = e => {
    const box = map.getBoundingClientRect(), all = got[what.value];
    return [all.length - 1 - Math.floor((e.clientY - box.top) / box.height * all.length), Math.floor((e.clientX - box.left) / box.width * all[0].length)];
  };
  map.addEventListener("pointermove", e => {
    if (!got) return;
    const [i, t] = cell(e), token = desk.reading.tokens[got.start + t];
    if (token && got.places[i]) tip(e, `${got.places[i].path} (${got.places[i].kind})\n${spoken(token.text)}: norm ${figure(got.norms[i][t])}, update ${figure(got.updates[i][t])}`);
  });
  map.addEventListener("pointerleave", e => tip(e, ""));
  map.addEventListener("click", e => { if (got) set({ at: got.start + cell(e)[1] }); });
  return { update, close: () => { if (mine) mine.abort(); tip({}, ""); } };
}
