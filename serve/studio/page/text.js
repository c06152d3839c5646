// The text view: the user edits a text, the model reads it after each change, and can continue it.
import { $, h, bits, figure, heat, later, percent, sided, spoken, tip, trouble } from "./dom.js";
import { json, stream } from "./api.js";
import { state, set, watch, tree } from "./state.js";
import { model, beside } from "./app.js";
import { bounds } from "./mirror.js";

const panels = {
  next: ["Next", "Alt N", "./next.js"], attention: ["Attention", "Alt A", "./attention.js"], lens: ["Lens", "Alt L", "./lens.js"],
  norms: ["Norms", "Alt M", "./norms.js"], experts: ["Experts", "Alt E", "./experts.js"], tree: ["Tree", "Alt T", "./tree.js"],
};

const colours = {
  surprise: "surprise: −log₂ of the token's probability", rank: "rank of the token among the predictions", entropy: "entropy of the prediction",
  attention: "attention of the selected heads", difference: "which model gave the token the higher probability", none: "no color",
};

// sampling returns the sampling options.
export const sampling = () => Object.fromEntries(["temperature", "top_k", "top_p", "min_p", "repetition_penalty"].map(k => [k, Number(state[k])]));

// open opens the view and returns a function that closes it.
export function open(main) {
  const desk = {
    reading: null, other: null, overlay: null, panel: null,

    // question is the text for a request: as tokens if the model has the same tokenizer.
    question(of = model()) {
      const r = this.reading;
      const same = of && r && (of.id === r.model || of.tokenizer === r.tokenizer && of.dims.Vocab === r.vocab);
      return same ? { model: of.id, ids: r.tokens.map(t => t.id) } : { model: of && of.id, text: area.value, begin: state.begin === "1" };
    },
    // at is the index of the selected token; after the last, it is that of the token to come.
    get at() {
      const n = this.reading ? this.reading.tokens.length : 0;
      return state.at === "end" ? n : Math.min(Number(state.at) || 0, n);
    },
    choose, write, colour, look, take,
  };

  const area = h("textarea", { id: "text", "aria-label": "Text", spellcheck: "false", autocomplete: "off", autocapitalize: "off", placeholder: "Type some text, or press Tab to let the model start." });
  const mirror = h("div", { class: "mirror", "aria-hidden": "true" });
  const about = h("span", {}), above = h("div", { class: "above" });
  const second = h("section", { class: "sheet", hidden: true, "aria-label": "Second model" });
  const colouring = h("select", { "aria-label": "Token color", onchange: e => set({ colour: e.target.value }) });
  const begin = h("input", { type: "checkbox", onchange: e => { set({ begin: e.target.checked ? "1" : "" }); typed("typed"); } });
  const beginText = h("span", {});
  above.append(about, h("span", { class: "spring" }), h("label", {}, begin, " start with ", beginText), h("label", {}, "color ", colouring));

  const go = h("button", { class: "main", type: "button", id: "write", onclick: () => write() }, "Continue ", h("kbd", {}, "Tab"));
  const stop = h("button", { type: "button", disabled: true, onclick: () => halt() }, "Stop ", h("kbd", {}, "Esc"));
  const three = h("button", { type: "button", onclick: () => branch() }, "Three drafts ", h("kbd", {}, "Alt B"));
  const undo = h("button", { type: "button", "aria-label": "Undo", title: "Undo (Ctrl Z)", onclick: () => { tree.undo(); take(); } }, "↶");
  const redo = h("button", { type: "button", "aria-label": "Redo", title: "Redo (Ctrl Shift Z)", onclick: () => { tree.redo(); take(); } }, "↷");
  const note = h("span", { class: "quiet small", role: "status" });
  const hand = h("section", { class: "panel hand", "aria-label": "Generation" }, h("div", { class: "row" }, go, stop, three, undo, redo, h("span", { class: "spring" }), note), dials());

  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Panels" });
  const place = h("div", { role: "tabpanel", id: "panel", "aria-labelledby": "tab-next", tabindex: "0" });
  const wide = h("button", { type: "button", class: "plain", "aria-label": "Wide panel", title: "Wide panel", onclick: () => desktop.classList.toggle("wide") && desk.panel && desk.panel.update() }, "⤢");
  const side = h("aside", { class: "side", "aria-label": "Inspector" }, h("div", { class: "panel" }, h("div", { class: "tabrow" }, tabs, wide), place));
  const desktop = h("div", { class: "desk" }, h("div", { class: "sheets" }, h("section", { class: "sheet", "aria-label": "Text" }, above, h("div", { class: "page" }, mirror, area)), second, hand), side);
  main.append(desktop);

  let spans = [], secondSpans = [];
  let asking = null, writing = null, leaving = false;

  // refresh has the models read the current text.
  async function refresh() {
    if (asking) asking.abort();
    const mine = asking = new AbortController(), m = model(), now = tree.now;
    if (!m) return;
    about.classList.add("busy");
    try {
      const ids = tree.ids(now, m.tokenizer), body = ids ? { ids } : { text: now.text, begin: state.begin === "1" };
      const r = await json("/studio/read", { model: m.id, top: 5, ...body }, mine.signal);
      Object.assign(r, { model: m.id, tokenizer: m.tokenizer, vocab: m.dims.Vocab });
      const routed = desk.reading && desk.reading.experts;
      desk.reading = r;
      if (routed !== r.experts) tabsDrawn();
      if (ids && r.text !== area.value) {
        const end = area.selectionStart >= area.value.length;
        now.text = area.value = r.text;
        if (end) area.setSelectionRange(r.text.length, r.text.length);
      }
      desk.other = null;
      draw();
      const b = beside();
      if (b && b.id !== m.id) {
        const other = await json("/studio/read", { ...desk.question(b), top: 5 }, mine.signal);
        other.model = b.id;
        desk.other = other;
        draw();
      }
      trouble(null);
    } catch (e) {
      trouble(e);
    } finally {
      if (asking === mine) about.classList.remove("busy");
    }
  }
  const soon = later(refresh, 220);

  // draw fills the mirror behind the text.
  function draw() {
    const r = desk.reading;
    spans = bounds(mirror, area.value, r);
    facts();
    place2();
    colour();
    look(true);
  }

  // facts shows how well the models predict the text.
  function facts() {
    const parts = r => {
      const told = r.tokens.filter(t => t.logprob !== null && t.logprob !== undefined);
      const sum = told.reduce((s, t) => s - t.logprob, 0), chars = told.reduce((s, t) => s + t.to - t.from, 0);
      return [h("b", {}, String(r.tokens.length - r.hidden)), " tokens", told.length ? [" · ", h("b", {}, figure(bits(sum / told.length))), " bits per token · ", h("b", {}, figure(bits(sum) / Math.max(chars, 1))), " per character"] : "",
        r.start ? ` · only the last ${r.tokens.length - r.start} are read` : "", r.hidden ? [" · starts with ", h("code", {}, r.tokens.slice(0, r.hidden).map(t => t.text).join(""))] : ""];
    };
    about.replaceChildren(h("b", {}, state.model), " · ", ...parts(desk.reading).flat());
    second.hidden = !desk.other;
    if (desk.other) second.firstChild.replaceChildren(h("span", {}, h("b", {}, desk.other.model), " · ", ...parts(desk.other).flat()));
  }

  // place2 shows the text as the second model reads it.
  function place2() {
    secondSpans = [];
    if (!desk.other) return second.replaceChildren(h("div", { class: "above" }));
    const m = h("div", { class: "mirror read" });
    secondSpans = bounds(m, desk.other.text, desk.other);
    m.addEventListener("click", e => {
      const i = secondSpans.indexOf(e.target);
      if (i >= 0) caret(desk.other.tokens[i].from);
    });
    m.addEventListener("pointermove", e => tip(e, describe(desk.other, secondSpans.indexOf(e.target))));
    m.addEventListener("pointerleave", e => tip(e, ""));
    second.replaceChildren(h("div", { class: "above" }), h("div", { class: "page" }, m));
    facts();
  }

  // same reports whether both models split the text into the same tokens.
  const same = () => desk.other && desk.other.tokens.length === desk.reading.tokens.length && desk.other.tokens.every((t, i) => t.id === desk.reading.tokens[i].id);

  // shade is the color of a token.
  function shade(r, i) {
    const t = r.tokens[i];
    if (state.colour === "attention") return r === desk.reading && desk.overlay ? desk.overlay(i) : "";
    if (t.logprob === null || t.logprob === undefined) return "";
    switch (state.colour) {
      case "surprise": return heat(bits(-t.logprob) / 14, "hot");
      case "rank": return heat(Math.log10(t.rank) / 4, "hot");
      case "entropy": return heat(bits(t.entropy) / 12, "cool");
      case "difference": return same() ? sided(bits(desk.reading.tokens[i].logprob - desk.other.tokens[i].logprob) / 6) : heat(bits(-t.logprob) / 14, "hot");
    }
    return "";
  }

  function colour() {
    if (!desk.reading) return;
    spans.forEach((s, i) => { if (s && desk.reading.tokens[i]) s.style.backgroundColor = shade(desk.reading, i); });
    secondSpans.forEach((s, i) => { if (s && desk.other) s.style.backgroundColor = shade(desk.other, i); });
  }

  // look marks the selected token and has the panel show it.
  function look(anew) {
    spans.forEach((s, i) => s && s.classList.toggle("at", i === desk.at));
    spans.forEach((s, i) => s && desk.reading && s.classList.toggle("far", i < desk.reading.start));
    if (desk.panel) desk.panel.update(anew);
  }

  // describe describes a token in a few lines.
  function describe(r, i) {
    const t = r && r.tokens[i];
    if (!t) return "";
    const lines = [`${spoken(t.text)}   token ${i}, id ${t.id}`];
    if (t.logprob !== null && t.logprob !== undefined) lines.push(`${percent(Math.exp(t.logprob))}, ${figure(bits(-t.logprob))} bits, rank ${t.rank}, entropy ${figure(bits(t.entropy))} bits`);
    else lines.push(i < r.start ? "not read: the text is too long" : "no token comes before it");
    for (const c of t.top || []) lines.push(`  ${percent(c.p)}  ${spoken(c.text)}`);
    return lines.join("\n");
  }

  // tokenAt is the index of the token at an offset in the text.
  function tokenAt(offset) {
    const all = desk.reading.tokens;
    for (let i = desk.reading.hidden; i < all.length; i++) if (offset < all[i].to) return i;
    return all.length;
  }

  const moved = () => {
    if (!desk.reading || writing) return;
    const end = area.selectionStart >= area.value.length;
    const at = end ? "end" : String(tokenAt(area.selectionStart));
    if (at !== state.at) set({ at });
  };

  // caret moves the caret to an offset.
  function caret(offset) {
    area.focus();
    area.setSelectionRange(offset, offset);
    moved();
  }

  // typed takes over the text that the user has changed.
  function typed(how) {
    if (writing) halt();
    tree.add(area.value, null, how);
    set({ at: area.selectionStart >= area.value.length ? "end" : state.at });
    if (desk.reading) spans = bounds(mirror, area.value, desk.reading, true);
    soon();
  }

  // take shows the current text of the tree.
  function take() {
    area.value = tree.now.text;
    area.setSelectionRange(area.value.length, area.value.length);
    set({ at: "end" });
    refresh();
  }

  // choose replaces the selected token, and all that follows, with a candidate. The old text remains in the tree.
  function choose(c) {
    const r = desk.reading, at = desk.at;
    const ids = r.tokens.slice(0, at).map(t => t.id).concat(c.id);
    const text = (at < r.tokens.length ? r.text.slice(0, r.tokens[at].from) : r.text) + c.text;
    tree.add(text, ids, "chosen");
    take();
    area.focus();
  }

  // prompt returns the tokens that the model continues from, and their text.
  function prompt() {
    const r = desk.reading, at = desk.at;
    return { ids: r.tokens.slice(0, at).map(t => t.id), text: at < r.tokens.length ? r.text.slice(0, r.tokens[at].from) : r.text };
  }

  // request is a request for a continuation. Of a text that is too long for the context, the model sees the end.
  function request(ids, seed) {
    const room = model().context, tokens = Math.max(1, Math.min(Number(state.tokens), room - 1));
    return { model: state.model, prompt: ids.slice(-Math.max(1, room - tokens)), max_tokens: tokens, seed, return_token_ids: true, ...draws() };
  }

  // draws returns the sampling options, without those that change nothing.
  function draws() {
    const s = sampling();
    if (!s.top_k) delete s.top_k;
    if (!s.min_p) delete s.min_p;
    if (s.repetition_penalty === 1) delete s.repetition_penalty;
    return s;
  }

  // write has the model continue the text.
  async function write() {
    if (writing || !desk.reading) return;
    await settled();
    const from = prompt(), mine = writing = new AbortController(), began = performance.now();
    stop.disabled = false;
    go.disabled = three.disabled = true;
    note.textContent = "writing";
    area.value = from.text;
    mirror.replaceChildren(from.text, "\u200b");
    let text = from.text, ids = from.ids.slice(), exact = true, end = "";
    try {
      for await (const event of stream("/v1/completions", request(from.ids, Number(state.seed)), mine.signal)) {
        const c = event.choices && event.choices[0];
        if (!c) continue;
        text += c.text || "";
        if (c.token_ids) ids.push(...c.token_ids);
        else if (c.text) exact = false;
        end = c.finish_reason || end;
        area.value = text;
        mirror.firstChild.data = text;
        note.textContent = `${ids.length - from.ids.length} tokens, ${figure((ids.length - from.ids.length) / (performance.now() - began) * 1000)} per second`;
      }
      trouble(null);
    } catch (e) {
      trouble(e);
    }
    writing = null;
    stop.disabled = true;
    go.disabled = three.disabled = false;
    note.textContent += end === "stop" ? " · end of text" : "";
    tree.add(text, exact ? ids : null, "written");
    take();
    area.focus();
  }

  // settled waits until the current text has been read.
  async function settled() {
    if (desk.reading && (model() && tree.ids(tree.now, model().tokenizer) || desk.reading.text === area.value) && !about.classList.contains("busy")) return;
    await refresh();
  }

  // branch writes three continuations, each a branch of the tree.
  async function branch() {
    if (writing || !desk.reading) return;
    await settled();
    const from = prompt(), base = tree.now, mine = writing = new AbortController();
    stop.disabled = false;
    go.disabled = three.disabled = true;
    note.textContent = "writing three drafts";
    let parent = base;
    if (from.text !== base.text) parent = tree.add(from.text, from.ids, "cut");
    try {
      const ways = await Promise.all([0, 1, 2].map(k => json("/v1/completions", request(from.ids, Number(state.seed) + k), mine.signal)));
      ways.forEach(({ choices: [c] }, k) => tree.branch(parent, from.text + c.text, c.token_ids ? from.ids.concat(c.token_ids) : null, "draft " + (k + 1)));
      trouble(null);
    } catch (e) {
      trouble(e);
    }
    writing = null;
    stop.disabled = true;
    go.disabled = three.disabled = false;
    note.textContent = "";
    set({ panel: "tree" });
    if (parent !== base) take();
    look(true);
  }

  function halt() { if (writing) writing.abort(); }

  // dials makes the inputs for the sampling options.
  function dials() {
    const dial = (name, title, low, high, step, shown = x => x) => {
      const out = h("output", {}, String(shown(Number(state[name]))));
      const input = h("input", { type: "range", min: String(low), max: String(high), step: String(step), value: state[name], "data-dial": name, oninput: e => { set({ [name]: e.target.value }); out.textContent = shown(Number(e.target.value)); } });
      return h("label", {}, h("span", {}, title, out), input);
    };
    const count = (name, title, low, high) => h("label", {}, h("span", {}, title), h("input", { type: "number", min: String(low), max: String(high), value: state[name], onchange: e => set({ [name]: Math.min(high, Math.max(low, Math.round(Number(e.target.value)) || low)) }) }));
    return h("div", { class: "dials" }, dial("temperature", "temperature", 0, 2, 0.05, x => x === 0 ? "greedy" : x.toFixed(2)), dial("top_k", "top-k", 0, 200, 1, x => x || "all"),
      dial("top_p", "top-p", 0, 1, 0.01, x => x.toFixed(2)), dial("min_p", "min-p", 0, 0.5, 0.01, x => x.toFixed(2)), dial("repetition_penalty", "rep. penalty", 1, 2, 0.05, x => x.toFixed(2)),
      count("tokens", "max tokens", 1, 2000), count("seed", "seed", 0, 1e9));
  }

  // tabsDrawn draws the tabs of the panels; Experts only if the model has experts.
  function tabsDrawn() {
    const name = panels[state.panel] ? state.panel : "next";
    tabs.replaceChildren(...Object.entries(panels).filter(([k]) => k !== "experts" || k === name || desk.reading && desk.reading.experts).map(([k, [title, key]]) => h("button", { type: "button", role: "tab", id: "tab-" + k, title: key, "aria-controls": "panel", "aria-selected": String(k === name), tabindex: k === name ? "0" : "-1", onclick: () => set({ panel: k }) }, title)));
    place.setAttribute("aria-labelledby", "tab-" + name);
  }

  // panel opens the panel named by the state.
  async function panel() {
    const name = panels[state.panel] ? state.panel : "next";
    tabsDrawn();
    const made = await import(panels[name][2]);
    if (name !== state.panel && panels[state.panel]) return;
    if (desk.panel && desk.panel.close) desk.panel.close();
    desk.overlay = null;
    place.replaceChildren();
    desk.panel = made.open(desk, place);
    colour();
    if (desk.reading) desk.panel.update(true);
  }
  tabs.addEventListener("keydown", e => {
    const all = Object.keys(panels), step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    set({ panel: all[(all.indexOf(state.panel) + step + all.length) % all.length] });
    tabs.querySelector("[aria-selected=true]").focus();
  });

  area.addEventListener("input", e => { if (!e.isComposing) typed("typed"); });
  area.addEventListener("compositionend", () => typed("typed"));
  document.addEventListener("selectionchange", moved);
  area.addEventListener("pointermove", e => {
    const s = document.elementsFromPoint(e.clientX, e.clientY).find(x => x.tagName === "I");
    const i = spans.indexOf(s);
    tip(e, i < 0 ? "" : desk.panel && desk.panel.hover && desk.panel.hover(i) || describe(desk.reading, i));
  });
  area.addEventListener("pointerleave", e => { tip(e, ""); if (desk.panel && desk.panel.hover) desk.panel.hover(-1); });
  area.addEventListener("blur", () => { leaving = false; });

  const onkey = e => {
    const here = e.target === area;
    if (e.key === "Escape" && writing) return halt();
    if (here && e.key === "Escape") { leaving = true; note.textContent = "Tab now leaves the text box"; return; }
    if (here && e.key === "Tab" && !e.shiftKey && !leaving && !e.altKey && !e.ctrlKey) { e.preventDefault(); return write(); }
    if (here && e.key !== "Tab") leaving = false;
    const ctrl = e.ctrlKey || e.metaKey;
    if (here && ctrl && !e.altKey && (e.code === "KeyZ" || e.code === "KeyY")) {
      e.preventDefault();
      if (e.code === "KeyY" || e.shiftKey) tree.redo();
      else tree.undo();
      return take();
    }
    if (!e.altKey || ctrl) {
      if (!here && !/^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) && desk.panel && desk.panel.key && desk.panel.key(e)) e.preventDefault();
      return;
    }
    const pick = /^Digit([1-9])$/.exec(e.code), to = Object.entries(panels).find(([, p]) => e.code === "Key" + p[1].slice(-1));
    if (pick && desk.panel && desk.panel.pick) desk.panel.pick(Number(pick[1]) - 1);
    else if (to) set({ panel: to[0] });
    else if (e.code === "KeyB") branch();
    else if (e.code === "ArrowUp" || e.code === "ArrowDown") { tree.beside(e.code === "ArrowUp" ? -1 : 1); take(); }
    else if (e.code === "ArrowLeft" || e.code === "ArrowRight") step(e.code === "ArrowLeft" ? -1 : 1);
    else return;
    e.preventDefault();
  };
  addEventListener("keydown", onkey);

  // step moves the caret to the previous or next token.
  function step(by) {
    if (!desk.reading) return;
    const all = desk.reading.tokens, to = Math.max(desk.reading.hidden, Math.min(all.length, desk.at + by));
    caret(to === all.length ? area.value.length : all[to].from);
  }

  // modelsChanged adapts the inputs to the selected models.
  function modelsChanged() {
    const m = model();
    beginText.textContent = m && m.begin || "";
    begin.checked = state.begin === "1";
    const all = Object.keys(colours).filter(k => k !== "difference" || state.with);
    colouring.replaceChildren(...all.map(k => h("option", { value: k, title: colours[k] }, k)));
    colouring.value = all.includes(state.colour) ? state.colour : "surprise";
  }

  const unwatch = watch(names => {
    if (state.view !== "text") return;
    if (names.has("model") || names.has("with")) {
      modelsChanged();
      refresh();
    }
    if (names.has("panel")) panel();
    if (names.has("colour")) { colouring.value = state.colour; colour(); }
    if (names.has("at")) look(false);
    else if (desk.panel && desk.panel.changed) desk.panel.changed(names);
  });
  const repaint = () => { colour(); look(true); };
  addEventListener("theme", repaint);

  area.value = tree.now.text;
  area.setSelectionRange(area.value.length, area.value.length);
  modelsChanged();
  panel();
  refresh();
  area.focus();
  return () => {
    unwatch();
    halt();
    if (asking) asking.abort();
    if (desk.panel && desk.panel.close) desk.panel.close();
    removeEventListener("keydown", onkey);
    removeEventListener("theme", repaint);
    document.removeEventListener("selectionchange", moved);
    tip({}, "");
  };
}
