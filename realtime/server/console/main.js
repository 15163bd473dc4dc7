// The page: one thread, one call, and everything that can be seen of them.

import { CLOSED, inWords } from "./words.js";
import { Rpc } from "./rpc.js";
import { el, ThreadView } from "./thread.js";
import { PaceView } from "./pace.js";
import { save, WireView } from "./wire.js";
import { Voice } from "./voice.js";
import { WorkView } from "./work.js";

const $ = (id) => document.getElementById(id);
const WEBRTC_PATIENCE_MS = 6000;
const LISTED = 30;

const wire = new WireView($("wire"));
const thread = new ThreadView($("lines"), $("empty"));
const pace = new PaceView($("pace-bars"), $("no-pace"));
const work = new WorkView($("jobs"), $("no-work"), {
  onSteer: (text) => act("turn/steer", { input: [{ type: "text", text }] }),
  onCancel: () => act("turn/interrupt", {}),
  onState: (running) => light("agent", running ? "busy" : "off", running ? "working" : "idle"),
});
const rpc = new Rpc({ onNotification, onState: onConnection, onFrame: (way, text, message) => wire.frame(way, text, message) });
const voice = new Voice(rpc, {
  onLevel: (value) => ($("level").value = value),
  onSound: (ms) => ms !== null && ms < 30000 && pace.add(ms),
  onMedia: (state, word) => light("media", state, word),
  onEvent: (text) => wire.frame("in", text, JSON.parse(text), "data channel"),
  onLost: () => mediaLost(),
});

// What runs: null, or {modality, microphone: "open" | "push" | "none", media: "webrtc" | "socket"}.
let call = null;
let starting = null;
let awaitedSdp = null;
let awaitedStart = null;

// -- small things ----------------------------------------------------------------------------------

function light(name, state, word) {
  $(`light-${name}`).dataset.state = state;
  $(`word-${name}`).textContent = word;
}

function say(text) {
  $("talk-state").textContent = text;
}

function notice(error) {
  const words = typeof error === "string" ? error : inWords(error);
  const close = el("button", "", "Dismiss");
  close.type = "button";
  close.onclick = () => ($("notice").hidden = true);
  $("notice").replaceChildren(el("p", "", words), close);
  $("notice").hidden = false;
}

async function act(method, params) {
  try {
    return await rpc.call(method, { threadId: thread.threadId, ...params });
  } catch (error) {
    notice(error);
    return null;
  }
}

async function http(path, { method = "GET", body } = {}) {
  const headers = { ...(rpc.token ? { Authorization: `Bearer ${rpc.token}` } : {}), ...(body ? { "Content-Type": "application/json" } : {}) };
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw Object.assign(new Error(answer.error?.message ?? `the gateway answered ${response.status}`), { code: answer.error?.code });
}

// -- the connection --------------------------------------------------------------------------------

async function onConnection(state, why) {
  const shown = { connecting: ["busy", "connecting"], open: ["on", "connected"], lost: ["bad", "lost, coming back"], refused: ["bad", "refused"] }[state];
  light("control", ...shown);
  if (state === "refused") return refused(why === "unauthorized" && rpc.token ? "wrong_token" : why);
  if (state !== "open") return;
  $("notice").hidden = true;
  $("token-said").textContent = "";
  try {
    await (thread.threadId ? comeBack() : begin());
  } catch (error) {
    notice(error);
  }
  $("talk-button").disabled = false;
}

function refused(code) {
  notice({ code });
  if (code === "forbidden") return;
  $("token-said").textContent = inWords({ code }); // the dialog covers the notice
  $("settings").open || $("settings").showModal();
  $("token").focus();
}

async function begin() {
  const wanted = location.hash.slice(1);
  const { voices } = await rpc.call("thread/realtime/listVoices", {});
  $("voice").replaceChildren(...voices.v2.map((name) => new Option(name, name, name === voices.defaultV2, name === voices.defaultV2)));
  if (wanted) {
    try {
      await openThread(wanted);
    } catch {
      await newThread();
    }
  } else await newThread();
  await about();
}

async function newThread() {
  const { thread: made } = await rpc.call("thread/start", {});
  show(made.id, made.epoch);
}

