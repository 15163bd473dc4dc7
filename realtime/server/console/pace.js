// How long each answer took: from the last word to the first sound; of what was typed, from the send to the first word.

import { el } from "./thread.js";

const SHOWN = 30;
const FULL_MS = 3000;

export class PaceView {
  constructor(list, none) {
    this.list = list;
    this.none = none;
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    this.none.hidden = false;
  }

  // Words that are not known yet are given later, by the item's id.
  add(ms, { how, words, itemId }) {
    this.none.hidden = true;
    const line = el("li");
    const bar = el("span", `bar-length ${how}`);
    bar.style.width = `${Math.min(100, (ms / FULL_MS) * 100)}%`;
    line.append(el("span", "words", words || "…"), el("span", "ms", `${how}, ${Math.round(ms)} ms`), bar);
    line.dataset.ms = Math.round(ms);
    if (itemId) line.dataset.item = itemId;
    this.list.prepend(line);
    while (this.list.children.length > SHOWN) this.list.lastChild.remove();
  }

  label(itemId, words) {
    const line = [...this.list.children].find(({ dataset }) => dataset.item === itemId);
    if (line && words) line.querySelector(".words").textContent = words;
  }
}
