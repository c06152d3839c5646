// The frame: models, views, theme, keys.
import { $, h, trouble } from "./dom.js";
import { json } from "./api.js";
import { state, set, load, watch, tree, save, foreign } from "./state.js";

const views = { text: "./text.js", graph: "./graph.js", runs: "./runs.js", chat: "./chat.js", classify: "./classify.js" };

export const world = { models: [] };

let leave = null; // closes the current view

// writers are the models that generate text; classifiers are the others.
export const writers = () => world.models.filter(m => !m.classifier);
export const classifiers = () => world.models.filter(m => m.classifier);
export const model = () => world.models.find(m => m.id === state.model);
export const beside = () => world.models.find(m => m.id === state.with);

// show opens the view named by the state.
async function show() {
  const main = $("main");
  if (leave) leave();
  leave = null;
  document.querySelectorAll("#views a").forEach(a => {
    if (a.dataset.view === state.view) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  });
  document.querySelector(".models").hidden = state.view === "runs" || state.view === "classify";
  const view = state.view;
  const { open } = await import(views[view] || views.text);
  if (view !== state.view) return;
  main.replaceChildren();
  main.scrollTop = 0;
  document.title = "gorgpt studio · " + view;
  leave = open(main);
}

// choices fills the model menus, and hides the views that nothing is served for.
function choices() {
  const all = writers();
  const option = m => h("option", { value: m.id, title: `${m.name}, ${m.params.toLocaleString("en")} parameters` }, m.id);
  $("model").replaceChildren(...all.map(option));
  $("beside").replaceChildren(h("option", { value: "" }, "none"), ...all.map(option));
  if (!all.some(m => m.id === state.model)) set({ model: all.length ? all[0].id : "" });
  if (state.with && !all.some(m => m.id === state.with)) set({ with: "" });
  $("model").value = state.model;
  $("beside").value = state.with;
  const there = { text: all.length, graph: all.length, runs: world.runs, chat: all.some(m => m.chat), classify: classifiers().length };
  document.querySelectorAll("#views a").forEach(a => { a.hidden = !there[a.dataset.view]; });
  if (!there[state.view]) set({ view: Object.keys(there).find(v => there[v]) || "text" });
}

// wait polls until the server has models or runs.
async function wait() {
  for (;;) {
    try {
      Object.assign(world, await json("/studio/models"));
      trouble(null);
      if (world.models.length || world.runs) return;
    } catch (e) {
      trouble(e);
    }
    await new Promise(resolve => setTimeout(resolve, 1000));
  }
}

const keys = [
  ["Tab", "continue from the caret's token (the text after it is kept on a branch)"],
  ["Esc", "stop writing; Tab then leaves the text box, as elsewhere"],
  ["Alt 1 … Alt 9", "put the candidate with that number at the caret's token"],
  ["Alt ← →", "previous or next token"],
  ["Ctrl Z, Ctrl Shift Z", "undo, redo (in the tree of texts)"],
  ["Alt ↑ ↓", "previous or next branch"],
  ["Alt B", "write three drafts as branches"],
  ["Alt N · A · L · M · E · T", "panels: next token, attention, lens, norms (M), experts, tree"],
  ["[ ]", "previous or next attention layer (outside the text box)"],
  ["G then T G R C K", "go to text, graph, runs, chat, classify (outside the text box)"],
  ["?", "show these shortcuts"],
];

function help() {
  $("keys").replaceChildren(h("h2", {}, "Keyboard shortcuts"), h("dl", {}, keys.map(([k, what]) => [h("dt", {}, k.split(" ").map(part => /^(…|·|then|to|or)$/.test(part) ? ` ${part} ` : h("kbd", {}, part.replace(",", ""))).flatMap(x => [x, " "])), h("dd", {}, what)])),
    h("form", { method: "dialog" }, h("button", { class: "main" }, "Close")));
  $("keys").showModal();
}

function theme(next) {
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
}

let goes = false; // whether G was just pressed

addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || e.target.closest("dialog")) return;
  if (e.key === "?") return help();
  const view = { t: "text", g: "graph", r: "runs", c: "chat", k: "classify" }[e.key];
  if (goes && view) {
    e.preventDefault();
    if (!document.querySelector(`#views a[data-view=${view}]`).hidden) set({ view });
  }
  goes = e.key === "g" && !goes;
});

async function start() {
  theme(localStorage.getItem("gorgpt.theme"));
  const given = load();
  tree.whose = () => model() ? model().tokenizer : null;
  tree.start({ text: given.get("text"), ids: given.get("ids") ? given.get("ids").split(".").map(Number).filter(Number.isInteger) : null });
  $("theme").addEventListener("click", () => {
    const night = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    localStorage.setItem("gorgpt.theme", night ? "light" : "dark");
    theme(night ? "light" : "dark");
    dispatchEvent(new Event("theme"));
  });
  $("help").addEventListener("click", help);
  $("model").addEventListener("change", e => set({ model: e.target.value, open: [] }));
  $("beside").addEventListener("change", e => set({ with: e.target.value }));
  $("views").addEventListener("click", e => {
    const view = e.target.dataset.view;
    if (!view || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    set({ view });
  });
  await wait();
  choices();
  watch(names => { if (names.has("view")) show(); });
  addEventListener("popstate", () => { if (foreign()) arrived(); });
  addEventListener("hashchange", () => { if (foreign()) arrived(); });
  await show();
  save(false);
  document.documentElement.dataset.ready = "";
}

// arrived shows the state of an address that the user has opened.
function arrived() {
  const given = load();
  const ids = given.get("ids") ? given.get("ids").split(".").map(Number).filter(Number.isInteger) : null;
  if (ids || given.get("text") !== null) tree.add(given.get("text") || "", ids, "opened");
  choices();
  show();
}

start().catch(trouble);
