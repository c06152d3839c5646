// A conversation with a model that has a chat template.
import { h, trouble } from "./dom.js";
import { json, stream } from "./api.js";
import { state, set, tree } from "./state.js";
import { model } from "./app.js";
import { sampling } from "./text.js";

let messages = []; // kept while the page is open
let system = "";

export function open(main) {
  const log = h("div", { role: "log", "aria-label": "Conversation", "aria-live": "polite", class: "talk-log" });
  const input = h("textarea", { "aria-label": "Message", placeholder: "Type a message. Enter sends it; Shift Enter starts a new line." });
  const told = h("textarea", { "aria-label": "System prompt", placeholder: "Instructions for the model (optional)" });
  told.value = system;
  told.addEventListener("input", () => { system = told.value; });
  const send = h("button", { class: "main", type: "submit" }, "Send"), stop = h("button", { type: "button", disabled: true, onclick: () => writing && writing.abort() }, "Stop ", h("kbd", {}, "Esc"));
  const clear = h("button", { type: "button", onclick: () => { messages = []; draw(); } }, "New conversation");
  const look = h("button", { type: "button", title: "Show the conversation in the text view, exactly as the model sees it", onclick: inside }, "Look inside");
  const form = h("form", { onsubmit: e => { e.preventDefault(); say(); } }, input, h("div", { class: "row" }, send, stop, clear, look, h("span", { class: "spring" }), h("span", { class: "quiet small" }, "uses the text view's sampling settings")));
  main.append(h("div", { class: "talk" }, h("details", {}, h("summary", { class: "quiet" }, "System prompt"), told), log, h("span", { class: "spring" }), form));
  let writing = null;

  function draw() {
    log.replaceChildren(...messages.map(bubble));
    look.disabled = !messages.length;
  }

  function bubble(m) {
    return h("div", { class: "said " + m.role }, m.thoughts ? h("details", {}, h("summary", {}, "reasoning"), m.thoughts) : "", m.content);
  }

  async function say() {
    const text = input.value;
    if (!text.trim() || writing) return;
    const m = model();
    if (!m || !m.chat) return trouble(new Error((m ? m.id : "This model") + " has no chat template; choose another model."));
    input.value = "";
    messages.push({ role: "user", content: text });
    const reply = { role: "assistant", content: "", thoughts: "" }, mine = writing = new AbortController();
    const q = { model: m.id, messages: [...(system ? [{ role: "system", content: system }] : []), ...messages.map(({ role, content }) => ({ role, content }))], max_tokens: Math.max(Number(state.tokens), 16), seed: Number(state.seed), ...trimmed() };
    messages.push(reply);
    draw();
    stop.disabled = false;
    send.disabled = true;
    try {
      for await (const event of stream("/v1/chat/completions", q, mine.signal)) {
        const d = event.choices && event.choices[0] && event.choices[0].delta;
        if (!d) continue;
        reply.content += d.content || "";
        reply.thoughts += d.reasoning_content || d.reasoning || "";
        log.lastChild.replaceWith(bubble(reply));
        main.scrollTop = main.scrollHeight;
      }
      trouble(null);
    } catch (e) {
      trouble(e);
      if (!reply.content) { messages.splice(-2); input.value = text; }
    }
    writing = null;
    stop.disabled = true;
    send.disabled = false;
    draw();
    input.focus();
  }

  function trimmed() {
    const s = sampling();
    if (!s.top_k) delete s.top_k;
    if (!s.min_p) delete s.min_p;
    if (s.repetition_penalty === 1) delete s.repetition_penalty;
    return s;
  }

  // inside opens the conversation in the text view, as the tokens that the model is given.
  async function inside() {
    try {
      const said = messages.at(-1).role === "assistant" ? messages.slice(0, -1) : messages, last = messages.at(-1);
      const a = await json("/studio/converse", { model: state.model, system, messages: said.map(({ role, content }) => ({ role, content })) });
      let ids = a.ids;
      if (last.role === "assistant" && last.content) {
        const r = await json("/studio/read", { model: state.model, text: last.content, top: 0 });
        ids = ids.concat(r.tokens.slice(r.hidden).map(t => t.id)); // without the tokens that begin a text
      }
      tree.add("", ids, "from chat");
      set({ view: "text", at: "end" });
    } catch (e) {
      trouble(e);
    }
  }

  input.addEventListener("keydown", e => { if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); say(); } });
  const onkey = e => { if (e.key === "Escape" && writing) writing.abort(); };
  addEventListener("keydown", onkey);
  draw();
  input.focus();
  return () => { removeEventListener("keydown", onkey); if (writing) writing.abort(); };
}
