// A classifier: its probabilities for a text, and its confusion matrix.
import { h, figure, heat, percent, trouble } from "./dom.js";
import { json } from "./api.js";
import { classifiers } from "./app.js";

export function open(main) {
  const all = classifiers();
  const choice = h("select", { "aria-label": "Classifier", onchange: () => draw() }, all.map(m => h("option", {}, m.id)));
  const place = h("div", { class: "class" });
  main.append(place);
  const kept = new Map(); // the texts entered for each classifier
  let mine = null;

  // fields names the input texts of a task.
  function fields(c) {
    if (c.kind === "entailment" || c.kind === "similarity") return ["first text", "second text"];
    if (c.kind === "multiple choice") return ["text or question", ...Array.from({ length: c.outputs }, (_, i) => "choice " + (i + 1))];
    return ["text"];
  }

  function draw() {
    const m = all.find(x => x.id === choice.value) || all[0];
    if (!m) return;
    const c = m.classifier, names = fields(c), texts = kept.get(m.id) || names.map(() => "");
    kept.set(m.id, texts);
    const answer = h("div", { class: "answer", role: "status" }), table = h("div", {});
    const ask = async () => {
      if (mine) mine.abort();
      const own = mine = new AbortController();
      if (texts.some(t => !t.trim())) return answer.replaceChildren();
      try {
        const a = await json("/classify", { model: m.id, input: texts.length === 1 ? texts[0] : [texts] }, own.signal);
        show(c, answer, a);
        trouble(null);
      } catch (e) {
        trouble(e);
      }
    };
    let timer;
    place.replaceChildren(h("div", { class: "row" }, h("h2", {}, c.task), all.length > 1 ? choice : h("span", { class: "mono" }, m.id), h("span", { class: "quiet" }, `${c.kind}, ${c.outputs} outputs`)),
      ...names.map((n, i) => h("label", { class: "text" }, n, h("textarea", { value: texts[i], oninput: e => { texts[i] = e.target.value; clearTimeout(timer); timer = setTimeout(ask, 250); } }))), answer, table);
    confusion(m, table);
    ask();
  }

  // show draws the probabilities.
  function show(c, place, a) {
    const one = a.data ? a.data[0] : a, probabilities = one.probabilities || one.probs || {};
    const named = Array.isArray(probabilities) ? probabilities.map((p, i) => [c.labels ? c.labels[i] : String(i + 1), p]) : Object.entries(probabilities);
    const rows = named.sort((x, y) => y[1] - x[1]).map(([name, p]) => {
      const bar = h("span", { class: "q" });
      bar.style.width = 100 * p + "%";
      return [h("span", { class: "mono" }, name), h("span", { class: "bars" }, bar), h("b", {}, percent(p))];
    });
    place.replaceChildren(h("b", {}, String(one.label ?? one.answer ?? "")), h("span", {}), h("span", {}, one.score !== undefined && one.score !== null ? figure(one.score) : ""), ...rows.flat());
  }

  // confusion shows the confusion matrix of the evaluation examples.
  async function confusion(m, place) {
    let a;
    try {
      a = await json("/studio/confusion?" + new URLSearchParams({ model: m.id }));
    } catch (e) {
      return place.replaceChildren(h("p", { class: "quiet small" }, e.message));
    }
    const count = (t, p) => (a.counts || {})[t + "\t" + p] || 0, sum = t => a.labels.reduce((s, p) => s + count(t, p), 0);
    const mistakes = h("div", {});
    const cell = (t, p) => {
      const n = count(t, p), td = h("td", {}, n && t !== p ? h("button", { type: "button", class: "plain", onclick: () => list(t, p) }, String(n)) : String(n));
      td.style.background = heat(n / Math.max(sum(t), 1) * .8, t === p ? "cool" : "hot");
      return td;
    };
    const list = (t, p) => mistakes.replaceChildren(h("table", { class: "list" }, h("tr", {}, ["line", "truth", "predicted"].map(x => h("th", { scope: "col" }, x))), a.some.filter(x => x.truth === t && x.predicted === p).slice(0, 50).map(x => h("tr", {}, [x.line, x.truth, x.predicted].map(y => h("td", {}, y))))));
    place.replaceChildren(h("h2", {}, "Evaluation examples"), h("p", {}, m.classifier.regression ? `${a.total.toLocaleString("en")} scores` : `${a.right.toLocaleString("en")} of ${a.total.toLocaleString("en")} correct, ${percent(a.right / Math.max(a.total, 1))}`),
      a.labels.length ? h("table", { class: "conf" }, h("tr", {}, h("th", { scope: "col" }, "truth ↓ predicted →"), a.labels.map(l => h("th", { scope: "col" }, l)), h("th", { scope: "col" }, "recall")), a.labels.map(t => h("tr", {}, h("th", { scope: "row" }, t), a.labels.map(p => cell(t, p)), h("td", {}, percent(count(t, t) / Math.max(sum(t), 1)))))) : "", mistakes);
  }

  draw();
  return () => mine && mine.abort();
}
