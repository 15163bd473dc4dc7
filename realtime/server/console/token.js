// The access token: asked for where the gateway wants one, kept in memory alone.

import { $, dismiss, notice, say } from "./signs.js";
import { inWords } from "./words.js";

export class Token {
  constructor(rpc) {
    this.rpc = rpc;
    $("token-form").onsubmit = (event) => {
      event.preventDefault();
      rpc.token = $("token").value;
      dismiss();
      rpc.reconnect();
    };
  }

  // The page's own address may be what is refused: then no token helps.
  refused(why) {
    const code = why === "unauthorized" && this.rpc.token ? "wrong_token" : why;
    notice({ code });
    say("The gateway does not let this page in.");
    if (code === "forbidden") return;
    $("token-said").textContent = code === "unauthorized" ? "This gateway wants an access token." : inWords({ code }); // the dialog covers the notice
    $("settings").open || $("settings").showModal();
    $("token").focus();
    this.asked = true;
  }

  accepted() {
    $("token-said").textContent = "";
    if (this.asked) $("settings").close();
    this.asked = false;
  }
}
