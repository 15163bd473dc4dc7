// Jobs of the background agent: state, progress, steer, cancel, result.

import { el } from "./thread.js";

const WORDS = { running: "working", done: "done", failed: "failed", cancelled: "cancelled" };

export class WorkView {
  // onSteer(text), onCancel() act on the running turn; onState(jobs) is told which run.
  constructor(box, none, { onSteer, onCancel, onState }) {
    Object.assign(this, { box, none, onSteer, onCancel, onState });
    this.clear();
  }

  clear() {
    this.jobs = new Map();
    this.box.replaceChildren();
    this.none.hidden = false;
    this.onState([]);
  }

  turn(turn) {
    const job = this.jobs.get(turn.id) ?? this.make(turn);
    job.state = { inProgress: "running", completed: "done", interrupted: "cancelled", failed: "failed" }[turn.status];
    if (turn.status !== "inProgress") {
      job.result = turn.output ?? turn.error?.message ?? "";
      job.took = turn.completedAt && turn.startedAt ? (turn.completedAt - turn.startedAt) / 1000 : null;
    }
    this.show(job);
  }

  handoff({ state, text }) {
    const job = [...this.jobs.values()].reverse().find((known) => known.state === "running");
    if (!job || !text) return;
    if (state === "progress" && job.progress.at(-1) !== text) job.progress.push(text); // each hand-off of the turn tells it
    if (state === "steered") job.progress.push(`You added: ${text}`);
    this.show(job);
  }

  make(turn) {
    const asked = turn.input.map((part) => part.text).join("\n");
    const job = { id: turn.id, asked, state: "running", progress: [], result: "", card: el("article", "job") };
    job.card.dataset.turn = turn.id;
    this.jobs.set(turn.id, job);
    this.box.prepend(job.card);
    this.none.hidden = true;
    while (this.box.children.length > 20) this.box.lastChild.remove();
    return job;
  }

  show(job) {
    const typed = job.card.querySelector("input");
    const kept = typed?.value ?? "";
    const focused = typed !== null && document.activeElement === typed;
    const parts = [el("h3", "", job.asked)];
    const state = el("p", "", "");
    state.append(el("span", `state ${job.state === "cancelled" ? "failed" : job.state}`, WORDS[job.state]), job.took != null ? ` after ${job.took.toFixed(1)} s` : "");
    parts.push(state);
    if (job.progress.length) {
      const list = el("ul");
      list.append(...job.progress.slice(-4).map((line) => el("li", "", line)));
      parts.push(list);
    }
    if (job.result) parts.push(el("p", "result", job.result));
    if (job.state === "running") parts.push(this.controls(job, kept));
    job.card.replaceChildren(...parts);
    if (focused) job.card.querySelector("input")?.focus();
    this.onState([...this.jobs.values()].filter(({ state }) => state === "running"));
  }

  controls(job, kept) {
    const form = el("form");
    const input = el("input");
    input.setAttribute("aria-label", "Tell the agent more");
    input.placeholder = "tell it more";
    input.value = kept;
    const steer = el("button", "", "Steer");
    const cancel = el("button", "", "Cancel");
    cancel.type = "button";
    cancel.onclick = () => this.onCancel();
    form.onsubmit = (event) => {
      event.preventDefault();
      if (!input.value.trim()) return;
      this.onSteer(input.value.trim());
      job.progress.push(`You added: ${input.value.trim()}`);
      input.value = "";
      this.show(job);
    };
    form.append(input, steer, cancel);
    return form;
  }
}
