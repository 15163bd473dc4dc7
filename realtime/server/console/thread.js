// The thread: records folded into lines in spoken order, and what is being said right now.

export class ThreadView {
  constructor(list, empty) {
    this.list = list;
    this.empty = empty;
    this.clear(null);
  }

  clear(threadId) {
    this.threadId = threadId;
    this.seq = 0;
    this.epoch = null;
    this.items = new Map(); // id -> item, in order of the first record
    this.live = new Map(); // id -> text of deltas
    this.lines = new Map(); // id -> element
    this.turns = new Set(); // of the agent's, that have begun
    this.progress = new Map(); // id of a hand-off's call -> what the agent said last
    this.list.replaceChildren();
    this.empty.hidden = false;
  }

  record(params) {
    if (params.seq <= this.seq) return;
    this.seq = params.seq;
    if (params.turn) this.turns.add(params.turn.id);
    const item = params.item;
    if (!item) return;
    const before = this.items.get(item.id);
    if (!before?.recorded) this.items.delete(item.id); // its words came first; its place is that of its first record
    const placed = { ...item, recorded: true, createdAt: before?.createdAt || item.createdAt };
    placed.joined = before?.recorded ? before.joined : this.turns.has(item.turnId); // whoever begins a turn stands before it
    placed.previousItemId = item.previousItemId ?? before?.previousItemId;
    this.items.set(item.id, placed);
    if (item.status !== "inProgress") this.live.delete(item.id);
    this.render(item.id);
    this.place();
  }

  delta({ itemId, delta, role }) {
    if (!itemId) return;
    if (!this.items.has(itemId)) this.items.set(itemId, { id: itemId, type: role === "user" ? "userMessage" : "assistantMessage", text: "", status: "inProgress" });
    if (this.items.get(itemId).status !== "inProgress") return;
    this.live.set(itemId, (this.live.get(itemId) ?? "") + delta);
    this.render(itemId);
    this.place();
  }

  done({ itemId, text }) {
    if (this.items.get(itemId)?.status === "inProgress") {
      this.live.set(itemId, text);
      this.render(itemId);
    }
  }

  // May come before the record of its item.
  handoff({ callId, state, text }) {
    if (state === "progress") this.progress.set(callId, text);
    else this.progress.delete(callId);
    for (const item of this.items.values()) if (item.type === "handoff" && item.callId === callId) this.render(item.id);
  }

  get lastSaid() {
    return [...this.items.values()].reverse().find(({ type }) => type === "userMessage") ?? null;
  }

  // An item that names another stands right behind it, past hand-offs and the like that name none.
  order() {
    const order = [];
    const known = [...this.items].sort(([, one], [, other]) => Boolean(other.recorded) - Boolean(one.recorded));
    for (const [id, item] of known) {
      const at = item.previousItemId ? order.indexOf(item.previousItemId) : -1;
      if (at < 0) order.push(id);
      else {
        let to = at + 1;
        while (to < order.length && !this.items.get(order[to]).previousItemId) to++;
        order.splice(to, 0, id);
      }
    }
    return order;
  }

  place() {
    const wanted = this.order().map((id) => this.lines.get(id)).filter(Boolean);
    const scroll = this.list.parentElement;
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
    wanted.forEach((line, index) => {
      if (this.list.children[index] !== line) this.list.insertBefore(line, this.list.children[index] ?? null);
    });
    this.empty.hidden = wanted.length > 0;
    if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  }

  render(id) {
    const item = this.items.get(id);
    if (item.type === "session") return;
    let line = this.lines.get(id);
    if (isEmpty(item, this.live.get(id))) {
      line?.remove();
      this.lines.delete(id);
      return;
    }
    if (!line) this.lines.set(id, (line = document.createElement("li")));
    const kind = { userMessage: "user", assistantMessage: "assistant", handoff: "handoff" }[item.type] ?? item.type;
    line.className = [kind, item.status === "failed" ? "failed" : ""].join(" ").trim();
    line.dataset.id = id;
    line.dataset.status = item.status;
    line.replaceChildren(el("span", "who", WHO[kind] ?? kind), ...this.body(kind, item));
  }

  body(kind, item) {
    const text = item.text || this.live.get(item.id) || "";
    if (kind === "handoff") return handoffBody(item, text, this.progress.get(item.callId));
    if (item.status === "failed" && kind === "user") return [el("span", "waiting", text || "Something was said here that could not be written down.")];
    if (item.status === "failed") return [el("span", "", text), el("span", "waiting", " This answer failed.")];
    if (!text) return [el("span", "waiting", kind === "user" ? "listening…" : "…")];
    if (item.status === "interrupted") return heardBody(item, text);
    return [el("span", "", text)];
  }
}

const WHO = { user: "You", assistant: "Voice", handoff: "Handed to the agent" };

// Over, and nothing was said in it.
function isEmpty(item, live) {
  return (item.type === "userMessage" || item.type === "assistantMessage") && ["completed", "interrupted"].includes(item.status) && !(item.text || live);
}

// Progress is told to whoever began the work; a hand-off that joined it waits for the answer to itself.
function handoffBody(item, text, progress) {
  const parts = [el("span", "", text)];
  const open = item.joined ? "Passed on to the running work." : progress || "working…";
  const states = { inProgress: open, completed: item.output ? `Result: ${item.output}` : "Done.", interrupted: "Cancelled.", failed: `Failed: ${item.error ?? "no reason was given"}` };
  parts.push(document.createElement("br"), el("span", item.status === "inProgress" ? "waiting" : "", states[item.status]));
  return parts;
}

// What was cut off stands greyed: the share of the words that the share of the sound tells.
function heardBody(item, text) {
  const share = item.audioMs ? Math.min(1, (item.heardMs ?? 0) / item.audioMs) : 1;
  let cut = Math.round(text.length * share);
  while (cut < text.length && cut > 0 && text[cut] !== " ") cut++;
  const tail = el("span", "unheard", text.slice(cut));
  tail.title = "You cut in here: this was not heard.";
  return [el("span", "", text.slice(0, cut)), tail, el("span", "waiting", " (interrupted)")];
}

export function el(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