function show(threadId, epoch) {
  thread.clear(threadId);
  thread.epoch = epoch;
  work.clear();
  history.replaceState(null, "", `#${threadId}`);
}

async function openThread(threadId) {
  if (call) await stop();
  const { epoch } = await rpc.call("thread/resume", { threadId, afterSeq: 0 }); // its records follow
  show(threadId, epoch);
}

async function comeBack() {
  const known = call;
  const { resumed, epoch, thread: found } = await rpc.call("thread/resume", { threadId: thread.threadId, afterSeq: thread.seq, epoch: thread.epoch, audio: call !== null });
  if (!resumed) show(thread.threadId, epoch);
  if (call && call === known && !starting && !found.realtime) ended(CLOSED.away);
}

// -- what the gateway tells ------------------------------------------------------------------------

function onNotification(method, params) {
  if (params.threadId && params.threadId !== thread.threadId) return;
  HEARD[method]?.(params);
}

const HEARD = {
  "item/started": (params) => recorded(params),
  "item/completed": (params) => recorded(params),
  "turn/started": (params) => recorded(params),
  "turn/completed": (params) => recorded(params),
  "thread/realtime/transcript/delta": (params) => {
    thread.delta(params);
    if (params.role === "assistant" && params.itemId !== voice.cutItem) voice.unmute();
  },
  "thread/realtime/transcript/done": (params) => thread.done(params),
  "thread/realtime/outputAudio/delta": ({ audio }) => {
    if (audio.itemId === voice.cutItem) return;
    voice.unmute();
    voice.play(audio);
  },
  "thread/realtime/outputAudio/flush": ({ itemId }) => {
    voice.cutItem = itemId;
    voice.agree();
    voice.flush();
  },
  "thread/realtime/handoff": (params) => {
    thread.handoff(params);
    work.handoff(params);
  },
  "thread/realtime/started": () => awaitedStart?.resolve(),
  "thread/realtime/sdp": ({ sdp }) => awaitedSdp?.resolve(sdp),
  "thread/realtime/reconnecting": ({ action }) => {
    if (action === "offer") return mediaLost();
    light("media", "busy", "voice model is sought");
    say("The voice model was lost; the talk goes on as soon as it is back. You need not do anything.");
  },
  "thread/realtime/resumed": () => {
    if (call) light("media", "on", call.media === "webrtc" ? "WebRTC" : "WebSocket");
    say("The voice model is back. Go on talking.");
  },
  "thread/realtime/error": (params) => {
    awaitedStart?.reject(Object.assign(new Error(params.message), params));
    awaitedSdp?.reject(Object.assign(new Error(params.message), params));
    if (!starting) notice(params);
  },
  "thread/realtime/closed": ({ reason }) => {
    if (call && !starting) ended(CLOSED[reason === "requested" && !call.stopping ? "elsewhere" : reason] ?? CLOSED.error);
  },
  "thread/deleted": () => notice({ code: "thread_not_found" }),
  error: (params) => notice(params),
};

function recorded(params) {
  thread.record(params);
  if (params.turn) work.turn(params.turn);
}

// -- the call --------------------------------------------------------------------------------------

function options(typed) {
  const modality = $("modality").value;
  const microphone = typed && !call ? "none" : modality === "text" ? "none" : $("mode").value;
  return { modality, microphone };
}

function start(typed = false) {
  starting ??= begun(options(typed)).finally(() => (starting = null));
  return starting;
}

async function begun(wanted) {
  say("Connecting…");
  $("notice").hidden = true;
  light("media", "busy", "connecting");
  $("talk-button").disabled = true;
  try {
    call = { ...wanted, media: "socket" };
    if (wanted.modality === "audio") {
      await voice.open(wanted.microphone !== "none");
      if (wanted.microphone !== "none") call.media = await byWebRtc(wanted);
    }
    if (call.media === "socket") await bySocket(wanted);
    running();
  } catch (error) {
    voice.close();
    call = null;
    light("media", "bad", "no call");
    say("No call is running.");
    notice(error);
    throw error;
  } finally {
    $("talk-button").disabled = false;
  }
}

