// The tree of all texts of the tab.
import { h } from "./dom.js";
import { set, tree, save } from "./state.js";

export function open(desk, place) {
  const list = h("ul", { class: "tree", "aria-label": "Texts" });
  place.append(h("p", { class: "quiet small" }, "All texts of this tab. Undo moves up; the text you leave is kept as a branch."), list);

  // fresh is the part of a text that its parent does not have.
  function fresh(node) {
    const up = tree.all[node.parent];
    if (!up) return node.text || "(empty)";
    let i = 0;
    while (i < node.text.length && node.text[i] === up.text[i]) i++;
    const news = node.text.slice(i, i + 90);
    return (i ? "… " : "") + (news || "(cut)");
  }

  // rows lists a text and its descendants, with branches indented.
  function rows(node, depth) {
    const all = [];
    for (let at = node; ;) {
      const here = at, b = h("button", { type: "button", "aria-current": at === tree.now ? "true" : null, onclick: () => { tree.go(here.id); save(false); set({ at: "end" }); desk.take(); } }, h("em", {}, at.how), h("span", {}, fresh(at)));
      b.style.paddingLeft = 6 + 14 * Math.min(depth, 12) + "px";
      all.push(h("li", {}, b));
      const below = tree.children(at);
      if (below.length !== 1) {
        for (const c of below) all.push(...rows(c, depth + 1));
        return all;
      }
      at = below[0];
    }
  }

  const update = () => list.replaceChildren(...rows(tree.all[0], 0));
  update();
  return { update };
}
