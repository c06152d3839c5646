// The experts that the routers send the tokens to.
import { h, heat, percent, sided, spoken, tip, trouble } from "./dom.js";
import { json } from "./api.js";
import { set, state } from "./state.js";

export function open(desk, place) {
  const facts = h("div", { class: "facts" }), table = h("table", { class: "heads", "aria-label": "Experts, one row per layer" });
  place.append(facts, h("div", { class: "scroll" }, table));
  let mine = null, got = null, chosen = null;

  async function update() {
    const r = desk.reading;
    if (!r) return;
    if (mine) mine.abort();
    const own = mine = new AbortController(), at = Math.min(desk.at, r.tokens.length - 1);
    try {
      got = await json("/studio/experts", { ...desk.question(), position: at }, own.signal);
      draw(at);
      trouble(null);
    } catch (e) {
      trouble(e);
    }
  }

  function draw(at) {
    if (!got.routers.length) return facts.replaceChildren("This model has no experts: every token goes through all weights.");
    facts.replaceChildren(h("span", {}, "Outlined: the experts that ", h("span", { class: "tok" }, spoken(desk.reading.tokens[at].text)), " is routed to. Shade: how many tokens of the text each expert gets. Click an expert to highlight its tokens."));
    const n = desk.reading.tokens.length - got.start;
    table.replaceChildren(...got.routers.map((r, l) => h("tr", {}, h("th", { scope: "row", title: r.path }, String(l)), r.load.map((load, e) => {
      const mineToo = r.picks.slice((at - got.start) * r.chosen, (at - got.start + 1) * r.chosen).includes(e);
      const b = h("button", { type: "button", "aria-label": `layer ${l}, expert ${e}`, "aria-pressed": String(mineToo), onclick: () => show(l, e), onpointermove: ev => tip(ev, `${r.path}, expert ${e}\n${load} of ${n} tokens\nthis token: ${percent(r.probs[e])}${mineToo ? ", routed here" : ""}`), onpointerleave: ev => tip(ev, "") });
      b.style.background = heat(load / n * r.experts / r.chosen / 3, "hot");
      return h("td", {}, b);
    }))));
  }

  // show colors the tokens that were routed to an expert.
  function show(l, e) {
    const r = got.routers[l];
    chosen = chosen && chosen[0] === l && chosen[1] === e ? null : [l, e];
    if (state.colour !== "attention") set({ colour: "attention" });
    desk.overlay = chosen && (i => i >= got.start && r.picks.slice((i - got.start) * r.chosen, (i - got.start + 1) * r.chosen).includes(e) ? sided(.7) : "");
    if (!chosen) set({ colour: "surprise" });
    desk.colour();
  }

  return { update, close: () => { if (mine) mine.abort(); tip({}, ""); if (state.colour === "attention") set({ colour: "surprise" }); } };
}
