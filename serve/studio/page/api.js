// All requests of the page. They go only to its own server.
import { $, h } from "./dom.js";

let key = sessionStorage.getItem("gorgpt.key") || "";

// ask sends a request and returns the response. Errors have the server's message.
async function ask(path, body, signal) {
  const options = { signal, headers: {} };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  if (key) options.headers.Authorization = "Bearer " + key;
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (e) {
    throw e.name === "AbortError" ? e : new Error("The server is not responding.");
  }
  if (answer.status === 401) {
    await askKey();
    return ask(path, body, signal);
  }
  if (!answer.ok) {
    let text = answer.status + " " + answer.statusText;
    try {
      text = (await answer.json()).error.message || text;
    } catch { /* not JSON: the status must do */ }
    throw new Error(text);
  }
  return answer;
}

// json requests JSON.
export const json = async (path, body, signal) => (await ask(path, body, signal)).json();

// text requests text.
export const text = async (path, signal) => (await ask(path, undefined, signal)).text();

// stream requests server-sent events and yields the JSON of each.
export async function* stream(path, body, signal) {
  const answer = await ask(path, { ...body, stream: true }, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const lines = held.split("\n");
    held = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice(5).trim();
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Error(event.error.message);
      yield event;
    }
  }
}

let asking;

// askKey asks the user for the server's API key.
function askKey() {
  asking ??= new Promise(resolve => {
    const input = h("input", { type: "password", "aria-label": "API key", autocomplete: "off" });
    const form = h("form", { method: "dialog", class: "row" }, h("p", {}, "This server requires an API key."), input, h("button", { class: "main" }, "Continue"));
    $("key").replaceChildren(form);
    form.addEventListener("submit", () => {
      key = input.value;
      sessionStorage.setItem("gorgpt.key", key);
      asking = undefined;
      resolve();
    });
    $("key").showModal();
  });
  return asking;
}

// bytes decodes base64 as 8-bit weights, numbers16 as 16-bit weights.
export function bytes(base64) {
  const text = atob(base64), out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

export const numbers16 = base64 => new Uint16Array(bytes(base64).buffer);
