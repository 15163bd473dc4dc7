// Every message with its way, size, and how long its answer took.

import { el } from "./thread.js";

const KEPT = 2000;
const SHOWN = 400;
const FAULT = /(^|\/)error$|\.failed$/;
const AUDIO = /appendAudio|outputAudio\/delta|"audio":"/;

export class WireView {
  constructor(root) {
    this.rows = root.querySelector("#wire-rows");
    this.filter = root.querySelector("#wire-filter");
    this.audio = root.querySelector("#wire-audio");
    this.scroll = root.querySelector("#wire-scroll");
    this.kept = [];
    this.asked = new Map();
    this.began = performance.now();
    const pause = root.querySelector("#wire-pause");
    pause.onclick = () => {
      this.paused = !this.paused;
      pause.setAttribute("aria-pressed", String(this.paused));
      pause.textContent = this.paused ? "Go on" : "Pause";
      if (!this.paused) this.redraw();
    };
    root.querySelector("#wire-clear").onclick = () => { this.kept = []; this.redraw(); };
    root.querySelector("#wire-copy").hidden = !navigator.clipboard; // a page by plain http from another machine has none
    root.querySelector("#wire-copy").onclick = () => navigator.clipboard.writeText(this.text());
    root.querySelector("#wire-save").onclick = () => save("voxgate-wire.jsonl", this.text(), "application/jsonl");
    this.filter.oninput = this.audio.onchange = () => this.redraw();
  }

  frame(direction, text, message, carrier = "socket") {
    const at = performance.now();
    const entry = { at: (at - this.began) / 1000, direction, carrier, bytes: text.length, name: message.method ?? message.type ?? "", text, took: null, bad: Boolean(message.error) || FAULT.test(message.method ?? message.type ?? "") };
    if (direction === "out" && message.id !== undefined) this.asked.set(message.id, { at, name: entry.name });
    if (direction === "in" && message.id !== undefined && !message.method) {
      const asked = this.asked.get(message.id);
      this.asked.delete(message.id);
      entry.name = `${asked?.name ?? ""} ${message.error ? "refused" : "answered"}`;
      entry.took = asked ? at - asked.at : null;
    }
    entry.isAudio = AUDIO.test(entry.name) || entry.name.includes("audio.delta") || entry.name.includes("audio_buffer.append");
    this.kept.push(entry);
    if (this.kept.length > KEPT) this.kept.shift();
    if (!this.paused && this.wants(entry)) this.draw(entry);
  }

  wants(entry) {
    return (this.audio.checked || !entry.isAudio) && entry.name.toLowerCase().includes(this.filter.value.toLowerCase());
  }

  redraw() {
    this.rows.replaceChildren();
    for (const entry of this.kept.filter((known) => this.wants(known)).slice(-SHOWN)) this.draw(entry);
  }

  draw(entry) {
    const atEnd = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 60;
    const row = el("tr", entry.bad ? "bad" : "");
    const name = el("td");
    const toggle = el("button");
    toggle.type = "button";
    toggle.append(...breakable(entry.name || "?"));
    toggle.setAttribute("aria-expanded", "false");
    name.append(toggle);
    row.onclick = () => this.toggle(row, toggle, entry); // the button's click, too
    row.append(el("td", "", entry.at.toFixed(3)), el("td", entry.direction, entry.direction === "out" ? "▲ out" : "▼ in"), name, el("td", "", String(entry.bytes)), el("td", "", entry.took === null ? "" : `${entry.took.toFixed(1)} ms`));
    this.rows.append(row);
    while (this.rows.children.length > SHOWN) this.rows.firstChild.remove();
    if (atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  // The message stands in a row of its own, as wide as the table.
  toggle(row, button, entry) {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) return row.nextElementSibling.remove();
    const cell = el("td");
    cell.colSpan = row.children.length;
    cell.append(el("pre", "", pretty(entry.text)));
    const message = el("tr", "message");
    message.append(cell);
    row.after(message);
  }

  text() {
    return this.kept.filter((entry) => this.wants(entry)).map(({ at, direction, carrier, text }) => JSON.stringify({ t: Number(at.toFixed(4)), dir: direction, carrier, message: JSON.parse(text) })).join("\n");
  }
}

// A long name is broken behind its slashes, dots and underscores, never inside a word.
function breakable(name) {
  return name.split(/(?<=[/._])/).flatMap((part, index) => (index ? [el("wbr"), part] : [part]));
}

function pretty(text) {
  const shown = JSON.stringify(JSON.parse(text), (key, value) => (typeof value === "string" && value.length > 300 ? `${value.slice(0, 300)}… (${value.length})` : value), 2);
  return shown;
}

export function save(name, text, type) {
  const link = el("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
