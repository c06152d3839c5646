// The state of the page, which is kept in the address so that it can be bookmarked and shared; and the tree of texts,
// so that no text is lost.

const defaults = {
  view: "text", model: "", with: "", at: "end", colour: "surprise", panel: "next", layer: "0", head: "", depth: "0", fold: "", begin: "",
  temperature: "0.8", top_k: "200", top_p: "1", min_p: "0", repetition_penalty: "1", seed: "1", tokens: "40", runs: "", smooth: "0", axis: "step",
};

export const state = { ...defaults, open: [] };

const listeners = new Set();

// watch calls f with the names of the changed fields when the state changes, and returns a function that ends this.
export const watch = f => { listeners.add(f); return () => listeners.delete(f); };

// load reads the state from the address.
export function load() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of Object.keys(defaults)) state[name] = given.get(name) ?? (name in kept ? kept[name] : defaults[name]);
  state.open = given.getAll("open");
  return given;
}

const kept = { model: "", with: "" }; // kept when an address does not name them, as in links to other views

// set changes the state, calls the watchers, and writes the address. A change of view is a new history entry.
export function set(changes) {
  const names = Object.keys(changes).filter(n => n === "open" || state[n] !== String(changes[n]));
  if (!names.length) return;
  for (const n of names) state[n] = n === "open" ? changes[n] : String(changes[n]);
  kept.model = state.model;
  kept.with = state.with;
  save(names.includes("view"));
  for (const f of listeners) f(new Set(names));
}

let timer, mine = "";

// save writes the address: at once if it is a new history entry, or else a little later.
export function save(another) {
  clearTimeout(timer);
  const write = () => {
    mine = "#" + address();
    if (mine !== location.hash) history[another ? "pushState" : "replaceState"](null, "", mine);
  };
  if (another) write();
  else timer = setTimeout(write, 150);
}

// foreign reports whether the address differs from the one that was written.
export const foreign = () => location.hash !== mine;

// longest is the limit of the text in an address; longer texts are left out.
const longest = 6000;

// address encodes the state for the address.
export function address() {
  const q = new URLSearchParams();
  for (const [name, otherwise] of Object.entries(defaults)) if (state[name] !== otherwise) q.set(name, state[name]);
  for (const scope of state.open) q.append("open", scope);
  const d = tree.now, ids = tree.ids(d, tree.whose());
  if (ids && ids.length < longest / 5) q.set("ids", ids.join("."));
  else if (d.text && d.text.length < longest) q.set("text", d.text);
  return q.toString();
}

// tree holds all texts of the tab. The parent of a text is the text that it was made from. Undo goes to the parent;
// the text that is left remains as a branch.
export const tree = {
  all: [], now: null,

  // whose returns the tokenizer of the selected model; app.js sets it.
  whose: () => null,

  // ids returns the tokens of a text if they belong to the tokenizer, or else null: the text must be tokenized again.
  // Tokens from an address belong to the tokenizer of its model, the first that is asked for.
  ids(node, tokenizer) {
    if (node.ids) node.of ??= tokenizer;
    return node.ids && node.of === tokenizer ? node.ids : null;
  },

  // start restores the tree that was kept in this tab, unless another text is given.
  start(given) {
    this.all = [{ id: 0, parent: -1, text: given.text || "", ids: given.ids || null, how: "start" }];
    this.now = this.all[0];
    try {
      const old = JSON.parse(sessionStorage.getItem("gorgpt.tree")), last = old && old.all[old.now];
      if (last && (given.ids ? String(given.ids) === String(last.ids) : given.text === null || given.text === last.text)) [this.all, this.now] = [old.all, last];
    } catch { /* nothing readable was kept */ }
  },

  // add makes a new text the child of the current one. Typing without a pause is a single step.
  add(text, ids, how) {
    const now = this.now;
    if (text === now.text && String(ids) === String(now.ids)) return now;
    if (how === "typed" && now.how === "typed" && Date.now() - now.time < 1500 && !this.children(now).length) {
      Object.assign(now, { text, ids, of: this.whose(), time: Date.now() });
    } else {
      this.now = { id: this.all.length, parent: now.id, text, ids, of: this.whose(), how, time: Date.now() };
      now.last = this.now.id;
      this.all.push(this.now);
    }
    this.keep();
    return this.now;
  },

  // branch adds a child of a text without going to it.
  branch(from, text, ids, how) {
    this.all.push({ id: this.all.length, parent: from.id, text, ids, of: this.whose(), how, time: Date.now() });
    from.last ??= this.all.length - 1;
    this.keep();
    return this.all.at(-1);
  },

  children(node) { return this.all.filter(n => n.parent === node.id); },

  go(id) {
    this.now = this.all[id];
    const up = this.all[this.now.parent];
    if (up) up.last = id;
    this.keep();
  },

  undo() { if (this.now.parent >= 0) this.go(this.now.parent); },
  redo() { if (this.now.last !== undefined) this.go(this.now.last); },

  // beside goes to the next or previous branch.
  beside(step) {
    if (this.now.parent < 0) return;
    const all = this.children(this.all[this.now.parent]);
    this.go(all[(all.indexOf(this.now) + step + all.length) % all.length].id);
  },

  // keep stores the tree in this tab, or nothing if it is too large.
  keep() {
    try {
      sessionStorage.setItem("gorgpt.tree", JSON.stringify({ all: this.all, now: this.now.id }));
    } catch {
      sessionStorage.removeItem("gorgpt.tree");
    }
    save(false);
  },
};
