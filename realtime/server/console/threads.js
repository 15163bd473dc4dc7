// The menu of threads: what each begins with, which one is open, and how one is deleted.

import { $, notice } from "./signs.js";
import { el } from "./thread.js";

const LISTED = 30;
const AT_ONCE = 4;
const RECORDS = 20; // the first words stand among these, or the thread is shown by its date
const LETTERS = 80;

export class ThreadsMenu {
  // onOpen(threadId) opens a thread, onDeleting(threadId) is awaited before one is deleted, onDeleted(threadId) told afterwards
  constructor({ rpc, http, thread, onOpen, onDeleting, onDeleted }) {
    Object.assign(this, { rpc, http, thread, onOpen, onDeleting, onDeleted });
    this.begins = new Map(); // thread id -> its first words; they do not change
    $("threads-menu").ontoggle = () => $("threads-menu").open && this.list().catch(notice);
    $("delete-form").onsubmit = () => this.remove(this.asked).catch(notice);
    $("delete-keep").onclick = () => $("delete").close();
  }

  async list() {
    const found = (await this.spoken()).slice(0, LISTED);
    $("threads").replaceChildren(...found.map((known) => this.line(known)));
    if (!found.length) $("threads").append(el("li", "none", "No thread has a line yet."));
    const rest = [...found];
    const read = async () => {
      for (let known = rest.shift(); known && $("threads-menu").open; known = rest.shift()) await this.read(known);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, read));
  }

  // Whoever opens the page has made a thread, and may have said nothing.
  async spoken() {
    const spoken = [];
    let cursor;
    do {
      const { data, nextCursor } = await this.rpc.call("thread/list", { limit: 200, cursor });
      spoken.push(...data.filter((known) => known.seq > 0));
      cursor = nextCursor;
    } while (cursor && spoken.length < LISTED);
    return spoken;
  }

  line(known) {
    const current = known.id === this.thread.threadId;
    const open = el("button", "open");
    open.type = "button";
    open.append(el("span", "words", this.begins.get(known.id) ?? known.name ?? "…"), el("span", "when", `${new Date(known.createdAt).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}${current ? " · open now" : ""}`));
    open.onclick = () => { $("threads-menu").open = false; this.onOpen(known.id); };
    if (current) open.setAttribute("aria-current", "true");
    const remove = el("button", "remove", "Delete");
    remove.type = "button";
    remove.onclick = () => this.ask(known);
    const line = el("li");
    line.dataset.thread = known.id;
    line.append(open, remove);
    this.name(line, known);
    return line;
  }

  async read(known) {
    if (known.name) return;
    if (!this.begins.has(known.id)) {
      const words = await this.firstWords(known.id).catch(() => null);
      if (words) this.begins.set(known.id, words);
    }
    const line = $("threads").querySelector(`[data-thread="${known.id}"]`);
    if (line) this.name(line, known, "(no words yet)");
  }

  name(line, known, otherwise = "…") {
    const words = this.begins.get(known.id) ?? known.name ?? otherwise;
    line.querySelector(".words").textContent = words;
    line.querySelector(".remove").setAttribute("aria-label", `Delete: ${words}`);
  }

  async firstWords(threadId) {
    const { data } = await (await this.http(`v1/threads/${threadId}/items?after=0&limit=${RECORDS}`)).json();
    const items = data.map(({ params }) => params?.item).filter((item) => item?.text);
    const first = items.find(({ type }) => type === "userMessage") ?? items[0];
    return first?.text.slice(0, LETTERS);
  }

  ask(known) {
    this.asked = known.id;
    $("delete-words").textContent = this.begins.get(known.id) ?? known.name ?? new Date(known.createdAt).toLocaleString();
    $("delete").showModal();
  }

  async remove(threadId) {
    await this.onDeleting(threadId);
    await this.http(`v1/threads/${threadId}`, { method: "DELETE" });
    $("threads").querySelector(`[data-thread="${threadId}"]`)?.remove();
    this.onDeleted(threadId);
  }
}
