// The mirror of a text: the same characters in the same places, each token in an element that can be colored.
import { h } from "./dom.js";

// bounds fills a mirror and returns the tokens' elements, null for tokens that have no characters. If stale, the text
// may have changed since it was read; then only the tokens of the unchanged beginning get elements.
export function bounds(mirror, text, reading, stale) {
  const spans = [], parts = [];
  let at = 0;
  let same = text.length;
  if (stale) {
    same = 0;
    while (same < text.length && text[same] === reading.text[same]) same++;
  }
  for (const t of reading.tokens) {
    const from = Math.max(t.from, at), to = Math.min(t.to, text.length);
    if (to <= from || to > same) {
      spans.push(null);
      continue;
    }
    if (from > at) parts.push(text.slice(at, from));
    const s = h("i", {}, text.slice(from, to));
    parts.push(s);
    spans.push(s);
    at = to;
  }
  if (at < text.length) parts.push(text.slice(at));
  parts.push("\u200b"); // for an empty last line
  mirror.replaceChildren(...parts);
  return spans;
}