function params({ modality, microphone }) {
  return { outputModality: modality, voice: $("voice").value || undefined, ...(microphone === "push" ? { turnDetection: null } : {}) };
}

// Which way the sound took: "webrtc", or "socket" where WebRTC did not connect.
async function byWebRtc(wanted) {
  const sdp = await voice.offer();
  awaitedSdp = Promise.withResolvers();
  try {
    await rpc.call("thread/realtime/start", { threadId: thread.threadId, ...params(wanted), transport: { type: "webrtc", sdp } });
    const answer = await within(awaitedSdp.promise, 20000);
    if (await voice.answered(answer, WEBRTC_PATIENCE_MS)) return "webrtc";
  } catch (error) {
    if (["overloaded", "upstream_refused", "unauthorized", "connection_lost"].includes(error.code)) throw error;
  } finally {
    awaitedSdp = null;
  }
  voice.dropPeer();
  notice({ code: "no_webrtc" });
  return "socket";
}

async function bySocket(wanted) {
  awaitedStart = Promise.withResolvers();
  try {
    await rpc.call("thread/realtime/start", { threadId: thread.threadId, ...params(wanted) });
    await within(awaitedStart.promise, 20000);
  } finally {
    awaitedStart = null;
  }
  if (wanted.modality === "audio") await voice.overSocket(thread.threadId);
}

function within(promise, ms) {
  const late = new Promise((_, reject) => setTimeout(() => reject(Object.assign(new Error("the gateway took too long to begin the call"), { code: "timeout" })), ms));
  return Promise.race([promise, late]);
}

function running() {
  const text = call.modality === "text";
  light("media", "on", text ? "text only" : call.media === "webrtc" ? "WebRTC" : "WebSocket");
  $("talk-button").setAttribute("aria-pressed", "true");
  $("talk-button").textContent = "Hang up";
  $("hold-button").hidden = call.microphone !== "push";
  if (call.microphone === "push") voice.hold(false);
  say({ open: "Listening. Just speak; you may interrupt at any word.", push: "Hold the button, or the space bar, while you speak.", none: text ? "Type; answers come as text." : "Type; answers come by voice." }[call.microphone]);
}

function ended(words) {
  voice.close();
  call = null;
  light("media", "off", "off");
  $("talk-button").setAttribute("aria-pressed", "false");
  $("talk-button").textContent = "Talk";
  $("hold-button").hidden = true;
  say(words);
}

async function stop() {
  if (call) call.stopping = true;
  await act("thread/realtime/stop", {});
  if (call) ended(CLOSED.requested);
}

// The sound's way is gone, the thread is not: the same call is made anew.
async function mediaLost() {
  if (!call || starting) return;
  say("The sound was cut off; connecting again…");
  voice.close();
  call = null;
  try {
    await start();
  } catch {
    ended("The sound was cut off. Press Talk to begin again; the thread goes on.");
  }
}

async function sayTyped(text) {
  try {
    if (!call) await start(true);
    await rpc.call("thread/realtime/appendText", { threadId: thread.threadId, text, respond: true });
  } catch (error) {
    $("say").value ||= text; // nobody has it: it can be said again
    notice(error);
  }
}

function hold(held) {
  if (call?.microphone !== "push" || (voice.held ?? false) === held) return;
  voice.hold(held);
  $("hold-button").setAttribute("aria-pressed", String(held));
  if (held) {
    act("thread/realtime/interrupt", {});
    voice.flush();
    act("thread/realtime/clearAudio", {});
  } else setTimeout(() => act("thread/realtime/commitAudio", {}), 250); // the last words are still on their way
}

// -- threads, exports, settings, harm --------------------------------------------------------------

async function listThreads() {
  const spoken = [];
  let cursor;
  do {
    const { data, nextCursor } = await rpc.call("thread/list", { limit: 200, cursor });
    spoken.push(...data.filter((known) => known.seq > 0)); // whoever opens the page has made one, and may have said nothing
    cursor = nextCursor;
  } while (cursor && spoken.length < LISTED);
  $("threads").replaceChildren(...spoken.slice(0, LISTED).map((known) => {
    const button = el("button", "", `${known.name ?? new Date(known.createdAt).toLocaleString()} · ${known.id.slice(-6)}`);
    button.type = "button";
    button.onclick = () => { $("threads-menu").open = false; openThread(known.id).catch(notice); };
    const line = el("li");
    line.append(button);
    return line;
  }));
  if (!$("threads").children.length) $("threads").append(el("li", "", "No thread has a line yet."));
}

