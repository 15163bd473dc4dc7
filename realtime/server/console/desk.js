// What this gateway is made of: who answers, whether it may be another, whether it may be broken on purpose.

import { $, notice } from "./signs.js";
import { el } from "./thread.js";
import { inWords } from "./words.js";

export class Desk {
  constructor({ http, voice, thread, controls }) {
    Object.assign(this, { http, voice, thread, controls });
    $("upstream-form").onsubmit = (event) => {
      event.preventDefault();
      const choice = { baseUrl: $("upstream-url").value, apiKey: $("upstream-key").value, model: $("upstream-model").value };
      const given = Object.entries(choice).filter(([, value]) => value); // what is left empty is not chosen
      if (given.length) this.use(Object.fromEntries(given));
      else $("upstream-said").textContent = "Give an address, a key or a model first.";
    };
    $("upstream-back").onclick = () => this.use({});
  }

  async about() {
    const told = await (await this.http("v1/console")).json();
    this.voice.iceServers = told.iceServers;
    $("speech-note").textContent = told.note;
    $("upstream-now").textContent = `Now: ${told.upstream}.`;
    $("upstream-form").hidden = !told.canSwitch;
    $("break").hidden = told.breaks.length === 0;
    $("break-buttons").replaceChildren(...told.breaks.map((harm) => this.button(harm)));
    this.controls.show(this.controls.call);
  }

  button({ name, title }) {
    const button = el("button", "", title);
    button.type = "button";
    button.dataset.break = name;
    button.onclick = () => this.strike(name);
    return button;
  }

  async strike(name) {
    try {
      const { said } = await (await this.http("v1/console/breaks", { method: "POST", body: { name, threadId: this.thread.threadId } })).json();
      $("break-said").textContent = said;
    } catch (error) {
      notice(error);
    }
  }

  async use(choice) {
    try {
      await this.http("v1/console/upstream", { method: "PUT", body: choice });
      $("upstream-said").textContent = "The next call uses it.";
    } catch (error) {
      $("upstream-said").textContent = inWords(error);
    }
    $("upstream-key").value = "";
    await this.about().catch(notice);
  }
}
