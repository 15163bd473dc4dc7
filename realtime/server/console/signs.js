// What the page says of itself: lights, the line below the Talk button, and the notice that stays in sight.

import { el } from "./thread.js";
import { inWords } from "./words.js";

export const $ = (id) => document.getElementById(id);

const MENTIONED_MS = 6000;
let standing = "";
let passing;

export function light(name, state, word) {
  $(`light-${name}`).dataset.state = state;
  $(`word-${name}`).textContent = word;
}

export function say(words) {
  standing = words;
  mention(words, null);
}

// For a while, or (null) until something else is said; then what was said last stands again.
export function mention(words, ms = MENTIONED_MS) {
  clearTimeout(passing);
  $("talk-state").textContent = words;
  if (ms !== null) passing = setTimeout(() => say(standing), ms);
}

export function notice(error) {
  const close = el("button", "", "Dismiss");
  close.type = "button";
  close.onclick = dismiss;
  $("notice").replaceChildren(el("p", "", typeof error === "string" ? error : inWords(error)), close);
  $("notice").hidden = false;
}

export function dismiss() {
  $("notice").hidden = true;
}
