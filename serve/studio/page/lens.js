// The logit lens: what the output head would predict from the residual stream at every depth.
import { h, bits, figure, heat, percent, spoken, tip, trouble } from "./dom.js";
import { json } from "./api.js";
import { set, state } from "./state.js";

export function open(desk, place) {
  const facts = h("div", { class: "facts" }), table = h("table", { class: "lens" }), sums = h("input", { type: "checkbox", onchange: () => draw() });
  place.append(facts, h("label", { class: "small quiet" }, sums, " show the sums within blocks"), h("div", { class: "scroll", tabindex: "0", "aria-label": "Logit lens" }, table));
  let mine = null, got = null;
  const known = new Map(); // cells by position, for the current text

  // columns lists the positions shown: the one before the selected token, and as many before it as fit.
  function columns() {
    const n = desk.reading.tokens.length, room = Math.max(2, Math.floor((place.clientWidth - 90) / 84));
    const last = Math.min(desk.at - 1, n - 1), first = Math.max(desk.reading.start, last - room + 1);
    return last < first ? [] : Array.from({ length: last - first + 1 }, (_, i) => first + i);
  }

  async function update(anew) {
    const r = desk.reading;
    if (!r) return;
    if (anew) known.clear();
    const wanted = columns();
    if (!wanted.length) {
      facts.textContent = "Nothing comes before this token.";
      return table.replaceChildren();
    }
    if (mine) mine.abort();
    const own = mine = new AbortController();
    facts.classList.add("busy");
    try {
      for (const t of wanted.slice().reverse()) { // the selected position first
        if (known.has(t)) continue;
        const a = await json("/studio/lens", { ...desk.question(), from: t, to: t + 1, top: 5 }, own.signal);
        got = a.places;
        known.set(t, a.cells.map(c => c[0]));
        draw();
      }
      draw();
      trouble(null);
    } catch (e) {
      trouble(e);
    } finally {
      if (mine === own) facts.classList.remove("busy");
    }
  }

  // name is a short name of a place.
  function name(p, i) {
    const number = /(\d+)/.exec(p.path);
    switch (p.kind) {
      case "start": return "embedding";
      case "final": return "final";
      case "block": return "block " + (number ? number[1] : i);
    }
    return "+ " + p.path.split(".").pop();
  }

  function draw() {
    if (!got) return;
    const cols = columns(), r = desk.reading, last = cols.at(-1), now = known.get(last);
    const goal = r.tokens[last + 1];
    facts.replaceChildren(h("span", {}, "What the output head would predict after ", h("span", { class: "tok" }, spoken(r.tokens[last].text)), " at every depth", goal ? ["; the next token is ", h("span", { class: "tok" }, spoken(goal.text))] : ""));
    if (now && now.every(c => c.top.length)) { // the depth from which the next token, or the final prediction, stays on top
      const id = goal ? goal.id : now.at(-1).top[0].id;
      let from = now.length;
      while (from > 0 && now[from - 1].top[0].id === id) from--;
      if (from < now.length) facts.append(h("span", {}, h("b", {}, spoken(goal ? goal.text : now.at(-1).top[0].text)), " is the top prediction from ", h("b", {}, name(got[from], from)), " on"));
    }
    const order = got.map((p, i) => [p, i]).filter(([p]) => sums.checked || p.kind !== "sum").reverse();
    table.replaceChildren(h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "after"), cols.map(t => h("th", { scope: "col", title: "token " + t }, spoken(r.tokens[t].text))))),
      h("tbody", {}, order.map(([p, i]) => h("tr", { class: p.kind }, h("th", { scope: "row", title: p.path }, name(p, i)), cols.map(t => {
        const c = known.get(t) && known.get(t)[i];
        if (!c || !c.top.length) return h("td", {}, c ? "NaN" : " ");
        const best = c.top[0], next = r.tokens[t + 1];
        const td = h("td", { class: next && next.id === best.id ? "hit" : "", onpointermove: e => tip(e, about(p, c, next)), onpointerleave: e => tip(e, ""), onclick: () => set({ at: t + 1 >= r.tokens.length ? "end" : t + 1 }) }, spoken(best.text));
        td.style.background = heat(best.p, "cool");
        return td;
      })))));
  }

  function about(p, c, next) {
    const lines = [`${p.path} (${p.kind}), entropy ${figure(bits(c.entropy))} bits`, ...c.top.map(x => `${percent(x.p)}  ${spoken(x.text)}`)];
    if (next && c.logprob !== null) lines.push(`${spoken(next.text)} (the next token): ${percent(Math.exp(c.logprob))}, rank ${c.rank}`);
    return lines.join("\n");
  }

  return { update, close: () => { if (mine) mine.abort(); tip({}, ""); }, changed: names => { if (names.has("with") && state.view === "text") draw(); } };
}
