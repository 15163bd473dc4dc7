// What buttons and choices show of the call, and what is wished for the next one.

import { $ } from "./signs.js";

export class Controls {
  constructor() {
    this.microphone = $("mode").value; // as wished; while a call runs, the choice shows what that call has
    this.call = null;
    this.active = this.playing = false;
  }

  // Whoever types has not asked for the microphone.
  wished({ typed = false } = {}) {
    const modality = $("modality").value;
    return { modality, microphone: typed || modality === "text" ? "none" : this.microphone };
  }

  show(call, connecting = false) {
    this.call = call;
    const running = call !== null && !connecting;
    const text = (call?.modality ?? $("modality").value) === "text";
    $("talk-button").setAttribute("aria-pressed", String(running));
    $("talk-button").textContent = running ? "Hang up" : "Talk";
    $("talk-button").disabled = connecting;
    $("microphone-button").hidden = !running || call.microphone !== "none";
    $("hold-button").hidden = !running || call.microphone !== "push";
    $("level").parentElement.hidden = !running || call.microphone === "none";
    $("mode").value = text ? "none" : (call?.microphone ?? this.microphone);
    $("mode").disabled = text || connecting;
    $("modality").disabled = $("voice").disabled = connecting;
    $("break-none").hidden = running;
    for (const button of $("break-buttons").children) button.disabled = !running;
    if (!running) this.active = false;
    this.showSound();
  }

  held(held) {
    $("hold-button").setAttribute("aria-pressed", String(held));
  }

  // What the gateway knows of answers, and what the ear hears of them.
  sounds({ active = this.active, playing = this.playing }) {
    Object.assign(this, { active, playing });
    this.showSound();
  }

  showSound() {
    const nothing = !this.call || !(this.active || this.playing);
    if (nothing && $("hush").matches(":focus-visible")) $("say").focus(); // a button that is off holds no keys
    $("hush").disabled = nothing;
  }
}
