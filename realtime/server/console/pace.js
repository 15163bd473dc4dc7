// How long each answer took: from the last word to the first sound.

import { el } from "./thread.js";

export class PaceView {
  constructor(list, none) {
    this.list = list;
    this.none = none;
    this.turns = 0;
  }

  add(ms) {
    this.none.hidden = true;
    const line = el("li");
    const bar = el("span", "bar-length");
    bar.style.width = `${Math.min(100, ms / 30)}%`;
    line.append(el("span", "", `${(ms / 1000).toFixed(2)} s`), bar);
    line.dataset.ms = Math.round(ms);
    line.setAttribute("aria-label", `turn ${++this.turns}: ${(ms / 1000).toFixed(2)} seconds`);
    this.list.prepend(line);
    while (this.list.children.length > 30) this.list.lastChild.remove();
  }
}
