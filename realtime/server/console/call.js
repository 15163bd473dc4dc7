// The call: how it begins, which way its sound goes, how it ends. The page has one at a time.

import { dismiss, light, notice, say } from "./signs.js";
import { CLOSED } from "./words.js";

const WEBRTC_PATIENCE_MS = 6000;
const START_MS = 20000;
const FINAL = ["overloaded", "upstream_refused", "unauthorized", "connection_lost"]; // another way for the sound would not help

export class Call {
  // now: null, or {modality, microphone: "open" | "push" | "none", media: "webrtc" | "socket"}
  constructor({ rpc, voice, thread, controls, voiceName }) {
    Object.assign(this, { rpc, voice, thread, controls, voiceName });
    this.now = this.starting = this.sdp = this.started = null;
    this.elsewhere = false; // whether the thread's call is another page's
  }

  // Where one runs already, the new one takes its place.
  start(wanted) {
    this.starting ??= this.begun(wanted).finally(() => (this.starting = null));
    return this.starting;
  }

  async begun(wanted) {
    const before = this.now;
    say("Connecting…");
    dismiss();
    light("media", "busy", "connecting");
    this.controls.show(before, true);
    try {
      const microphone = wanted.microphone === "none" ? null : await this.voice.askForMicrophone();
      if (before) this.voice.close();
      this.elsewhere = false;
      this.now = { ...wanted, media: "socket" };
      if (wanted.modality === "audio") await this.voice.open(microphone);
      if (microphone) this.now.media = await this.byWebRtc(wanted);
      if (this.now.media === "socket") await this.bySocket(wanted);
      this.show();
    } catch (error) {
      if (before && this.now === before) this.show(); // no microphone: the call that runs goes on without
      else this.failed(before);
      notice(error);
      throw error;
    }
  }

  failed(before) {
    if (before) this.rpc.call("thread/realtime/stop", { threadId: this.thread.threadId }).catch(() => {}); // of it nothing can be heard any more
    this.ended("No call is running.");
    light("media", "bad", "no call");
  }

  params({ modality, microphone }) {
    return { threadId: this.thread.threadId, outputModality: modality, voice: this.voiceName() || undefined, ...(microphone === "push" ? { turnDetection: null } : {}) };
  }

  // Which way the sound took: "webrtc", or "socket" where WebRTC did not connect.
  async byWebRtc(wanted) {
    const sdp = await this.voice.offer();
    this.sdp = Promise.withResolvers();
    try {
      await this.rpc.call("thread/realtime/start", { ...this.params(wanted), transport: { type: "webrtc", sdp } });
      const answer = await within(this.sdp.promise, START_MS);
      if (await this.voice.answered(answer, WEBRTC_PATIENCE_MS)) return "webrtc";
    } catch (error) {
      if (FINAL.includes(error.code)) throw error;
    } finally {
      this.sdp = null;
    }
    this.voice.dropPeer();
    notice({ code: "no_webrtc" });
    return "socket";
  }

  async bySocket(wanted) {
    this.started = Promise.withResolvers();
    try {
      await this.rpc.call("thread/realtime/start", this.params(wanted));
      await within(this.started.promise, START_MS);
    } finally {
      this.started = null;
    }
    if (wanted.modality === "audio") await this.voice.overSocket(this.thread.threadId);
  }

  // What runs, shown as it is.
  show() {
    const { modality, microphone, media } = this.now;
    const text = modality === "text";
    light("media", "on", text ? "text only" : media === "webrtc" ? "WebRTC" : "WebSocket");
    this.controls.show(this.now);
    if (microphone === "push") this.voice.hold(this.voice.held ?? false);
    say({ open: "Listening. Just speak; you may interrupt at any word.", push: "Hold the button, or the space bar, while you speak.", none: text ? "Type; answers come as text." : "Type; answers come by voice." }[microphone]);
  }

  // -- what the gateway tells of it -----------------------------------------------------------------

  refused(params) {
    const error = Object.assign(new Error(params.message), params);
    this.started?.reject(error);
    this.sdp?.reject(error);
    if (!this.starting) notice(params);
  }

  closed(reason) {
    if (this.starting) return; // the one before
    if (this.now) this.ended(CLOSED[reason === "requested" && !this.now.stopping ? "elsewhere" : reason] ?? CLOSED.error);
    else if (this.elsewhere) say(CLOSED.before);
    this.elsewhere = false;
  }

  ended(words) {
    this.voice.close();
    this.now = null;
    light("media", "off", "off");
    this.controls.show(null);
    say(words);
  }

  async stop() {
    if (this.now) this.now.stopping = true;
    await this.rpc.call("thread/realtime/stop", { threadId: this.thread.threadId }).catch(notice);
    if (this.now) this.ended(CLOSED.requested);
  }

  // The sound's way is gone, the thread is not: the same call is made anew.
  async mediaLost() {
    if (!this.now || this.starting) return;
    const { modality, microphone } = this.now;
    try {
      await this.start({ modality, microphone });
    } catch {
      if (!this.now) say("The sound was cut off. Press Talk to begin again; the thread goes on.");
    }
  }

  // -- push to talk ---------------------------------------------------------------------------------

  hold(held) {
    if (this.now?.microphone !== "push" || (this.voice.held ?? false) === held) return;
    this.voice.hold(held);
    this.controls.held(held);
    const ask = (what) => this.rpc.call(`thread/realtime/${what}`, { threadId: this.thread.threadId }).catch(notice);
    if (held) {
      ask("interrupt");
      this.voice.flush();
      ask("clearAudio");
    } else setTimeout(() => ask("commitAudio"), 250); // the last words are still on their way
  }
}

function within(promise, ms) {
  const late = new Promise((_, reject) => setTimeout(() => reject(Object.assign(new Error("the gateway took too long to begin the call"), { code: "timeout" })), ms));
  return Promise.race([promise, late]);
}