async function exportThread(format) {
  $("export-menu").open = false;
  try {
    const response = await http(`v1/threads/${thread.threadId}/transcript?format=${format}`);
    const ending = { text: "txt", jsonl: "jsonl", vtt: "vtt" }[format];
    save(`thread-${thread.threadId.slice(-6)}.${ending}`, await response.text(), "text/plain");
  } catch (error) {
    notice(error);
  }
}

// What this gateway is made of: who answers, whether it may be broken on purpose, ICE servers.
async function about() {
  const told = await (await http("v1/console")).json();
  voice.iceServers = told.iceServers;
  $("speech-note").textContent = told.note;
  $("upstream-now").textContent = `Now: ${told.upstream}.`;
  $("upstream-fields").hidden = !told.canSwitch;
  $("break").hidden = told.breaks.length === 0;
  $("break-buttons").replaceChildren(...told.breaks.map(({ name, title }) => {
    const button = el("button", "", title);
    button.type = "button";
    button.dataset.break = name;
    button.onclick = () => doHarm(name);
    return button;
  }));
}

async function doHarm(name) {
  try {
    const { said } = await (await http("v1/console/breaks", { method: "POST", body: { name, threadId: thread.threadId } })).json();
    $("break-said").textContent = said;
  } catch (error) {
    notice(error);
  }
}

async function useUpstream(choice) {
  try {
    await http("v1/console/upstream", { method: "PUT", body: choice });
    $("upstream-said").textContent = "The next call uses it.";
  } catch (error) {
    $("upstream-said").textContent = inWords(error);
  }
  $("upstream-key").value = "";
  await about().catch(notice);
}

// -- hands -----------------------------------------------------------------------------------------

$("talk-button").onclick = () => (call ? stop() : start().catch(() => {}));
$("say-form").onsubmit = (event) => {
  event.preventDefault();
  const text = $("say").value.trim();
  if (!text) return;
  $("say").value = "";
  sayTyped(text);
};
$("hush").onclick = () => {
  voice.flush();
  rpc.call("thread/realtime/interrupt", { threadId: thread.threadId }).catch((error) => error.code === "session_not_found" || notice(error)); // without a call nothing sounds
};
for (const button of document.querySelectorAll(".try")) button.onclick = () => sayTyped(button.textContent);
$("hold-button").onpointerdown = () => hold(true);
$("hold-button").onpointerup = $("hold-button").onpointerleave = () => hold(false);
$("new-thread").onclick = async () => { if (call) await stop(); await newThread().catch(notice); };
$("threads-menu").ontoggle = () => $("threads-menu").open && listThreads().catch(notice);
for (const button of document.querySelectorAll("[data-export]")) button.onclick = () => exportThread(button.dataset.export);
$("open-settings").onclick = () => $("settings").showModal();
$("token").onchange = () => { rpc.token = $("token").value; $("notice").hidden = true; rpc.reconnect(); };
$("upstream-use").onclick = () => useUpstream({ baseUrl: $("upstream-url").value || undefined, apiKey: $("upstream-key").value, model: $("upstream-model").value || undefined });
$("upstream-back").onclick = () => useUpstream({});
for (const id of ["modality", "voice", "mode"]) $(id).onchange = () => call && say("This counts from the next call on. Hang up and talk again.");

const typing = (target) => target.matches("input, select, button, summary, textarea, [contenteditable]");
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && call && !$("settings").open) $("hush").click();
  if (event.code === "Space" && !event.repeat && (!typing(event.target) || event.target === $("hold-button"))) {
    if (call?.microphone === "push") event.preventDefault();
    hold(true);
  }
});
addEventListener("keyup", (event) => event.code === "Space" && hold(false));

window.voxgate = { voice, thread, get call() { return call; } }; // for tests and the curious
$("talk-button").disabled = true;
rpc.connect();
