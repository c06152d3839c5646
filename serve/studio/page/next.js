// The candidates for a token: their probabilities, and what the sampling settings make of them.
import { h, bits, figure, percent, tok, trouble } from "./dom.js";
import { json } from "./api.js";
import { state } from "./state.js";
import { beside } from "./app.js";
import { sampling } from "./text.js";

const count = 24;

export function open(desk, place) {
  const facts = h("div", { class: "facts" }), effect = h("div", { class: "facts", role: "status" }), list = h("ol", { class: "cands", "aria-label": "Candidates" }), other = h("div", {});
  place.append(facts, effect, list, other);
  let asking = null, shown = [];

  async function update() {
    const r = desk.reading, at = desk.at;
    if (!r) return;
    describe(r, at);
    if (asking) asking.abort();
    const mine = asking = new AbortController();
    if (at === 0) {
      list.replaceChildren();
      shown = [];
      effect.textContent = "Nothing comes before the first token, so there is no prediction for it. “start with” puts a token before the text.";
      return;
    }
    try {
      const q = desk.question();
      if (q.ids) q.ids = q.ids.slice(0, at);
      const a = await json("/studio/candidates", { ...q, at, count, ...sampling() }, mine.signal);
      fill(r, at, a);
      const b = beside();
      other.replaceChildren();
      if (b && b.id !== state.model && desk.other) await compare(b, r, at, mine.signal);
      trouble(null);
    } catch (e) {
      trouble(e);
    }
  }

  // describe shows the token at a position, and how likely it was.
  function describe(r, at) {
    const t = r.tokens[at];
    if (!t) return facts.replaceChildren(h("span", {}, "Predictions for the ", h("b", {}, "next token"), ", after token ", h("b", {}, String(at - 1))));
    const parts = [h("span", {}, "Token ", h("b", {}, String(at)), " ", tok(t.text)), h("span", {}, "id ", h("b", {}, String(t.id)))];
    if (t.logprob !== null && t.logprob !== undefined) parts.push(h("span", {}, h("b", {}, percent(Math.exp(t.logprob)))), h("span", {}, h("b", {}, figure(bits(-t.logprob))), " bits"), h("span", {}, "rank ", h("b", {}, String(t.rank))));
    facts.replaceChildren(...parts);
  }

  // fill lists the candidates.
  function fill(r, at, a) {
    shown = a.list;
    const most = Math.max(...a.list.map(c => Math.max(c.p || 0, c.q || 0)), 1e-9);
    const there = r.tokens[at] && r.tokens[at].id;
    list.replaceChildren(h("li", { class: "head", "aria-hidden": "true" }, h("span", {}), h("span", {}, h("span", {}, "model"), h("b", {}, "sampled"))), ...a.list.map((c, i) => h("li", {}, h("button", {
      type: "button", class: c.q ? "" : "out", "aria-current": c.id === there ? "true" : null, title: c.q ? "Put this token here" : "Never sampled with these settings; put it here anyway",
      onclick: () => desk.choose(c),
    }, i < 9 ? h("kbd", {}, String(i + 1)) : h("span", {}), tok(c.text), h("span", { class: "bars" }, bar("p", c.p / most), bar("q", (c.q || 0) / most)), h("span", { class: "num" }, percent(c.p), " ", h("b", {}, c.q ? percent(c.q) : "–"))))));
    effect.replaceChildren(h("span", {}, "Sampling keeps ", h("b", {}, a.kept.toLocaleString("en")), " tokens, ", h("b", {}, percent(a.mass)), " of the probability"),
      h("span", {}, "entropy ", h("b", {}, figure(bits(a.entropy))), " → ", h("b", {}, figure(bits(a.sampled))), " bits"));
  }

  function bar(kind, width) {
    const b = h("span", { class: kind });
    b.style.width = 100 * width + "%";
    return b;
  }

  // compare lists the second model's candidates.
  async function compare(b, r, at, signal) {
    const q = desk.question(b);
    let place = at;
    if (q.ids) q.ids = q.ids.slice(0, at);
    else { // other tokens: the position of the same character
      const from = r.tokens[at] ? r.tokens[at].from : Infinity;
      place = desk.other.tokens.findIndex((t, i) => i >= desk.other.hidden && t.to > from);
      if (place < 0) place = desk.other.tokens.length;
    }
    if (place === 0) return;
    const a = await json("/studio/candidates", { ...q, at: place, count: 8, ...sampling() }, signal);
    const most = Math.max(...a.list.map(c => c.p || 0), 1e-9);
    other.replaceChildren(h("h2", {}, b.id), h("ol", { class: "cands" }, a.list.map(c => h("li", {}, h("button", { type: "button", class: c.q ? "" : "out", disabled: !q.ids, onclick: () => desk.choose(c) },
      h("span", {}), tok(c.text), h("span", { class: "bars" }, bar("p", c.p / most)), h("span", { class: "num" }, percent(c.p)))))));
  }

  return {
    update,
    changed: names => { if (["temperature", "top_k", "top_p", "min_p", "repetition_penalty"].some(n => names.has(n))) update(); },
    pick: i => { if (shown[i]) desk.choose(shown[i]); },
    close: () => asking && asking.abort(),
  };
}
